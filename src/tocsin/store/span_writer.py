"""Where do accepted spans go? Into a log of their own, answered once they are in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.span_table import table_of
from tocsin.model.spans import Span, SpanBatch
from tocsin.store.client import Store
from tocsin.store.group import GroupCommit, WriterConfig
from tocsin.store.kept_requests import KeptRequests
from tocsin.store.native_write import block, nanoseconds, numbers, pairs, shared_maps, strings
from tocsin.store.pending import NOTHING
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows

TABLE = "spans"
_TEXTS = {
    name: attrgetter(name)
    for name in (
        *("service", "name", "trace_id", "span_id", "parent_id", "environment", "host", "scope"),
        *("status_message", "trace_state", "user_id"),
    )
}
_ON_LOOP = 100
"""More spans than that take longer to encode than the event loop can be held."""
_LEAST_BYTES = 400
"""What a span takes at the least until it is in the log."""

_written = gauge.counter("spans_kept", "Spans kept.")
_repeated = gauge.counter("span_repeated_batches", "Requests that had been kept before.")
_json = msgspec.json.Encoder()


class SpanWriter:
    """Group commit of spans, with a log of its own: no other kind of telemetry waits for it.

    `open`, then `run` by one supervised task; `write` may be called from then on.
    """

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._known = KeptRequests(TABLE)
        config = WriterConfig(interval_ms=WriterConfig().append_ms)
        self._lane: GroupCommit[SpanBatch] = GroupCommit(TABLE, self._commit, clock, config)

    async def open(self) -> None:
        """Insert what an earlier process answered and did not insert, and know its last requests.

        Raises Temporary when the store is away.
        """
        await self._journal.open()
        await self._known.recall(self._store)

    async def run(self) -> None:
        """Commit until drained."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lane.run(), name="span_writer")
            tasks.create_task(self._journal.run(), name="span_journal")

    def has(self, key: int) -> bool:
        """Whether a request of this key was kept in the last minutes."""
        return key in self._known

    async def write(self, batch: SpanBatch) -> bool:
        """Return once the spans are kept; false when a batch of this key had been kept already.

        Raises Temporary when too much waits or the store stays away, DiskFull when its disk is
        full.
        """
        if not batch.spans:
            return True
        if self.has(batch.key):
            _repeated.inc()
            return False
        count = len(batch.spans)
        await self._lane.put(batch, count, _size_of(batch.spans))
        if self._known.was_told(batch.key):
            _repeated.inc()
            return False
        self._known.remember(batch.key, is_told=True)
        _written.inc(count)
        return True

    async def settle(self) -> None:
        """Before spans are read: bring those that are pending into the store, if possible."""
        await self._journal.settle(TABLE)

    async def flush(self, limit_seconds: float = 10.0) -> bool:
        """Bring what was answered so far into the store; whether that was within the limit."""
        return await self._journal.flush(limit_seconds)

    async def drain(self, limit_seconds: float = 8.0) -> bool:
        """Take nothing more and keep what waits; whether all of it was within the limit."""
        kept = await self._lane.drain(limit_seconds)
        await self._journal.drain(limit_seconds)
        return kept

    async def _commit(self, batches: list[SpanBatch]) -> None:
        once = self._known.new_of(batches)
        if sum(len(batch.spans) for batch in once) <= _ON_LOOP:
            rows = [rows_of(batch) for batch in once]
        else:
            rows = await asyncio.to_thread(lambda: [rows_of(batch) for batch in once])
        if rows:
            await self._journal.keep(rows, NOTHING)
        for one in once:
            self._known.remember(one.key, is_told=False)


def _size_of(spans: Sequence[Span]) -> int:
    """About how many bytes they take; most of large ones are values."""
    table = table_of(spans)
    size = len(table) * _LEAST_BYTES + sum(map(len, table.values))
    for event in chain.from_iterable(filter(None, table.events)):
        size += sum(map(len, event.attributes.values()))
    return size


def rows_of(batch: SpanBatch) -> Rows:
    """The spans of a batch as one block. Events and links are JSON, empty without any; they are
    read back as `tuple[SpanEvent, ...]` and `tuple[SpanLink, ...]`."""
    table = table_of(batch.spans)
    count = len(table)
    columns = [
        nanoseconds("ts", table.ts_ns),
        numbers("duration_ns", "UInt64", table.duration_ns),
        numbers("kind", "UInt8", table.kind),
        numbers("status", "UInt8", table.status),
        *(strings(name, read(table)) for name, read in _TEXTS.items()),
        numbers("weight", "UInt32", table.weight),
        pairs("attributes", table.names, table.values),
        shared_maps("resource", table.resource),
        strings("events", list(map(_listed, table.events))),
        strings("links", list(map(_listed, table.links))),
        numbers("batch", "UInt64", np.full(count, batch.key, "<u8")),
        numbers("number", "UInt32", np.arange(count, dtype="<u4")),
        numbers("taken", "DateTime('UTC')", np.full(count, batch.taken_ms // 1000, "<u4")),
    ]
    names = tuple(column.name for column in columns)
    return Rows(TABLE, names, "Native", count, block(columns, count))


def _listed(things: tuple[object, ...]) -> str:
    return _written_out(things) if things else ""


def _written_out(things: tuple[object, ...]) -> str:
    try:
        return _json.encode(things).decode()
    except UnicodeEncodeError:
        # A lone surrogate, which JSON can carry, is no UTF-8: a question mark stands in its place.
        plain = msgspec.to_builtins(things)
        return _json.encode(_readable(plain)).decode()


def _readable(value: Any) -> Any:  # a JSON value of any shape
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_readable(name): _readable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    return value
