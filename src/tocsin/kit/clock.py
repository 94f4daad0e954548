"""What time is it? The only place that reads the system's clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable, Sized
from typing import ClassVar, Protocol

_LEAST_TURNS, _MOST_TURNS = 10, 10_000


class Clock(Protocol):
    """Wall time in UTC, a monotonic reading, and sleep; everything that waits takes one."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeClock:
    """A clock that moves only when told to; sleepers wake in order as it passes their time.

    `settle` returns when what a moment set off is over. It knows of tasks; where threads take part
    that nobody else uses, as in tests, another one may wait for those, too.
    """

    settle: ClassVar[Callable[[], Awaitable[None]]]

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._monotonic = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def now_ms(self) -> int:
        return round(self._now * 1000)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Move the wall time alone, as an administrator or NTP does; nobody wakes."""
        self._now += seconds

    async def advance(self, seconds: float) -> None:
        """Pass time, waking each sleeper at its own moment and letting it run."""
        end = self._monotonic + seconds
        await FakeClock.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move_to(due)
            if not woken.done():
                woken.set_result(None)
            await FakeClock.settle()
        self._move_to(end)
        await FakeClock.settle()

    def _move_to(self, moment: float) -> None:
        self._now += moment - self._monotonic
        self._monotonic = moment


async def let_others_run() -> None:
    """Ten turns of the loop, and more as long as anything is ready to run: what a moment sets off
    is over before the next moment comes, however many steps it takes."""
    ready: Sized = getattr(asyncio.get_running_loop(), "_ready", ())
    for turn in range(_MOST_TURNS):
        await asyncio.sleep(0)
        if turn >= _LEAST_TURNS and not ready:
            return


FakeClock.settle = let_others_run
