"""`kill -9` between "recorded" and "sent": once more at the most, never zero times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.resilience.serving import Serving, serving
from tests.waiting import stays, until

TWO_TURNS_SECONDS = 11.0
CONFIG = """
scrape: {{host: false, itself: false}}
alertmanager:
  route: {{receiver: team, group_wait: 0s, group_interval: 5s, group_by: [alertname]}}
  receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""


class Receiver:
    """A webhook's other end: takes whole messages, and answers once it may."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []  # Any: Alertmanager's JSON
        self.may_answer = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.bodies.append(msgspec.json.decode(await reader.readexactly(length)))
            await self.may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it was killed: that is the test
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        server.close()


async def _fire(tocsin: Serving) -> None:
    alert = [{"labels": {"alertname": "Down", "instance": "a"}}]
    async with tocsin.http.post(f"{tocsin.url}/api/v2/alerts", json=alert) as response:
        assert response.status == 200, await response.text()


async def _states(tocsin: Serving) -> list[str]:
    status, answer = await tocsin.get("/api/notifications")
    assert status == 200, answer
    return [one["state"] for one in answer["notifications"]]


@pytest.mark.slow
@pytest.mark.parametrize("is_listening", [True, False], ids=["it had arrived", "it had not"])
async def test_a_kill_between_recorded_and_sent_tells_once_more_and_never_nothing(
    tmp_path: Path, *, is_listening: bool
) -> None:
    async with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port if is_listening else 9}/"
        async with serving(tmp_path, config=CONFIG.format(url=url)) as tocsin:
            await _fire(tocsin)
            if is_listening:
                await until(lambda: len(receiver.bodies) == 1)
            await until(lambda: _is_recorded(tocsin))
            await tocsin.kill()
            receiver.may_answer.set()
            url = f"http://127.0.0.1:{receiver.port}/"
            tocsin.config.write_text(CONFIG.format(url=url))
            await tocsin.start()
            before = int(is_listening)
            await until(lambda: len(receiver.bodies) == before + 1)
            await until(lambda: _is_sent(tocsin))
            assert "unknown" in await _states(tocsin)
            # Two more turns of the group tell nothing again.
            await asyncio.to_thread(
                stays, lambda: len(receiver.bodies) == before + 1, TWO_TURNS_SECONDS
            )
            assert len(receiver.bodies) == before + 1
            assert {one["alerts"][0]["status"] for one in receiver.bodies} == {"firing"}


async def _is_recorded(tocsin: Serving) -> bool:
    return any(state in ("sending", "retrying") for state in await _states(tocsin))


async def _is_sent(tocsin: Serving) -> bool:
    return "sent" in await _states(tocsin)
