"""`kill -9` of either process while lines come in: acknowledged ones are kept, once each."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import pytest

from tests.resilience.serving import Serving, acknowledged_again, serving
from tests.waiting import some_moment, until

SENDERS, LINES, KILLS = 3, 200, 8


class Shipper:
    """Sends bulk requests, each again until it is acknowledged, as shippers do."""

    def __init__(self, number: int, target: Serving, pause_seconds: float = 0.01) -> None:
        self._number = number
        self._target = target
        self._pause_seconds = pause_seconds
        self.acknowledged: list[str] = []
        self.repeated = 0
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Send until told to end; the last request is acknowledged, too."""
        request = 0
        while not self.ended.is_set():
            messages = [f"{self._number}/{request}/{line}" for line in range(LINES)]
            body = _bulk(messages)
            await until(partial(self._is_taken, body))
            self.acknowledged += messages
            request += 1
            await asyncio.sleep(self._pause_seconds)

    async def _is_taken(self, body: bytes) -> bool:
        url = f"{self._target.url}/elasticsearch/kept-logs/_bulk"
        try:
            async with self._target.http.post(url, data=body) as response:
                answer = msgspec.json.decode(await response.read())
                is_taken = response.status == 200 and answer["errors"] is False
        except (aiohttp.ClientError, ConnectionError, TimeoutError, msgspec.DecodeError):
            is_taken = False
        self.repeated += not is_taken
        return is_taken


def _bulk(messages: list[str]) -> bytes:
    at = time.time_ns() // 1_000_000
    lines = b""
    for message in messages:
        document = {"@timestamp": at, "message": message, "level": "info"}
        lines += b'{"create":{}}\n' + msgspec.json.encode(document) + b"\n"
    return lines


@pytest.mark.slow
async def test_no_acknowledged_line_is_lost_or_doubled_by_kills_of_either_process(
    tmp_path: Path,
) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    async with serving(tmp_path) as tocsin:
        shippers = [Shipper(number, tocsin) for number in range(SENDERS)]
        running = [asyncio.create_task(shipper.run()) for shipper in shippers]
        for _ in range(KILLS):
            await some_moment(random, least=0.2, most=1.5)
            if random.random() < 0.5:
                await tocsin.kill()
                await tocsin.start()
            else:
                await until(tocsin.kill_engine)
            await acknowledged_again(shippers)
        for shipper in shippers:
            shipper.ended.set()
        await asyncio.gather(*running)
        sent = sorted(line for shipper in shippers for line in shipper.acknowledged)
        sys.stdout.write(f"{len(sent)} lines, {[one.repeated for one in shippers]} repeated\n")
        await until(lambda: is_whole(tocsin, sent))
        assert await tocsin.stop() == 0
        await tocsin.start()
        await until(lambda: _answers(tocsin))
        found = await _kept(tocsin)
        assert len(found) == len(sent)
        assert _hash(found) == _hash(sent)


@pytest.mark.slow
async def test_a_document_that_has_an_id_is_known_after_kill_9(tmp_path: Path) -> None:
    def body(*ids: str) -> bytes:
        actions = [msgspec.json.encode({"create": {"_id": one}}) for one in ids]
        plain = _bulk([f"document {one}" for one in ids]).splitlines()[1::2]
        return b"".join(part + b"\n" for pair in zip(actions, plain, strict=True) for part in pair)

    async with serving(tmp_path) as tocsin:
        for ids, statuses in (("ab", [201, 201]), ("bc", [409, 201])):
            url = f"{tocsin.url}/elasticsearch/kept-logs/_bulk"
            async with tocsin.http.post(url, data=body(*ids)) as response:
                answer = msgspec.json.decode(await response.read())
            assert [item["create"]["status"] for item in answer["items"]] == statuses
            await tocsin.kill()
            await tocsin.start()
        assert await _kept(tocsin) == ["document a", "document b", "document c"]


async def is_whole(tocsin: Serving, sent: list[str]) -> bool:
    """Whether exactly these lines, sorted, are kept and found."""
    return await _answers(tocsin) and await _kept(tocsin) == sent


async def _answers(tocsin: Serving) -> bool:
    """Whether lines can be asked for: while lines are taken the engine may still be on its way
    back."""
    return (await tocsin.get("/-/ready"))[0] == 200


async def _kept(tocsin: Serving) -> list[str]:
    """Every line's text, sorted."""
    async with tocsin.http.get(
        f"{tocsin.url}/api/logs/export", params={"q": "source:kept-logs", "from": "now-1d"}
    ) as response:
        body = await response.read()
        assert response.status == 200, body[:1000]
    return sorted(msgspec.json.decode(line)["message"] for line in body.splitlines())


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
