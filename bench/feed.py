"""Send ready-made bodies to a server, a few requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


async def _send(url: str, lanes: Sequence[Sequence[bytes]], at_once: int) -> None:
    waiting = iter(lanes)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(headers=_HEADERS, timeout=timeout) as session:

        async def sender() -> None:
            for lane in waiting:
                for body in lane:
                    async with session.post(f"{url}/api/v1/write", data=body) as answer:
                        if answer.status >= 300:
                            raise SystemExit(f"{url}: {answer.status} {await answer.text()}")

        await asyncio.gather(*(sender() for _ in range(at_once)))


def feed(url: str, lanes: Sequence[Sequence[bytes]], at_once: int = 8) -> None:
    """Post every lane in its order, some side by side; ends at the first refusal."""
    asyncio.run(_send(url, lanes, at_once))
