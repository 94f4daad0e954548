"""Who watches lines as they come in? Readers that are too slow lose lines and are told how many.

Publishing only hands a batch over. Each reader looks at its batches itself: at a few short lines
at once, at more of them in the one thread that all tails share, so that no question that somebody
follows holds up those who send lines.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tocsin.kit import gauge
from tocsin.kit.fault import Temporary, TooMuch
from tocsin.model.logs import LogBatch, LogRecord

_watching = gauge.gauge("log_tails", "Live tails that are open.")
_lost = gauge.counter("log_tail_lost", "Lines that live tails were too slow to look at.")

MOST = 200
MOST_OF_ONE = 50
_WAITING_LINES = 50_000
_WAITING_CHARACTERS = 16 << 20
_AT_ONCE = 2_000
_ON_LOOP_LINES = 50
_ON_LOOP_CHARACTERS = 32 << 10

T = TypeVar("T")

Read = Callable[[LogRecord, LogBatch, int], T | None]
"""What a tail shows of a line, given its batch and its number; None of one that it does not
want. It may run in a thread."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: LogBatch
    characters: int


class TailReader(Generic[T]):
    """One live tail. `lost` counts the lines that came faster than they could be looked at."""

    def __init__(self, read: Read[T], thread: ThreadPoolExecutor) -> None:
        self.lost = 0
        self._read = read
        self._thread = thread
        self._waiting: deque[_Waiting] = deque()
        self._lines = self._characters = 0
        self._arrived = asyncio.Event()

    def offer(self, batch: LogBatch, characters: int) -> None:
        """Take a batch that has so many characters, unless too much waits already."""
        count = len(batch.records)
        if self._waiting and (
            self._lines + count > _WAITING_LINES
            or self._characters + characters > _WAITING_CHARACTERS
        ):
            self.lost += count
            _lost.inc(count)
            return
        self._waiting.append(_Waiting(batch, characters))
        self._lines += count
        self._characters += characters
        self._arrived.set()

    async def batches(self, idle_seconds: float) -> AsyncIterator[list[T]]:
        """What is wanted, as it comes; an empty list after so long without any line."""
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                yield []
                continue
            self._arrived.clear()
            while self._waiting:
                one = self._waiting.popleft()
                self._lines -= len(one.batch.records)
                self._characters -= one.characters
                async for found in self._looked(one):
                    yield found

    async def _looked(self, one: _Waiting) -> AsyncIterator[list[T]]:
        count = len(one.batch.records)
        is_light = count <= _ON_LOOP_LINES and one.characters <= _ON_LOOP_CHARACTERS
        for start in range(0, count, _AT_ONCE):
            places = range(start, min(start + _AT_ONCE, count))
            if is_light:
                yield self._wanted(one.batch, places)
            else:
                loop = asyncio.get_running_loop()
                yield await loop.run_in_executor(self._thread, self._wanted, one.batch, places)

    def _wanted(self, batch: LogBatch, places: range) -> list[T]:
        read, records = self._read, batch.records
        found = [read(records[place], batch, batch.number(place)) for place in places]
        return [one for one in found if one is not None]


class TailBus:
    """Hands every batch to every open tail, at once and without waiting."""

    def __init__(self) -> None:
        self._readers: dict[TailReader[Any], str] = {}  # Any: each reader makes its own of a line
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log_tail")

    def publish(self, batch: LogBatch) -> None:
        """Let the tails see what was kept."""
        if not self._readers:
            return
        characters = sum(len(one.body) for one in batch.records)
        for reader in self._readers:
            reader.offer(batch, characters)

    def check(self, caller: str) -> None:
        """Raises TooMuch when the caller has too many tails open, Temporary when all have."""
        if Counter(self._readers.values())[caller] >= MOST_OF_ONE:
            raise TooMuch(
                f"{caller or 'this caller'} follows lines {MOST_OF_ONE} times already, which is the"
                " most for one user or key; close a live tail and try again",
                5.0,
            )
        if len(self._readers) >= MOST:
            raise Temporary(f"{MOST} live tails are open; close one and try again", 5.0)

    @contextmanager
    def reading(self, read: Read[T], caller: str = "") -> Iterator[TailReader[T]]:
        """An open tail of a caller. Raises as `check`."""
        self.check(caller)
        reader = TailReader(read, self._thread)
        self._readers[reader] = caller
        _watching.set(len(self._readers))
        try:
            yield reader
        finally:
            self._readers.pop(reader)
            _watching.set(len(self._readers))
