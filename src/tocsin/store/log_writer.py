"""Where do accepted lines go? Into a log of their own, answered once they are in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.client import Store
from tocsin.store.group import GroupCommit, WriterConfig
from tocsin.store.kept_requests import KeptRequests
from tocsin.store.native_write import block, maps, nanoseconds, numbers, strings
from tocsin.store.pending import NOTHING
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows

TABLE = "logs"
_TEXTS = ("service", "severity", "body", "host", "environment", "source")
_IDS = ("trace_id", "span_id", "user_id")
_NAMED_SECONDS = 86_400
_NAMED = 500_000
_BODY, _ORIGINAL = attrgetter("body"), attrgetter("original")
_OTHER_BYTES = 200
"""About what a line's other parts take."""
_ON_LOOP = 200
"""More lines than that take longer to encode than the event loop can be held."""

_written = gauge.counter("log_lines", "Log lines kept.")
_repeated = gauge.counter("log_repeated_batches", "Requests that had been kept before.")


class LogWriter:
    """Group commit of log lines; metrics have another log, and neither waits for the other.

    `open`, then `run` by one supervised task; `write` may be called from then on.
    """

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._known = KeptRequests(TABLE)
        config = WriterConfig(interval_ms=WriterConfig().append_ms)
        self._lane: GroupCommit[LogBatch] = GroupCommit(TABLE, self._commit, clock, config)

    async def open(self) -> None:
        """Insert what an earlier process answered and did not insert, and know its last requests.

        Raises Temporary when the store is away.
        """
        await self._journal.open()
        await self._known.recall(self._store)

    async def run(self) -> None:
        """Commit until drained."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lane.run(), name="log_writer")
            tasks.create_task(self._journal.run(), name="log_journal")

    async def names(self) -> list[int]:
        """The names of lines that were kept lately, the oldest first: the last 500,000 of a day.

        Raises Temporary when the store is away.
        """
        sql = (
            "SELECT name FROM logs WHERE taken > now() - {seconds:UInt32} AND name != 0"
            " ORDER BY taken DESC LIMIT {most:UInt32}"
        )
        bounds = {"seconds": _NAMED_SECONDS, "most": _NAMED}
        found = await self._store.fetch_bytes(sql, bounds, lane="background")
        names: list[int] = np.frombuffer(found, "<u8")[::-1].tolist()
        return names

    def has(self, key: int) -> bool:
        """Whether a request of this key was kept in the last minutes."""
        return key in self._known

    async def write(self, batch: LogBatch) -> None:
        """Return once the lines are kept; a batch whose key was kept already is kept once.

        Raises Temporary when too much waits or the store stays away, DiskFull when its disk is
        full.
        """
        if not batch.records:
            return
        if self.has(batch.key):
            _repeated.inc()
            return
        records = batch.records
        size = sum(map(len, map(_BODY, records))) + sum(map(len, map(_ORIGINAL, records)))
        await self._lane.put(batch, len(records), size + len(records) * _OTHER_BYTES)
        _written.inc(len(batch.records))

    async def settle(self) -> None:
        """Before the lines are read: bring those that are pending into the store, if possible."""
        await self._journal.settle(TABLE)

    async def flush(self, limit_seconds: float = 10.0) -> bool:
        """Bring what was answered so far into the store; whether that was within the limit."""
        return await self._journal.flush(limit_seconds)

    async def drain(self, limit_seconds: float = 8.0) -> bool:
        """Take nothing more and keep what waits; whether all of it was within the limit."""
        kept = await self._lane.drain(limit_seconds)
        await self._journal.drain(limit_seconds)
        return kept

    async def _commit(self, batches: list[LogBatch]) -> None:
        once = self._known.new_of(batches)
        lines = sum(len(batch.records) for batch in once)
        if lines <= _ON_LOOP:
            rows = [rows_of(batch) for batch in once]
        else:
            rows = await asyncio.to_thread(lambda: [rows_of(batch) for batch in once])
        if rows:
            await self._journal.keep(rows, NOTHING)
        for one in once:
            self._known.remember(one.key, is_told=True)


def rows_of(batch: LogBatch) -> Rows:
    """The lines of a batch as one block."""
    records = batch.records
    columns = [
        nanoseconds("ts", [one.ts_ns for one in records]),
        numbers("level", "UInt8", [one.level for one in records]),
        *(strings(name, _all(records, name)) for name in (*_TEXTS, *_IDS)),
        numbers("pattern", "UInt64", [one.pattern for one in records]),
        numbers("weight", "UInt32", [one.weight for one in records]),
        maps("attributes", [one.attributes for one in records]),
        strings("original", [one.original for one in records]),
        numbers("batch", "UInt64", np.full(len(records), batch.key, "<u8")),
        numbers("number", "UInt32", _numbers(batch)),
        numbers("taken", "DateTime('UTC')", np.full(len(records), batch.taken_ms // 1000, "<u4")),
    ]
    if batch.names:
        columns.append(numbers("name", "UInt64", batch.names))
    names = tuple(column.name for column in columns)
    return Rows(TABLE, names, "Native", len(records), block(columns, len(records)))


def _numbers(batch: LogBatch) -> Sequence[int] | NDArray[np.integer]:
    """What each line is named by beside its request: rules and limits leave gaps."""
    if batch.numbers is not None:
        return batch.numbers
    return np.arange(len(batch.records), dtype="<u4")


def _all(records: tuple[LogRecord, ...], name: str) -> list[str]:
    return list(map(attrgetter(name), records))
