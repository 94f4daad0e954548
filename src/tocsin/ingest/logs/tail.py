"""Who watches lines as they come in? Readers that are too slow lose lines and are told how many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from tocsin.kit import gauge
from tocsin.kit.fault import Temporary
from tocsin.model.logs import LogBatch, LogRecord

_watching = gauge.gauge("log_tails", "Live tails that are open.")
_lost = gauge.counter("log_tail_lost", "Lines that a live tail was too slow to see.")

_WAITING = 2_000
_MOST = 200

Wanted = Callable[[LogRecord], bool]


class TailReader:
    """One live tail: the lines that it wants, and how many it missed since the last look."""

    def __init__(self, wanted: Wanted) -> None:
        self.lost = 0
        self._wanted = wanted
        self._waiting: list[LogRecord] = []
        self._arrived = asyncio.Event()

    def offer(self, batch: LogBatch) -> None:
        """Take what is wanted of a batch, as far as there is room."""
        for record in batch.records:
            if not self._wanted(record):
                continue
            if len(self._waiting) >= _WAITING:
                self.lost += 1
                _lost.inc()
            else:
                self._waiting.append(record)
        if self._waiting:
            self._arrived.set()

    async def batches(self, idle_seconds: float) -> AsyncIterator[list[LogRecord]]:
        """Lines as they come; an empty list after so long without any. Ends with its reader."""
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                yield []
                continue
            self._arrived.clear()
            lines, self._waiting = self._waiting, []
            yield lines


class TailBus:
    """Hands every batch to every open tail, at once and without waiting."""

    def __init__(self) -> None:
        self._readers: set[TailReader] = set()

    def publish(self, batch: LogBatch) -> None:
        """Let the tails see what was kept."""
        for reader in self._readers:
            reader.offer(batch)

    @contextmanager
    def reading(self, wanted: Wanted) -> Iterator[TailReader]:
        """An open tail. Raises Temporary when too many are open already."""
        if len(self._readers) >= _MOST:
            raise Temporary(f"{_MOST} live tails are open; close one and try again", 5.0)
        reader = TailReader(wanted)
        self._readers.add(reader)
        _watching.set(len(self._readers))
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            _watching.set(len(self._readers))
