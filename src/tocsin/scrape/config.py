"""What does a `prometheus.yml` ask to scrape? Used as it stands, all of its keys known."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from tocsin.kit.document import Document, Entries, Node, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size
from tocsin.kit.yaml import decode, load
from tocsin.scrape.discovery import UNSUPPORTED
from tocsin.scrape.discovery.dns import DnsConfig
from tocsin.scrape.discovery.docker import DockerConfig
from tocsin.scrape.discovery.file import FileConfig
from tocsin.scrape.discovery.http import HttpConfig
from tocsin.scrape.discovery.static import StaticConfig
from tocsin.scrape.http_options import HttpOptions
from tocsin.scrape.relabel import RelabelRule

Protocol: TypeAlias = Literal[
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
]
Validation: TypeAlias = Literal["", "utf8", "legacy"]
Escaping: TypeAlias = Literal["", "allow-utf-8", "underscores", "dots", "values"]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]

DEFAULT_PROTOCOLS: tuple[Protocol, ...] = (
    "OpenMetricsText1.0.0",
    "OpenMetricsText0.0.1",
    "PrometheusText1.0.0",
    "PrometheusText0.0.4",
)
_SECTIONS = frozenset(
    (
        "alerting",
        "global",
        "otlp",
        "remote_read",
        "remote_write",
        "rule_files",
        "runtime",
        "scrape_config_files",
        "scrape_configs",
        "storage",
        "tracing",
    )
)
_NOT_YET = {
    "alerting": "Tocsin routes alerts itself, by `alertmanager` in tocsin.yaml",
    "otlp": "say it in tocsin.yaml under ingest.otlp",
    "remote_write": "Tocsin does not forward samples yet",
    "remote_read": "Tocsin does not read from other stores yet",
    "tracing": "Tocsin does not send traces of its own yet",
}

_WITHOUT_EFFECT = {
    "query_log_file": "slow queries are in Tocsin's own log",
    "scrape_failure_log_file": "scrapes that fail are in Tocsin's own log",
    "convert_classic_histograms_to_nhcb": "native histograms are not supported yet",
    "proxy_connect_header": "it is not sent yet",
}
"""Keys of `global` and of jobs that are read and change nothing."""


class BodySize(Size):
    """Bytes, with a unit; as in Prometheus `KB` is 1024 of them."""

    EXPECTED = "a size such as 512KB or 100MB"

    @classmethod
    def from_config(cls, text: str) -> BodySize:
        """Raises Rejected for anything else."""
        return cls(int(Size.from_config(re.sub(r"(?i)([KMGTP])B$", r"\1iB", text))))


class GlobalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`global`."""

    scrape_interval: Duration = Duration(60)
    scrape_timeout: Duration | None = None
    scrape_protocols: tuple[Protocol, ...] | None = None
    evaluation_interval: Duration = Duration(60)
    rule_query_offset: Duration = Duration(0)
    external_labels: dict[str, str] = {}
    query_log_file: str = ""
    scrape_failure_log_file: str = ""
    body_size_limit: BodySize = BodySize(0)
    sample_limit: Count = 0
    target_limit: Count = 0
    label_limit: Count = 0
    label_name_length_limit: Count = 0
    label_value_length_limit: Count = 0
    keep_dropped_targets: Count = 0
    metric_name_validation_scheme: Validation = ""
    metric_name_escaping_scheme: Escaping = ""
    scrape_native_histograms: bool = False
    convert_classic_histograms_to_nhcb: bool = False
    always_scrape_classic_histograms: bool = False
    extra_scrape_metrics: bool = False


class ScrapeConfig(HttpOptions, frozen=True, kw_only=True):
    """One entry of `scrape_configs`; None means "as in global"."""

    job_name: str
    scrape_interval: Duration | None = None
    scrape_timeout: Duration | None = None
    scrape_protocols: tuple[Protocol, ...] | None = None
    fallback_scrape_protocol: Protocol | Literal[""] = ""
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    params: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    enable_compression: bool = True
    scrape_failure_log_file: str | None = None
    body_size_limit: BodySize | None = None
    sample_limit: Count | None = None
    target_limit: Count | None = None
    label_limit: Count | None = None
    label_name_length_limit: Count | None = None
    label_value_length_limit: Count | None = None
    keep_dropped_targets: Count | None = None
    native_histogram_bucket_limit: Count = 0
    native_histogram_min_bucket_factor: float = 0.0
    metric_name_validation_scheme: Validation = ""
    metric_name_escaping_scheme: Escaping = ""
    scrape_native_histograms: bool | None = None
    scrape_classic_histograms: bool | None = None
    always_scrape_classic_histograms: bool | None = None
    convert_classic_histograms_to_nhcb: bool | None = None
    extra_scrape_metrics: bool | None = None
    relabel_configs: tuple[RelabelRule, ...] = ()
    metric_relabel_configs: tuple[RelabelRule, ...] = ()
    static_configs: tuple[StaticConfig, ...] = ()
    file_sd_configs: tuple[FileConfig, ...] = ()
    http_sd_configs: tuple[HttpConfig, ...] = ()
    dns_sd_configs: tuple[DnsConfig, ...] = ()
    docker_sd_configs: tuple[DockerConfig, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.job_name:
            raise Rejected("job_name is empty")
        if self.fallback_scrape_protocol == "PrometheusProto":
            raise Rejected("fallback_scrape_protocol PrometheusProto is not supported yet")
        if self.relabel_configs:
            return
        for group in self.static_configs:
            for target in group.targets:
                if "/" in target:
                    raise Rejected(f"{target!r} is no host:port; scheme and path are own keys")


@dataclass(frozen=True, slots=True)
class Job:
    """A scrape configuration with global defaults applied; 0 means no limit."""

    config: ScrapeConfig
    interval: float
    timeout: float
    protocols: tuple[Protocol, ...]
    body_size_limit: int
    sample_limit: int
    target_limit: int
    label_limit: int
    label_name_length_limit: int
    label_value_length_limit: int
    keep_dropped_targets: int
    legacy_names: bool
    escaping: str
    extra_metrics: bool

    @property
    def name(self) -> str:
        """`job_name`."""
        return self.config.job_name


@dataclass(frozen=True, slots=True)
class ScrapePlan:
    """All jobs of a configuration. `folder` is where relative paths start."""

    jobs: tuple[Job, ...] = ()
    folder: Path = Path()
    external_labels: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    """Further files that were read (`scrape_config_files`), to be watched."""


def read_plan(document: Document | None, folder: Path) -> ScrapePlan:
    """The jobs of a `prometheus.yml`; raises ConfigError with the place of the first mistake.

    What Tocsin does not act on yet becomes a warning that names the job, not a failure.
    """
    if document is None:
        return ScrapePlan(folder=folder)
    _check_sections(document)
    found = document.get("global")
    defaults = decode(found, GlobalConfig) if found else GlobalConfig()
    warnings = [
        f"{key}: {words}; ignored" for key, words in _NOT_YET.items() if _has(document, key)
    ]
    warnings += _without_effect(defaults, "global.")
    jobs: list[Job] = []
    _add_jobs(document, defaults, jobs, warnings)
    sources = _files(document, folder)
    for file in sources:
        _add_jobs(load(file), defaults, jobs, warnings)
    labels = tuple(sorted(defaults.external_labels.items()))
    return ScrapePlan(tuple(jobs), folder, labels, tuple(warnings), tuple(sources))


def _without_effect(options: msgspec.Struct, place: str) -> list[str]:
    return [
        f"{place}{key}: {words}; ignored"
        for key, words in _WITHOUT_EFFECT.items()
        if getattr(options, key, None)
    ]


def _has(document: Document, key: str) -> bool:
    part = document.get(key)
    return part is not None and bool(part.data)


def _check_sections(document: Document) -> None:
    if not isinstance(document.node, Entries):
        raise document.error("expected a mapping")
    for key in document.node.nodes:
        if key not in _SECTIONS:
            known = ", ".join(sorted(_SECTIONS))
            problem = f"unknown key; known here: {known}"
            raise document.error(problem, key, nearest=nearest(key, _SECTIONS))


def _files(document: Document, folder: Path) -> list[Path]:
    patterns = document.get("scrape_config_files")
    if patterns is None:
        return []
    names = decode(patterns, list[str])
    return sorted(Path(file) for name in names for file in glob.glob(str(folder / name)))


def _add_jobs(
    document: Document, defaults: GlobalConfig, jobs: list[Job], warnings: list[str]
) -> None:
    listed = document.get("scrape_configs")
    if listed is None or listed.data is None:
        return
    count = len(decode(listed, list[object]))
    for index in range(count):
        part = listed.get(index)
        if part is None or part.data is None:
            raise listed.error("a scrape configuration is empty", index)
        kept = Document(_supported(part.node, warnings), part.path)
        config = decode(kept, ScrapeConfig)
        if any(config.job_name == job.name for job in jobs):
            raise part.error(f"found two jobs with job_name {config.job_name!r}", "job_name")
        try:
            jobs.append(job_of(config, defaults))
        except Rejected as error:
            raise part.error(str(error)) from error
        warnings += _without_effect(config, f"job {config.job_name}: ")
        if config.scrape_native_histograms or defaults.scrape_native_histograms:
            warnings.append(f"job {config.job_name}: native histograms are not supported yet")


def _supported(node: Node, warnings: list[str]) -> Node:
    """The entry without the kinds of discovery that Tocsin does not know yet."""
    if not isinstance(node, Entries):
        return node
    job = node.nodes.get("job_name")
    for key in node.nodes.keys() & UNSUPPORTED:
        name = getattr(job, "text", "?")
        where = node.keys[key]
        warnings.append(f"{where}: job {name}: {key} is not supported yet; it finds no targets")
    kept = {key: child for key, child in node.nodes.items() if key not in UNSUPPORTED}
    return Entries(node.place, kept, node.keys)


def job_of(config: ScrapeConfig, defaults: GlobalConfig) -> Job:
    """Apply the defaults; raises Rejected when interval and timeout do not fit."""
    interval = config.scrape_interval or defaults.scrape_interval
    if interval <= 0:
        raise Rejected("scrape_interval must be greater than 0")
    if config.scrape_timeout is not None and config.scrape_timeout > interval:
        raise Rejected(
            f"scrape_timeout {config.scrape_timeout} is longer than scrape_interval {interval}"
        )
    scheme = config.metric_name_validation_scheme or defaults.metric_name_validation_scheme
    escaping = config.metric_name_escaping_scheme or defaults.metric_name_escaping_scheme
    if scheme == "legacy" and escaping == "allow-utf-8":
        raise Rejected("metric_name_escaping_scheme allow-utf-8 excludes validation legacy")
    timeout = config.scrape_timeout or min(defaults.scrape_timeout or Duration(10), interval)
    extra = config.extra_scrape_metrics

    def limit(name: str) -> int:
        own = getattr(config, name)
        return int(getattr(defaults, name) if own is None else own)

    return Job(
        config=config,
        interval=float(interval),
        timeout=float(timeout),
        protocols=config.scrape_protocols or defaults.scrape_protocols or DEFAULT_PROTOCOLS,
        body_size_limit=limit("body_size_limit"),
        sample_limit=limit("sample_limit"),
        target_limit=limit("target_limit"),
        label_limit=limit("label_limit"),
        label_name_length_limit=limit("label_name_length_limit"),
        label_value_length_limit=limit("label_value_length_limit"),
        keep_dropped_targets=limit("keep_dropped_targets"),
        legacy_names=scheme == "legacy",
        escaping=escaping or ("underscores" if scheme == "legacy" else "allow-utf-8"),
        extra_metrics=defaults.extra_scrape_metrics if extra is None else extra,
    )
