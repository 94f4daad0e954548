"""What does the composition root make?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tocsin.alert.rules.immediate import Immediate
from tocsin.alert.rules.manager import RuleManager
from tocsin.app.afterwards import AfterIncidents
from tocsin.app.alerting import Alerting
from tocsin.app.dashboards import Dashboards
from tocsin.app.error_keeping import ErrorKeeping
from tocsin.app.escalations import Escalations
from tocsin.app.incident_response import IncidentResponse
from tocsin.app.incidents import Incidents
from tocsin.app.keeping import Kept
from tocsin.app.log_keeping import LogKeeping
from tocsin.app.oncall import OnCall
from tocsin.app.status_page import StatusPages
from tocsin.app.trace_keeping import TraceKeeping
from tocsin.ingest.intake import Intake
from tocsin.ingest.limits import CardinalityGuard
from tocsin.kit.clock import Clock
from tocsin.query.promql.engine import Engine
from tocsin.scrape.manager import ScrapeManager
from tocsin.state.settings import Settings
from tocsin.store.recent import RecentWindow
from tocsin.store.retention import Retention
from tocsin.store.rollup import Rollup
from tocsin.store.series import SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.writer import Writer
from tocsin.uptime.heartbeats.book import HeartbeatBook
from tocsin.uptime.prober import Prober
from tocsin.web.authenticator import Authenticator
from tocsin.web.people import People


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the composition root made."""

    clock: Clock
    kept: Kept
    registry: SeriesRegistry
    recent: RecentWindow
    writer: Writer
    source: MetricSource
    engine: Engine
    guard: CardinalityGuard
    intake: Intake
    scrape: ScrapeManager
    prober: Prober
    heartbeats: HeartbeatBook
    alerting: Alerting
    immediate: Immediate
    rules: RuleManager
    retention: Retention
    rollup: Rollup
    people: People
    authenticator: Authenticator
    settings: Settings
    logs: LogKeeping
    traces: TraceKeeping
    errors: ErrorKeeping
    incidents: Incidents
    response: IncidentResponse
    oncall: OnCall
    paging: Escalations
    status_page: StatusPages
    afterwards: AfterIncidents
    dashboards: Dashboards

    async def flush(self, limit_seconds: float) -> bool:
        """Bring all that was answered into the store; whether that was within the limit."""
        writers = (self.writer, self.logs.writer, self.traces.writer, self.errors.writer)
        return all(await asyncio.gather(*(one.flush(limit_seconds) for one in writers)))
