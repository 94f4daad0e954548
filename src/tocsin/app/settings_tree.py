"""What may stand in `tocsin.yaml`? The whole tree, and the sections that no other room reads."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec

from tocsin.alert.config import AlertingConfig
from tocsin.errortracking.config import ErrorsConfig, ProjectConfig
from tocsin.incident.config import IncidentsConfig
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.traces.config import TracesConfig
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.notify.answer_config import AnswersConfig
from tocsin.oncall.config import OnCallConfig
from tocsin.state.config import AuthConfig, StateConfig
from tocsin.statuspage.config import StatusPageConfig
from tocsin.store.config import RetentionConfig, StoreConfig
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.heartbeats.config import HeartbeatConfig


class HostPort(str):
    """An address to listen on, `host:port`; empty means that nobody listens."""

    __slots__ = ()
    EXPECTED = "host:port such as 127.0.0.1:7777, or off"

    @classmethod
    def from_config(cls, text: str) -> HostPort:
        """Raises Rejected when it is neither `host:port` nor `off`."""
        if text.lower() in ("", "off", "false", "none"):
            return cls("")
        host, colon, port = text.rpartition(":")
        is_bare_v6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
        digits = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
        if not colon or not digits or is_bare_v6 or any(c.isspace() or c == "/" for c in host):
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(text)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; true when nobody listens."""
        if not self:
            return True
        host = self.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host.lower() == "localhost"


class ListenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The ports. Port 0 takes a free one; `off` opens none."""

    http: HostPort = HostPort("127.0.0.1:7777")
    """Pages, APIs and every protocol over HTTP."""
    otlp_http: HostPort = HostPort("127.0.0.1:4318")
    """OpenTelemetry's default port for OTLP over HTTP."""
    otlp_grpc: HostPort = HostPort("127.0.0.1:4317")
    """OpenTelemetry's default port for OTLP over gRPC."""
    statsd: HostPort = HostPort("")
    """UDP port of StatsD and DogStatsD, usually 127.0.0.1:8125."""
    external_url: str = ""
    """How people and webhooks reach Tocsin, e.g. `https://tocsin.example.com`; used in links."""

    def __post_init__(self) -> None:
        if not self.http:
            raise Rejected("http cannot be off: pages, APIs and health checks live there")
        url = self.external_url
        if url and not url.startswith(("http://", "https://")):
            raise Rejected(f"external_url must start with http:// or https://, got {url!r}")

    @property
    def addresses(self) -> tuple[HostPort, ...]:
        """Every address that is listened on."""
        return tuple(a for a in (self.http, self.otlp_http, self.otlp_grpc, self.statsd) if a)


class ScrapeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched without being named in `prometheus`."""

    host: bool = True
    """Metrics of the machine itself: processor, memory, disks, network."""
    itself: bool = True
    """Tocsin's own metrics."""
    nearby: bool = False
    """Look for exporters on their usual ports of this machine and scrape those that answer."""
    interval: Duration = Duration(15)
    """How often."""


class QueryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a query; what goes beyond is refused with the bound's name."""

    timeout: Duration = Duration(120)
    """How long a query may take; a caller may ask for less."""
    max_samples: Annotated[int, msgspec.Meta(ge=1)] = 50_000_000
    """How many samples a query may hold in memory at once."""
    max_concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8
    """How many queries run side by side; the others wait their turn."""
    lookback: Duration = Duration(300)
    """How old a sample may be to count as the current value."""
    slow: Duration = Duration(5)
    """Queries that take longer are logged and shown."""
    experimental_functions: bool = False
    """Allow PromQL's experimental functions and syntax."""


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Tocsin's own log, on standard error."""

    format: Literal["console", "json"] = "console"
    """`console` is for people, `json` for programs."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe that is written."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `tocsin.yaml`. Nothing in it is required; unknown keys are mistakes."""

    listen: ListenConfig = ListenConfig()
    data: str = "./tocsin-data"
    """Folder of everything that is kept. Relative to the configuration file's folder."""
    store: StoreConfig = StoreConfig()
    state: StateConfig = StateConfig()
    auth: AuthConfig = AuthConfig()
    retention: RetentionConfig = RetentionConfig()
    prometheus: Document | None = None
    """Path of a `prometheus.yml`, or its content in place. It is used as it stands."""
    alertmanager: Document | None = None
    """Path of an `alertmanager.yml`, or its content in place. It is used as it stands."""
    severities: Document | None = None
    """Levels such as `critical: {description, response_time, escalation, channels}`: who is told of
    alerts by their label `severity`, beside the `alertmanager.yml` or without one."""
    alerts: Document | None = None
    """Rules in plain words: a list of `{name, condition: "error_rate > 5%", duration: 5m, severity,
    message, runbook, recover, by, no_data, on_error}`, or the same by their names."""
    indicators: Document | None = None
    """What the names in conditions mean, beside those that are known: `{name: {expr, unit}}`."""
    slos: Document | None = None
    """Objectives: a list of `{name, objective: 99.9%, window: 30d, good, total}`, or by names."""
    alerting: AlertingConfig = AlertingConfig()
    answers: AnswersConfig = AnswersConfig()
    incidents: IncidentsConfig = IncidentsConfig()
    oncall: OnCallConfig = OnCallConfig()
    status_page: StatusPageConfig = StatusPageConfig()
    ingest: IngestConfig = IngestConfig()
    logs: LogsConfig = LogsConfig()
    errors: ErrorsConfig = ErrorsConfig()
    projects: dict[str, ProjectConfig] = {}
    """Applications by name, whose errors belong together: `{shop: {platform: python, services:
    [api, worker], alert_on: [new, regressed]}}`. The project `default` is always there."""
    traces: TracesConfig = TracesConfig()
    dashboards: str = ""
    """Folder of dashboards as code: JSON and YAML files, Grafana's JSON too. Shown read-only, read
    again when one changes. Relative to the configuration file's folder."""
    monitors: tuple[MonitorConfig, ...] = ()
    """What is asked from outside every so often, whether it answers as it should."""
    heartbeats: tuple[HeartbeatConfig, ...] = ()
    """Programs that say when they have run, and are missed when they do not."""
    scrape: ScrapeConfig = ScrapeConfig()
    query: QueryConfig = QueryConfig()
    log: LogConfig = LogConfig()
