"""Which series are made of spans? Requests, failures and durations of each operation, and calls
between services, under the names of Tempo's metrics-generator.

https://grafana.com/docs/tempo/latest/metrics-from-traces/span-metrics/
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.ingest.otlp_naming import label_name
from tocsin.ingest.traces.config import SpanMetricsConfig
from tocsin.ingest.traces.service_graph import ServiceGraph
from tocsin.ingest.traces.tallies import Layout, Seen, Tally, TallyBook
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.samples import SampleBatch, SeriesIntake
from tocsin.model.span_names import same_as
from tocsin.model.span_table import SpanTable, table_of
from tocsin.model.spans import KINDS, STATUSES, SpanBatch

PROTOCOL = "spanmetrics"
_too_old = gauge.counter("spans_uncounted", "Spans that came too late for series to be made.")
_crowded = gauge.counter("spans_counted_as_other", "Spans of operations that were too many.")

_log = log.get("ingest.spans")
_ON_LOOP = 100
_PAUSE_EVERY = 50
_OTHER = "other"
"""The name under which spans are counted of which there are too many names."""
_LONGEST_VALUE = 200
_CALLS = "traces_spanmetrics_calls_total"
_LATENCY = "traces_spanmetrics_latency"
_LABELS = ("service", "environment", "span_name", "span_kind", "status_code")
_KIND_LABELS = tuple(f"SPAN_KIND_{kind.upper()}" for kind in KINDS)
_STATUS_LABELS = tuple(f"STATUS_CODE_{status.upper()}" for status in STATUSES)

Operation = tuple[Any, ...]
"""Service, environment, name, kind, status, and the values of the dimensions."""
Write = Callable[[SampleBatch], Awaitable[object]]


class SpanMetrics:
    """A `SpanWatch` that counts. `run` writes the counts regularly."""

    def __init__(self, series: SeriesIntake, clock: Clock, config: SpanMetricsConfig) -> None:
        self._series = series
        self._clock = clock
        self._turn = asyncio.Lock()
        self._begin(config)

    def _begin(self, config: SpanMetricsConfig) -> None:
        self._config = config
        self._dimensions = [(same_as(one), label_name(one)) for one in config.dimensions]
        layout = Layout(
            labels=(*_LABELS, *(label for _, label in self._dimensions)),
            counters={_CALLS: "Spans, by service, name, kind and status."},
            histograms={_LATENCY: "Durations of spans in seconds."},
            bounds=config.buckets,
        )
        self._book = TallyBook(
            self._series,
            layout,
            self._clock,
            most=config.max_operations,
            forget=config.forget,
        )
        self._graph = ServiceGraph(self._series, self._clock, config)

    def configure(self, config: SpanMetricsConfig) -> None:
        """Count by another configuration from now on; counters then begin anew."""
        if config != self._config:
            self._begin(config)

    async def saw(self, batch: SpanBatch) -> None:
        """Count the spans of a request."""
        if not self._config.enabled:
            return
        async with self._turn:
            if len(batch.spans) <= _ON_LOOP:
                self._count(batch)
            else:
                await asyncio.to_thread(self._count, batch)

    async def run(self, write: Write) -> None:
        """Write what was counted, for ever."""
        while True:
            await self._clock.sleep(float(self._config.interval))
            try:
                await self.write(write)
            except Temporary as fault:
                _log.warning("span_metrics_not_written", why=str(fault))

    async def write(self, write: Write) -> None:
        """Write every series as it stands. Raises what `write` does."""
        for batch in [await self._batch(book) for book in (self._book, self._graph.book)]:
            if len(batch) or batch.refused:
                await write(batch)

    async def _batch(self, book: TallyBook) -> SampleBatch:
        refused: Counter[str] = Counter()
        async with self._turn:
            self._graph.expire()
            for number, one in enumerate(book.prepare()):
                refused.update(one)
                if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
                    await asyncio.sleep(0)
            now_ms, before_ms = self._clock.now_ms(), self._config.interval.ms
            batch = await asyncio.to_thread(book.samples, now_ms, before_ms)
        batch.refused = refused
        return batch

    def _count(self, batch: SpanBatch) -> None:
        table = table_of(batch.spans)
        oldest = (batch.taken_ms - self._config.max_age.ms) * 1_000_000
        begins = np.array(table.ts_ns, np.int64)
        durations = np.array(table.duration_ns, np.int64)
        rows = np.flatnonzero(begins + durations >= oldest)
        if len(rows) < len(table):
            _too_old.inc(len(table) - len(rows))
        seen = Seen(table, (begins // 1_000_000).tolist(), (durations / 1e9).tolist())
        self._count_operations(seen, rows, durations[rows] / 1e9)
        if self._config.service_graph:
            self._graph.saw(seen, rows.tolist())

    def _count_operations(
        self, seen: Seen, rows: NDArray[np.int64], seconds: NDArray[np.float64]
    ) -> None:
        chosen = rows.tolist()
        numbers: dict[Operation, int] = {}
        which = [
            numbers.setdefault(one, len(numbers)) for one in self._operations(seen.table, chosen)
        ]
        if not which:
            return
        which_ = np.array(which, np.int64)
        tallies = [
            self._tally(operation, int(count))
            for operation, count in zip(numbers, np.bincount(which_).tolist(), strict=True)
        ]
        weights = np.array(seen.table.weight, np.int64)[rows]
        self._book.observe_all(
            tallies, which_, seconds, weights, lambda at: seen.example(chosen[at])
        )

    def _operations(self, table: SpanTable, rows: list[int]) -> Iterable[Operation]:
        """What each span is counted under."""
        fixed = (table.service, table.environment, table.name, table.kind, table.status)
        columns: list[list[Any]] = [
            *fixed,
            *(self._values(table, one) for one, _ in self._dimensions),
        ]
        if len(rows) < len(table):
            columns = [[column[row] for row in rows] for column in columns]
        return zip(*columns, strict=True)

    def _tally(self, operation: Operation, count: int) -> Tally | None:
        service, environment, name, kind, status, *own = operation
        front = (service[:_LONGEST_VALUE], environment[:_LONGEST_VALUE])
        labels = (_KIND_LABELS[kind], _STATUS_LABELS[status])
        tally = self._book.of((*front, name[:_LONGEST_VALUE], *labels, *own))
        if tally is None:
            _crowded.inc(count)
            plain = ("",) * len(own)
            tally = self._book.of((*front, _OTHER, *labels, *plain), beyond=True)
        return tally

    @staticmethod
    def _values(table: SpanTable, names: tuple[str, ...]) -> list[str]:
        """The values of a dimension, whatever it is called."""
        return [
            _dimension(table.attributes(row), resource, names)[:_LONGEST_VALUE]
            for row, resource in enumerate(table.resource)
        ]


def _dimension(own: dict[str, str], resource: dict[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        value = own.get(name) or resource.get(name)
        if value:
            return value
    return ""
