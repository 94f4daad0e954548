"""Spans, wired: what takes them in, keeps them, counts them, and answers questions about them."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.app.keeping import signal_log
from tocsin.app.settings_tree import Config
from tocsin.ingest.intake import Intake
from tocsin.ingest.traces.intake import SpanIntake
from tocsin.ingest.traces.span_metrics import PROTOCOL, SpanMetrics
from tocsin.kit.clock import Clock
from tocsin.kit.tasks import Tasks
from tocsin.model.samples import SeriesIntake
from tocsin.query.traces.search import TraceSearch
from tocsin.store.client import Store
from tocsin.store.span_writer import SpanWriter

_FLUSH_ROWS, _FLUSH_BYTES = 50_000, 32 << 20


@dataclass(frozen=True, slots=True)
class TraceKeeping:
    """The parts that spans go through."""

    writer: SpanWriter
    intake: SpanIntake
    search: TraceSearch
    metrics: SpanMetrics

    async def open(self) -> None:
        """Read what is kept. Raises Temporary when the store is away."""
        await self.writer.open()

    def start(self, tasks: Tasks, samples: Intake) -> None:
        """Keep what is taken in from now on, and write the series that are made of it."""
        tasks.start("span_writer", self.writer.run)

        async def run() -> None:
            await self.metrics.run(lambda batch: samples.accept(PROTOCOL, batch))

        tasks.start("span_metrics", run)

    async def count(self, samples: Intake) -> None:
        """Write the series as they stand, so that an end loses no count.

        Raises Temporary when they cannot be kept.
        """
        await self.metrics.write(lambda batch: samples.accept(PROTOCOL, batch))

    def configure(self, config: Config) -> None:
        """Put other limits in force."""
        self.metrics.configure(config.traces.metrics)
        self.intake.configure(
            config.traces,
            scrubbed=config.logs.scrub,
            retention_seconds=_retention_seconds(config),
        )

    async def drain(self, limit_seconds: float) -> bool:
        """Take nothing more and keep what waits; whether all of it was within the limit."""
        return await self.writer.drain(limit_seconds)


def _retention_seconds(config: Config) -> float:
    return config.retention.traces_days * 86_400.0


def trace_keeping(config: Config, store: Store, series: SeriesIntake, clock: Clock) -> TraceKeeping:
    """Nothing is opened and nothing runs yet: `open` first, then `start`."""
    journal = signal_log(config, store, clock, "spans", rows=_FLUSH_ROWS, size_bytes=_FLUSH_BYTES)
    writer = SpanWriter(store, clock, journal)
    intake = SpanIntake(
        writer,
        clock,
        config.traces,
        scrubbed=config.logs.scrub,
        retention_seconds=_retention_seconds(config),
    )
    metrics = SpanMetrics(series, clock, config.traces.metrics)
    intake.watched_by(metrics)
    return TraceKeeping(writer, intake, TraceSearch(store, writer, clock), metrics)
