"""What does a process of the demo say? Lines of JSON, sent to Tocsin as any application would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from tocsin.demo.tracer import current

_EVERY_SECONDS = 0.5
_KEPT = 2_000
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Journal:
    """Collects lines and sends them twice a second; keeps the last 2,000 while Tocsin is away."""

    def __init__(self, service: str, url: str, key: str) -> None:
        self._service = service
        self._url = url
        self._headers = {"Content-Type": "application/x-ndjson"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._waiting: deque[bytes] = deque(maxlen=_KEPT)

    def say(self, level: str, message: str, **fields: object) -> None:
        """Add a line; fields without a value are left out."""
        line: dict[str, object] = {
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            "level": level,
            "message": message,
            "service": self._service,
            "environment": "demo",
        }
        if here := current():
            line |= {"trace_id": here.trace_id, "span_id": here.span_id}
        line.update({name: value for name, value in fields.items() if value not in (None, "")})
        self._waiting.append(json.dumps(line).encode())

    async def background(self, app: web.Application) -> AsyncIterator[None]:
        """Send while the application runs, and what is left at its end."""
        self.say("info", "started")
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            sending = asyncio.create_task(self._send_on(session))
            yield
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self.say("info", "stopped")
            await self._send(session)

    async def _send_on(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._send(session)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        if not self._waiting or not self._url:
            return
        lines = list(self._waiting)
        self._waiting.clear()
        taken = False
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            body = b"\n".join(lines)
            path = f"{self._url}/api/logs/lines"
            async with session.post(path, data=body, headers=self._headers) as answer:
                # What is refused is wrong, and would be again; the rest is tried later.
                taken = answer.status < 500 and answer.status != 429
        if not taken:
            self._waiting.extendleft(reversed(lines))


def given_key() -> str:
    """The key from standard input's first line: command lines can be read by others."""
    return sys.stdin.readline().strip()


def since_ms(started: float) -> int:
    """Milliseconds since a reading of `time.perf_counter`."""
    return round((time.perf_counter() - started) * 1000)
