"""How many large bodies may be in work at once? So many that they find room in memory together.

What is made of a body takes several times its size, and senders choose how many come at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tocsin.kit import gauge
from tocsin.kit.fault import Temporary

LARGE_BYTES = 1 << 20
"""Smaller bodies go by without being counted."""
_WAIT_SECONDS = 5.0
_MOST_WAITING = 64

_bytes = gauge.gauge("ingest_large_bodies_bytes", "Bytes of large bodies that are in work.")
_refused = gauge.counter("ingest_large_bodies_refused", "Large bodies that found no room.")


class BodyRoom:
    """Counts the bytes of large bodies. Who finds no room waits in turn, and a few seconds at the
    most; one body may be larger than the room as long as it is alone."""

    def __init__(self, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self.held_bytes = 0
        self._wait_seconds = wait_seconds
        self._waiting: deque[tuple[int, int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int, most_bytes: int) -> None:
        """Return once there is room for so many bytes more. Raises Temporary when there is none for
        too long, or too many wait already."""
        if not self._waiting and self._fits(size_bytes, most_bytes):
            self._count(size_bytes)
            return
        if len(self._waiting) >= _MOST_WAITING:
            raise self._full(most_bytes)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (size_bytes, most_bytes, told)
        self._waiting.append(place)
        is_in = False
        try:
            async with asyncio.timeout(self._wait_seconds):
                await told
            is_in = True
        except TimeoutError:
            raise self._full(most_bytes) from None
        finally:
            if not is_in:
                self._left(place)

    def give_back(self, size_bytes: int) -> None:
        """So many bytes are in work no more."""
        self._count(-size_bytes)
        self._let_in()

    @asynccontextmanager
    async def holding(self, size_bytes: int, most_bytes: int) -> AsyncIterator[None]:
        """Room for a body while the block lasts; for small ones there always is."""
        counted = size_bytes if size_bytes > LARGE_BYTES else 0
        if counted:
            await self.take(counted, most_bytes)
        try:
            yield
        finally:
            if counted:
                self.give_back(counted)

    def _fits(self, size_bytes: int, most_bytes: int) -> bool:
        return not self.held_bytes or self.held_bytes + size_bytes <= most_bytes

    def _count(self, size_bytes: int) -> None:
        self.held_bytes += size_bytes
        _bytes.set(self.held_bytes)

    def _let_in(self) -> None:
        while self._waiting and self._fits(*self._waiting[0][:2]):
            size_bytes, _, told = self._waiting.popleft()
            if not told.done():
                self._count(size_bytes)
                told.set_result(None)

    def _left(self, place: tuple[int, int, asyncio.Future[None]]) -> None:
        """Somebody waits no more: who was let in at that very moment makes room again."""
        size_bytes, _, told = place
        if told.done() and not told.cancelled():
            self.give_back(size_bytes)
            return
        if place in self._waiting:
            self._waiting.remove(place)
        self._let_in()

    def _full(self, most_bytes: int) -> Temporary:
        _refused.inc()
        return Temporary(
            f"large bodies of {self.held_bytes >> 20} MiB are in work already; send it again, in "
            f"smaller batches, or raise ingest.body.max_held ({most_bytes >> 20} MiB)",
            1.0,
        )
