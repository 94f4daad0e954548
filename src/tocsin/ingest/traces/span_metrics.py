"""Which series are made of spans? Requests, failures and durations of each operation, and calls
between services, under the names of Tempo's metrics-generator.

https://grafana.com/docs/tempo/latest/metrics-from-traces/span-metrics/
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from tocsin.ingest.otlp_naming import label_name
from tocsin.ingest.traces.config import SpanMetricsConfig
from tocsin.ingest.traces.service_graph import ServiceGraph
from tocsin.ingest.traces.tallies import Example, Layout, TallyBook
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.samples import SampleBatch, SeriesIntake
from tocsin.model.span_names import same_as
from tocsin.model.spans import KINDS, STATUSES, Span, SpanBatch

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
        oldest = (batch.taken_ms - self._config.max_age.ms) * 1_000_000
        has_graph = self._config.service_graph
        for span in batch.spans:
            if span.ts_ns + span.duration_ns < oldest:
                _too_old.inc()
                continue
            example = Example(
                span.duration_ns / 1e9, span.ts_ns // 1_000_000, span.trace_id, span.span_id
            )
            self._count_one(span, example)
            if has_graph:
                self._graph.saw(span, example)

    def _count_one(self, span: Span, example: Example) -> None:
        name = span.name[:_LONGEST_VALUE]
        kind, status = _KIND_LABELS[span.kind], _STATUS_LABELS[span.status]
        front = (span.service[:_LONGEST_VALUE], span.environment[:_LONGEST_VALUE])
        own = tuple(self._dimension(span, names) for names, _ in self._dimensions)
        tally = self._book.of((*front, name, kind, status, *own))
        if tally is None:
            _crowded.inc()
            own = ("",) * len(own)
            tally = self._book.of((*front, _OTHER, kind, status, *own), beyond=True)
        if tally is not None:
            tally.counters[0] += span.weight
            self._book.observe(tally, 0, example, span.weight)

    @staticmethod
    def _dimension(span: Span, names: tuple[str, ...]) -> str:
        for name in names:
            value = span.attributes.get(name) or span.resource.get(name)
            if value:
                return value[:_LONGEST_VALUE]
        return ""
