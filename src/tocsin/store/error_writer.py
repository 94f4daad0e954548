"""Where do accepted errors go? Into a log of their own, and from there into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import attrgetter

import msgspec
import numpy as np

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.errors import ErrorEvent
from tocsin.store.client import Store
from tocsin.store.native_write import block, maps, nanoseconds, numbers, strings
from tocsin.store.pending import NOTHING
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows

TABLE = "errors"
_TEXTS = (
    *("project", "event_id", "kind", "value", "culprit", "source", "platform", "service"),
    *("environment", "release", "host", "user_id", "trace_id", "span_id", "transaction"),
)
_REMEMBERED_SECONDS = 3_600
_REMEMBERED = 100_000
_ON_LOOP = 50
"""More errors than that take longer to encode than the event loop can be held."""

_written = gauge.counter("error_events_kept", "Errors kept whole.")


class PrintKept(msgspec.Struct, frozen=True):
    """What the store has of a print: when in milliseconds, `times` with weights, `event_id` the
    newest."""

    project: str
    number: int
    times: int
    first_ms: int
    last_ms: int
    event_id: str


class ErrorWriter:
    """Keeps errors; `open`, then `run` by one supervised task."""

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal

    async def open(self) -> list[str]:
        """Insert what an earlier process answered and did not insert; the ids of the last hour's
        errors. Raises Temporary when the store is away."""
        await self._journal.open()
        sql = (
            "SELECT DISTINCT event_id FROM errors"
            " WHERE taken > now() - {seconds:UInt32} LIMIT {most:UInt32}"
        )
        bounds = {"seconds": _REMEMBERED_SECONDS, "most": _REMEMBERED}
        body = await self._store.fetch_bytes(sql, bounds, fmt="TSV", lane="background")
        return body.decode().split()

    async def lately(self) -> list[PrintKept]:
        """What is kept of each print that came in the last hour in which any came: a process that
        died may not have counted it, however long ago that was."""
        sql = (
            "SELECT project, issue AS number, sum(weight) AS times,"
            " toUnixTimestamp64Milli(min(ts)) AS first_ms, toUnixTimestamp64Milli(max(ts)) AS"
            " last_ms, argMax(event_id, ts) AS event_id FROM errors WHERE (project, issue) IN"
            " (SELECT project, issue FROM errors WHERE taken >"
            " (SELECT max(taken) FROM errors) - {seconds:UInt32})"
            " GROUP BY project, issue LIMIT {most:UInt32}"
        )
        bounds = {"seconds": _REMEMBERED_SECONDS, "most": _REMEMBERED}
        return await self._store.fetch_rows(sql, bounds, PrintKept, lane="background")

    async def run(self) -> None:
        """Insert what is pending, until drained."""
        await self._journal.run()

    async def write(self, events: Sequence[ErrorEvent]) -> None:
        """Return once they are kept. Raises Temporary when the store stays away, DiskFull when its
        disk is full."""
        if not events:
            return
        taken_ms = self._clock.now_ms()
        if len(events) <= _ON_LOOP:
            rows = rows_of(events, taken_ms)
        else:
            rows = await asyncio.to_thread(rows_of, events, taken_ms)
        await self._journal.keep((rows,), NOTHING)
        _written.inc(len(events))

    async def settle(self) -> None:
        """Before errors are read: bring those that are pending into the store, if possible."""
        await self._journal.settle(TABLE)

    async def forget(self, project: str, numbers_: Sequence[int]) -> None:
        """Delete the errors of prints."""
        await self.settle()
        listed = ", ".join(map(str, numbers_))
        sql = f"DELETE FROM errors WHERE project = {{project:String}} AND issue IN ({listed})"
        if numbers_:
            await self._store.command(sql, {"project": project})

    async def flush(self, limit_seconds: float = 10.0) -> bool:
        """Bring what was answered so far into the store; whether that was within the limit."""
        return await self._journal.flush(limit_seconds)

    async def drain(self, limit_seconds: float = 8.0) -> None:
        """Bring what is left into the store; what does not get there in time stays in the log."""
        await self._journal.drain(limit_seconds)


def rows_of(events: Sequence[ErrorEvent], taken_ms: int) -> Rows:
    """The errors as one block."""
    count = len(events)
    columns = [
        nanoseconds("ts", _all(events, "ts_ns")),
        numbers("issue", "UInt64", _all(events, "issue")),
        numbers("level", "UInt8", _all(events, "level")),
        *(strings(name, _all(events, name)) for name in _TEXTS),
        numbers("handled", "UInt8", [int(one.handled) for one in events]),
        numbers("weight", "UInt32", _all(events, "weight")),
        maps("tags", _all(events, "tags")),
        strings("content", [one.content.decode("utf-8", "replace") for one in events]),
        numbers("batch", "UInt64", [int(one.event_id[:16] or "0", 16) for one in events]),
        numbers("number", "UInt32", np.zeros(count, "<u4")),
        numbers("taken", "DateTime('UTC')", np.full(count, taken_ms // 1000, "<u4")),
    ]
    names = tuple(column.name for column in columns)
    return Rows(TABLE, names, "Native", count, block(columns, count))


def _all(events: Sequence[ErrorEvent], name: str) -> list:  # type: ignore[type-arg]  # a column
    return list(map(attrgetter(name), events))
