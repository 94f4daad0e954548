"""Errors, wired: what takes them in, groups and keeps them, and tells of them."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.app.error_alerts import ErrorAlerts, Put
from tocsin.app.keeping import Kept, signal_log
from tocsin.app.settings_tree import Config
from tocsin.errortracking.book import IssueBook, Shelves
from tocsin.errortracking.counting import Counting
from tocsin.errortracking.event_search import EventSearch
from tocsin.errortracking.healing import heal
from tocsin.errortracking.intake import ErrorIntake
from tocsin.errortracking.projects import Projects
from tocsin.errortracking.sentry_intake import LineSink, SentryIntake, Sinks, SpanSink
from tocsin.errortracking.series import ErrorSeries
from tocsin.errortracking.sessions import SessionHealth, Sessions
from tocsin.errortracking.taps import Taps
from tocsin.ingest.intake import Intake
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.kit.tasks import Tasks
from tocsin.model.series import SeriesSource
from tocsin.state.error_issues import ErrorIssueTable
from tocsin.state.projects import ProjectTable
from tocsin.store.error_writer import ErrorWriter

_FLUSH_ROWS, _FLUSH_BYTES = 20_000, 32 << 20
_DAY_SECONDS = 86_400.0
_HOUR_SECONDS = 3_600.0
_log = log.get("errors")


@dataclass(frozen=True, slots=True)
class ErrorKeeping:
    """The parts that errors go through."""

    writer: ErrorWriter
    table: ErrorIssueTable
    counting: Counting
    search: EventSearch
    projects: Projects
    intake: ErrorIntake
    book: IssueBook
    sentry: SentryIntake
    series: ErrorSeries
    taps: Taps
    alerts: ErrorAlerts
    clock: Clock
    days: list[int]
    """How long errors are kept; one number, that a reload changes."""

    async def open(self) -> None:
        """Read what is kept, and count what an earlier process could not. Raises Temporary when a
        database is away."""
        self.intake.remember(await self.writer.open())
        await self.projects.load()
        await self.counting.load()
        await heal(await self.writer.lately(), self.table, self.counting, self.search)

    def start(self, tasks: Tasks, samples: Intake) -> None:
        """Keep what is taken in from now on."""
        tasks.start("error_intake", self.intake.run)
        tasks.start("error_taps", self.taps.run)
        tasks.start("error_issues", self.book.run)
        tasks.start("error_alerts", self.alerts.run)
        tasks.start("error_series", lambda: self.series.run(samples, samples.guard))
        tasks.start("error_retention", self._forget_old)

    async def configure(self, config: Config) -> None:
        """Put other limits and projects in force. Raises Temporary when the database is away."""
        self.days[0] = config.retention.errors_days
        self.intake.configure(
            config.errors,
            scrub=config.logs.scrub,
            retention_seconds=config.retention.errors_days * _DAY_SECONDS,
        )
        self.projects.configure(config.projects)
        await self.projects.load()

    async def count(self, samples: Intake) -> None:
        """Take in what lines and spans were found to hold and write the series as they stand, so
        that an end loses no count: of sessions nothing else is kept. Raises Temporary."""
        try:
            await self.taps.settle()
        finally:
            await self.series.flush(samples, samples.guard)

    async def drain(self, limit_seconds: float) -> bool:
        """Take nothing more and keep what waits; whether all of it was within the limit."""
        return await self.intake.drain(limit_seconds)

    async def _forget_old(self) -> None:
        """Issues whose errors are gone go too."""
        while True:
            await self.clock.sleep(_HOUR_SECONDS)
            before_ms = self.clock.now_ms() - round(self.days[0] * _DAY_SECONDS * 1000)
            try:
                if gone := await self.book.forget_old(before_ms):
                    _log.info("issues_forgotten", issues=gone)
            except Temporary as fault:
                _log.warning("issues_forgotten_later", reason=str(fault))


@dataclass(frozen=True, slots=True)
class Beside:
    """What errors need of the others: where spans and lines of Sentry's SDKs go, where sessions
    are read, and who may put alerts."""

    spans: SpanSink
    lines: LineSink
    source: SeriesSource
    put_alerts: Put


def error_keeping(config: Config, kept: Kept, beside: Beside, clock: Clock) -> ErrorKeeping:
    """Nothing is opened and nothing runs yet: `open` first, then `start`."""
    table = ErrorIssueTable(kept.database)
    journal = signal_log(
        config, kept.store, clock, "errors", rows=_FLUSH_ROWS, size_bytes=_FLUSH_BYTES
    )
    writer = ErrorWriter(kept.store, clock, journal)
    counting, search = Counting(table, clock), EventSearch(kept.store, writer)
    projects = Projects(ProjectTable(kept.database, clock), config.projects)
    intake = ErrorIntake(
        writer,
        counting,
        clock,
        config.errors,
        scrub=config.logs.scrub,
        retention_seconds=config.retention.errors_days * _DAY_SECONDS,
    )
    series = ErrorSeries(clock)
    shelves = Shelves(table, writer, search, projects, SessionHealth(beside.source, clock))
    book = IssueBook(shelves, clock)
    alerts = ErrorAlerts(beside.put_alerts, projects, clock)
    for hear in (book.tell, series.heard, alerts.heard):
        intake.subscribe(hear)
    intake.watched_by(series.saw)
    sinks = Sinks(intake, beside.spans, beside.lines, Sessions(series), book)
    return ErrorKeeping(
        writer=writer,
        table=table,
        counting=counting,
        search=search,
        projects=projects,
        intake=intake,
        book=book,
        sentry=SentryIntake(sinks, clock),
        series=series,
        taps=Taps(intake, projects, clock),
        alerts=alerts,
        clock=clock,
        days=[config.retention.errors_days],
    )
