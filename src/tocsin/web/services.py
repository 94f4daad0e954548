"""What do addresses and pages talk to? The one value that `app.build` passes into the web room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from starlette.requests import Request

from tocsin.alert.trying.trial_room import TrialRoom
from tocsin.ingest.body_room import BodyRoom
from tocsin.kit.clock import Clock
from tocsin.model.series import SeriesSource
from tocsin.web.alert_board import AlertBoard
from tocsin.web.incident_feed import IncidentFeed

if TYPE_CHECKING:
    from tocsin.alert.attention.acknowledge import Acknowledgements
    from tocsin.alert.attention.maintenance import Maintenance
    from tocsin.alert.deciding.dispatch import Dispatcher
    from tocsin.alert.deciding.holding import Basis
    from tocsin.alert.deciding.receipt import Receipt
    from tocsin.alert.delivering.canary import Canaries
    from tocsin.alert.delivering.desk import Desk
    from tocsin.alert.plain.slo import Slo
    from tocsin.alert.rules.made_rules import MadeRules
    from tocsin.alert.rules.manager import RuleManager
    from tocsin.dashboard.book import DashboardBook
    from tocsin.errortracking.book import IssueBook
    from tocsin.errortracking.intake import ErrorIntake
    from tocsin.errortracking.projects import Projects
    from tocsin.errortracking.sentry_intake import SentryIntake
    from tocsin.incident.afterwards.desk import Afterwards
    from tocsin.incident.book import IncidentBook
    from tocsin.ingest.config import IngestConfig
    from tocsin.ingest.intake import Intake
    from tocsin.ingest.limits import CardinalityGuard
    from tocsin.ingest.logs.intake import LogIntake
    from tocsin.ingest.logs.pipelines import Pipelines
    from tocsin.ingest.logs.sampling import Budget
    from tocsin.ingest.logs.tail import TailBus
    from tocsin.ingest.traces.intake import SpanIntake
    from tocsin.oncall.handover import SituationSource
    from tocsin.oncall.rota import Rota
    from tocsin.query.logs.costs import LogCosts
    from tocsin.query.logs.search import LogSearch
    from tocsin.query.promql.engine import Engine
    from tocsin.query.promql.result import QueryOptions
    from tocsin.query.traces.search import TraceSearch
    from tocsin.scrape.manager import ScrapeManager
    from tocsin.state.sessions import Sessions
    from tocsin.state.settings import Settings
    from tocsin.state.tokens import Tokens
    from tocsin.state.users import Users
    from tocsin.statuspage.desk import StatusDesk
    from tocsin.store.backup_target import Target
    from tocsin.store.client import Store
    from tocsin.store.error_writer import ErrorWriter
    from tocsin.store.log_writer import LogWriter
    from tocsin.store.recent import RecentWindow
    from tocsin.store.retention import Retention
    from tocsin.store.series import SeriesRegistry
    from tocsin.store.writer import Writer
    from tocsin.uptime.heartbeats.book import HeartbeatBook
    from tocsin.uptime.prober import Prober
    from tocsin.web.answer_doors import AnswerDoors
    from tocsin.web.pager import Pager
    from tocsin.web.response import Response


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the web room needs to know of the configuration; a reload makes another one."""

    external_url: str
    auth_off: bool
    version: str
    ingest: IngestConfig
    query: QueryOptions
    """What bounds a query whose caller asks for nothing less."""
    effective: Callable[[], Mapping[str, Any]]
    """The configuration in force, secrets hidden, as plain data."""
    prometheus_text: Callable[[], str]
    """The `prometheus.yml` in force, for `/api/v1/status/config`; empty when there is none."""
    alertmanager_text: Callable[[], str]
    """The `alertmanager.yml` in force, secrets hidden; empty when there is none."""
    flags: Mapping[str, str]
    """The command line's settings, for `/api/v1/status/flags`."""
    warnings: Callable[[], Sequence[str]]
    """What the configuration's reader wants to be known: unsupported parts, a bad reload."""
    slos: Callable[[], Sequence[Slo]] = tuple
    """The objectives in force."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload did: `error` is empty when it was applied."""

    error: str = ""
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """How Tocsin itself is, at one moment."""

    ready: bool
    reason: str
    """Why it is not ready, empty when it is."""
    started_at: float
    engine_restarts: int
    engine_pid: int
    memory_bytes: Mapping[str, int]
    """Resident memory by process: "main", "engine"."""
    disk_free_bytes: int
    config_applied: bool = True
    """Whether the last reading of the configuration was put in force."""
    config_applied_at: float = 0.0


class BackupState(msgspec.Struct, kw_only=True):
    """How the last backup is. `phase` is "telemetry", then "sending" when it goes to a bucket;
    `bytes_total` is what the telemetry takes on disk, `bytes_done` what the phase has written."""

    state: str = "none"
    """"none", "running", "done" or "failed"."""
    target: str = ""
    phase: str = ""
    bytes_total: int = 0
    bytes_done: int = 0
    rows: dict[str, int] = {}
    files: list[str] = []
    error: str = ""
    started_at: float = 0.0
    took_seconds: float = 0.0


class BackupMaker(Protocol):
    """Makes backups while everything runs."""

    def start(self, target: Target) -> None:
        """Begin one; raises Temporary while another runs."""

    async def state(self) -> BackupState:
        """How the last one is."""


class ReceiptReader(Protocol):
    """Finds what was decided about alerts. All raise Temporary when the database is away."""

    async def find(self, fingerprints: Sequence[str], limit: int) -> list[Receipt]:
        """The newest about these alerts, about any when none is named."""

    async def named(self, alertname: str, limit: int) -> list[Receipt]:
        """The newest about alerts of that name."""

    async def get(self, receipt_id: int) -> Receipt:
        """Raises NotFound."""

    async def basis(self, name: str) -> Basis:
        """The configuration that a receipt names. Raises NotFound."""


class OnCallDesk(Protocol):
    """Who is on call, and what people change of that."""

    @property
    def rota(self) -> Rota: ...
    @property
    def source(self) -> SituationSource: ...

    @property
    def troubles(self) -> Sequence[str]:
        """What is wrong with calendars that are imported."""


class LogRuleParts(Protocol):
    """Rules and limits of log lines, and what lines cost."""

    @property
    def pipelines(self) -> Pipelines: ...
    @property
    def budget(self) -> Budget: ...
    @property
    def costs(self) -> LogCosts: ...


class ErrorParts(Protocol):
    """Where errors come in and are kept; what they become is `Services.issues`."""

    @property
    def sentry(self) -> SentryIntake: ...
    @property
    def intake(self) -> ErrorIntake: ...
    @property
    def projects(self) -> Projects: ...
    @property
    def writer(self) -> ErrorWriter: ...


ConfigInForce = Callable[[], WebConfig]
Status = Callable[[], SystemStatus]
Reload = Callable[[], Awaitable[ReloadOutcome]]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler may use."""

    clock: Clock
    config_in_force: ConfigInForce
    engine: Engine
    source: SeriesSource
    registry: SeriesRegistry
    recent: RecentWindow
    writer: Writer
    store: Store
    retention: Retention
    intake: Intake
    logs: LogIntake
    log_writer: LogWriter
    log_tail: TailBus
    log_search: LogSearch
    log_rules: LogRuleParts
    spans: SpanIntake
    trace_search: TraceSearch
    issues: IssueBook
    errors: ErrorParts
    guard: CardinalityGuard
    scrape: ScrapeManager
    prober: Prober
    heartbeats: HeartbeatBook
    rules: RuleManager
    alerts: Dispatcher
    desk: Desk
    canaries: Canaries
    acknowledgements: Acknowledgements
    doors: AnswerDoors
    maintenance: Maintenance
    receipts: ReceiptReader
    users: Users
    sessions: Sessions
    tokens: Tokens
    settings: Settings
    status: Status
    reload: Reload
    backups: BackupMaker
    made_rules: MadeRules
    incidents: IncidentBook
    response: Response
    oncall: OnCallDesk
    pager: Pager
    status_page: StatusDesk
    afterwards: Afterwards
    dashboards: DashboardBook
    callable_people: Callable[[], Sequence[str]] = tuple
    """Who can be called, by name."""
    incident_feed: IncidentFeed = field(default_factory=IncidentFeed)
    trials: TrialRoom = field(default_factory=TrialRoom)
    board: AlertBoard = field(default_factory=AlertBoard)
    body_room: BodyRoom = field(default_factory=BodyRoom)

    @property
    def config(self) -> WebConfig:
        """The configuration now; it is another one after a reload."""
        return self.config_in_force()


def services(request: Request) -> Services:
    """The services of the application that serves this request."""
    return cast("Services", request.app.state.services)
