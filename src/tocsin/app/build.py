"""The composition root: everything is made here, and handed what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tocsin
from tocsin.alert.plain.slo import read_slos
from tocsin.alert.rules.immediate import Immediate
from tocsin.alert.rules.immediate_series import ImmediateSeries
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.ports import Surroundings
from tocsin.app.afterwards import AfterIncidents
from tocsin.app.alerting import Alerting
from tocsin.app.checked import checked
from tocsin.app.config import Loaded
from tocsin.app.dashboards import dashboards
from tocsin.app.effective import effective, shown_yaml
from tocsin.app.error_keeping import Beside, error_keeping
from tocsin.app.escalations import Escalations, escalations_of
from tocsin.app.incident_alerts import IncidentAlerts
from tocsin.app.incident_evidence import IncidentEvidence, Witnesses
from tocsin.app.incident_people import KnownPeople
from tocsin.app.incident_response import IncidentResponse
from tocsin.app.incidents import Incidents
from tocsin.app.keeping import Kept, log_folder, open_kept
from tocsin.app.log_keeping import log_keeping
from tocsin.app.oncall import OnCall
from tocsin.app.oncall_wiring import on_call_of
from tocsin.app.parts import Parts
from tocsin.app.product import Tocsin
from tocsin.app.pushed import KeptGroups
from tocsin.app.routing_text import routing_text
from tocsin.app.settings_tree import Config
from tocsin.app.status_page import StatusPages
from tocsin.app.trace_keeping import trace_keeping
from tocsin.incident.names import Names
from tocsin.ingest.intake import Intake
from tocsin.ingest.limits import CardinalityGuard
from tocsin.kit.clock import Clock
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logql.source import LogSeriesSource
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import LogSearch
from tocsin.query.promql.cache import CachingEngine
from tocsin.query.promql.engine import EngineLimits
from tocsin.query.promql.result import QueryOptions
from tocsin.scrape.loop import Getter
from tocsin.scrape.manager import ScrapeManager
from tocsin.state.push_groups import PushGroups
from tocsin.state.settings import Settings
from tocsin.store.client import Store
from tocsin.store.disk import DiskWatch
from tocsin.store.recent import RecentWindow
from tocsin.store.retention import Retention
from tocsin.store.rollup import Rollup
from tocsin.store.sample_cache import SampleCache
from tocsin.store.series import SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal
from tocsin.store.writer import Writer
from tocsin.uptime.heartbeats.book import BUILT_IN as HEARTBEATS
from tocsin.uptime.heartbeats.book import HeartbeatBook
from tocsin.uptime.prober import BUILT_IN as MONITORS
from tocsin.uptime.prober import Prober
from tocsin.web.authenticator import Authenticator
from tocsin.web.people import People
from tocsin.web.services import WebConfig


async def build(loaded: Loaded, clock: Clock) -> Tocsin:
    """Open what is kept and wire everything; nothing listens and nothing runs yet.

    Raises ConfigError for a mistake in the `prometheus.yml`, Permanent when another process holds
    the data folder or a database cannot be used.
    """
    plan = checked(loaded, clock).scrape
    kept = await open_kept(loaded.config, clock)
    parts = await _parts(kept, loaded, clock)
    _introduce(parts, loaded, clock)
    return Tocsin(loaded, plan, parts, web_config)


async def _parts(kept: Kept, loaded: Loaded, clock: Clock) -> Parts:
    config = loaded.config
    alerting = Alerting(kept.database, clock)
    settings = Settings(kept.database, clock)
    logs = log_keeping(config, kept.store, settings, clock)
    telemetry = _telemetry(kept.store, config, clock, logs.search)
    registry, writer, engine = telemetry.registry, telemetry.writer, telemetry.engine
    guard = CardinalityGuard(registry, config.ingest.limits, clock)
    intake = await _intake(kept, config, telemetry, guard, clock)
    series = ImmediateSeries(guard, writer)
    immediate = Immediate(alerting.dispatcher, clock, registry.labels, lambda: guard.epoch, series)
    intake.watched_by(immediate)
    people = People.of(kept.database, clock, config.auth, external_url=config.listen.external_url)
    rules = RuleManager(
        Surroundings(clock, engine, telemetry.source, guard, writer, alerting.dispatcher),
        alerting.dispatcher,
    )
    following = _following(kept, loaded, clock, (settings, alerting, engine))
    prober, heartbeats = Prober(clock), HeartbeatBook(settings, clock)
    getters: dict[str, Getter] = {MONITORS: prober, HEARTBEATS: heartbeats}
    traces = trace_keeping(config, kept.store, guard, clock)
    beside = Beside(traces.intake, logs.intake, telemetry.source, alerting.dispatcher.put)
    errors = error_keeping(config, kept, beside, clock)
    return Parts(
        clock=clock,
        kept=kept,
        registry=registry,
        recent=telemetry.recent,
        writer=writer,
        source=telemetry.source,
        engine=engine,
        guard=guard,
        intake=intake,
        scrape=ScrapeManager(writer, guard, clock, getters=getters),
        prober=prober,
        heartbeats=heartbeats,
        rules=rules,
        alerting=alerting,
        immediate=immediate,
        retention=telemetry.retention,
        rollup=Rollup(kept.store, clock),
        people=people,
        authenticator=Authenticator(people),
        settings=settings,
        logs=logs,
        traces=traces,
        errors=errors,
        incidents=following.incidents,
        response=following.response,
        oncall=following.oncall,
        paging=following.paging,
        status_page=following.status_page,
        afterwards=following.afterwards,
        dashboards=dashboards(kept.database, settings, registry, loaded, clock),
    )


def _introduce(parts: Parts, loaded: Loaded, clock: Clock) -> None:
    """Let those hear of each other that were not all there when they were made."""
    incidents, errors = parts.incidents, parts.errors
    errors.book.names = incidents.book.names
    parts.logs.intake.watched_by(errors.taps)
    parts.traces.intake.watched_by(errors.taps)
    incidents.add(IncidentEvidence(incidents, _witnesses(parts), loaded, clock))
    incidents.add(parts.afterwards)


def _witnesses(parts: Parts) -> Witnesses:
    return Witnesses(
        engine=parts.engine,
        samples=parts.source,
        lines=parts.logs.search,
        dispatcher=parts.alerting.dispatcher,
        receipts=parts.alerting.receipts,
        rules=parts.rules,
        patterns=LogPatterns(parts.kept.store, parts.logs.writer, parts.clock),
        audit=parts.people.audit,
    )


async def _intake(
    kept: Kept, config: Config, telemetry: _Telemetry, guard: CardinalityGuard, clock: Clock
) -> Intake:
    groups = KeptGroups(PushGroups(kept.database), clock)
    await groups.load()
    return Intake(
        telemetry.writer,
        guard,
        clock,
        config.ingest,
        retention_seconds=retention_seconds(config),
        groups=groups,
    )


@dataclass(frozen=True, slots=True)
class _Following:
    """Incidents, and what follows from them."""

    incidents: Incidents
    response: IncidentResponse
    oncall: OnCall
    paging: Escalations
    status_page: StatusPages
    afterwards: AfterIncidents


def _following(
    kept: Kept, loaded: Loaded, clock: Clock, given: tuple[Settings, Alerting, CachingEngine]
) -> _Following:
    settings, alerting, engine = given
    incidents = Incidents(kept.database, loaded, clock)
    watched = (engine, alerting.dispatcher, alerting.attention.maintenance)
    status_page = StatusPages(kept.database, settings, clock, incidents, *watched)
    incidents.add(status_page)
    incidents.add(IncidentAlerts(incidents, alerting, clock))
    oncall = on_call_of(kept.database, incidents, alerting, clock)
    incidents.book.names = Names(KnownPeople(kept.database, lambda: oncall.roster, clock).all)
    paging = escalations_of(kept.database, settings, incidents, alerting, oncall, clock)
    response = IncidentResponse(incidents, alerting.notifications.desk, clock)
    response.reach_people(paging, oncall)
    response.tell_public(status_page)
    incidents.add(response)
    afterwards = AfterIncidents(
        kept.database, incidents, lambda: oncall.roster, paging.tell, loaded, clock
    )
    return _Following(incidents, response, oncall, paging, status_page, afterwards)


@dataclass(frozen=True, slots=True)
class _Telemetry:
    """What writes and reads samples; each hears of what the others change."""

    registry: SeriesRegistry
    recent: RecentWindow
    retention: Retention
    source: MetricSource
    engine: CachingEngine
    writer: Writer


def _telemetry(store: Store, config: Config, clock: Clock, lines: LogSearch) -> _Telemetry:
    registry = SeriesRegistry()
    recent = RecentWindow(clock)
    cache = sample_cache(config, clock)

    def deleted() -> None:
        cache.clear()
        engine.forget()

    retention = Retention(
        store, config.retention, clock, cluster=config.store.cluster, deleted=deleted
    )
    journal = write_ahead_log(config, store, clock)
    source = MetricSource(
        store,
        registry,
        recent,
        clock,
        raw_days=lambda: retention.config.raw_days,
        cache=cache,
        journal=journal,
    )
    asked = LogSeriesSource(source, LogqlEngine(lines, clock))
    engine = CachingEngine(asked, clock, engine_limits(config))

    def committed(oldest_ms: int) -> None:
        cache.saw(oldest_ms)
        engine.saw(oldest_ms)

    writer = Writer(store, registry, recent, clock, committed=committed, journal=journal)
    return _Telemetry(registry, recent, retention, source, engine, writer)


def retention_seconds(config: Config) -> float:
    """How old a sample may be to be kept at all."""
    return config.retention.raw_days * 86_400.0


def write_ahead_log(config: Config, store: Store, clock: Clock) -> Journal:
    """Where a write is kept when it is answered: in the data folder, wherever the store is."""
    disk = DiskWatch(Path(config.data), int(config.store.min_free_bytes), clock)
    return Journal(
        store,
        log_folder(config),
        clock,
        FlushConfig(seconds=config.store.flush_seconds),
        fsync=config.store.fsync,
        check_room=disk.check,
    )


def sample_cache(config: Config, clock: Clock) -> SampleCache:
    """What queries have read; nothing where others may write without our knowing."""
    return SampleCache(clock, max_bytes=0 if config.store.url else config.store.sample_cache)


def engine_limits(config: Config) -> EngineLimits:
    """The bounds of queries, from the configuration."""
    return EngineLimits(
        heavy_at_once=config.query.max_concurrency, slow_seconds=float(config.query.slow)
    )


def query_options(config: Config) -> QueryOptions:
    """What bounds a query whose caller asks for nothing less."""
    return QueryOptions(
        lookback_ms=config.query.lookback.ms,
        timeout_seconds=float(config.query.timeout),
        limit_samples=config.query.max_samples,
        experimental=config.query.experimental_functions,
    )


def web_config(loaded: Loaded, warnings: Callable[[], Sequence[str]]) -> WebConfig:
    """What the web room needs to know of a configuration."""
    config = loaded.config
    listen = config.listen
    return WebConfig(
        external_url=listen.external_url,
        auth_off=config.auth.is_off,
        version=tocsin.__version__,
        ingest=config.ingest,
        query=query_options(config),
        effective=lambda: effective(config),
        prometheus_text=lambda: shown_yaml(loaded.prometheus),
        alertmanager_text=lambda: routing_text(loaded),
        flags={"data": config.data, "http": listen.http, "auth": config.auth.mode},
        warnings=warnings,
        slos=lambda: read_slos(config.slos),
    )
