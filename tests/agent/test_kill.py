"""An agent and a Tocsin that are killed at any moment while files grow and rotate: every line
arrives, and none twice."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.resilience.serving import Serving
from tests.waiting import some_moment, until

_LINES = 24_000
_PIECE = 200
_SEED = 20260504


async def write_and_rotate(folder: Path, chosen: random.Random) -> None:
    """Lines with pauses; now and then a rotation, renamed or cut to nothing behind its copy."""
    log = folder / "app.log"
    rotations = 0
    for first in range(0, _LINES, _PIECE):
        with log.open("a") as stream:
            stream.writelines(
                f"event {one:08d} of the shop\n" for one in range(first, first + _PIECE)
            )
        await some_moment(chosen, most=0.4)
        if chosen.random() < 0.12:
            rotations += 1
            kept = folder / f"app.log.{rotations}"
            if rotations % 2:
                log.rename(kept)
            else:
                shutil.copy(log, kept)
                os.truncate(log, 0)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Shipper:
    """The agent's process."""

    def __init__(self, folder: Path, url: str) -> None:
        self._command = [
            *(sys.executable, "-m", "tocsin", "agent", "--to", url),
            *("--file", str(folder / "logs" / "*.log"), "--state", str(folder / "agent.state")),
        ]
        self._log = folder / "agent.txt"

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


async def kept_texts(serving: Serving) -> list[str]:
    """The texts of all lines that are kept."""
    address = f"{serving.url}/api/logs/export"
    params = {"from": "now-1h", "format": "ndjson"}
    async with serving.http.get(address, params=params) as answer:
        body = await answer.read()
        assert answer.status == 200, body[:500]
    lines = [msgspec.json.decode(line, type=dict[str, object]) for line in body.splitlines()]
    return [str(one.get("body", one.get("message"))) for one in lines]


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    serving = Serving(tmp_path, ("--http", f"127.0.0.1:{free_port()}"))
    yield serving
    await serving.close()


@pytest.mark.slow
async def test_every_line_arrives_once_whatever_is_killed(tmp_path: Path, serving: Serving) -> None:
    chosen = random.Random(_SEED)
    (tmp_path / "logs").mkdir()
    await serving.start()
    (tmp_path / "logs" / "app.log").write_text("the first line\n")
    agent = Shipper(tmp_path, serving.url)
    await agent.start()
    await until((tmp_path / "agent.state").exists, seconds=300)
    writing = asyncio.create_task(write_and_rotate(tmp_path / "logs", chosen))
    kills = 0
    while not writing.done():
        await some_moment(chosen, least=1.5, most=5.0)
        kills += 1
        if kills % 4 == 0:
            await serving.kill()
            await serving.start()
        else:
            await agent.kill()
            await agent.start()
    await writing

    async def all_there() -> bool:
        return len(set(await kept_texts(serving))) > _LINES

    await until(all_there)
    agent.process.terminate()
    # It may have been started a moment ago, and listens to signals only once it is.
    assert await agent.process.wait() in (0, -signal.SIGTERM)
    texts = await kept_texts(serving)
    wanted = ["the first line", *(f"event {one:08d} of the shop" for one in range(_LINES))]
    twice = {text: count for text, count in Counter(texts).items() if count > 1}
    assert sorted(set(wanted) - set(texts))[:10] == []
    assert list(twice.items())[:10] == []
    digest = hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
    assert digest == hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()
    assert kills >= 4
