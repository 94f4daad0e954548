"""Send ready-made bodies to a server, a few requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import aiohttp

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


async def _send(url: str, bodies: Iterable[bytes], at_once: int) -> int:
    waiting = iter(bodies)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(headers=_HEADERS, timeout=timeout) as session:

        async def sender() -> int:
            sent = 0
            for body in waiting:
                async with session.post(f"{url}/api/v1/write", data=body) as answer:
                    if answer.status >= 300:
                        raise SystemExit(f"{url}: {answer.status} {await answer.text()}")
                sent += 1
            return sent

        return sum(await asyncio.gather(*(sender() for _ in range(at_once))))


def feed(url: str, bodies: Iterable[bytes], at_once: int = 8) -> int:
    """Post every body and return their number; ends the benchmark at the first refusal."""
    return asyncio.run(_send(url, bodies, at_once))
