"""What does `error_rate` mean? Named numbers and the PromQL that finds them.

The defaults look for the usual metrics of servers, hosts, containers and browsers; the first that
is there counts. `indicators` in the configuration defines others and replaces these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from tocsin.alert.plain.condition_tokens import Dimension
from tocsin.alert.plain.http_flavours import SERVICES, Flavour
from tocsin.alert.rules.rule_file import expression
from tocsin.kit.document import ConfigError, Document, Entries, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode

_SPAN = "[5m]"
_UNITS = {
    "": Dimension.NUMBER,
    "number": Dimension.NUMBER,
    "count": Dimension.NUMBER,
    "%": Dimension.SHARE,
    "ratio": Dimension.SHARE,
    "share": Dimension.SHARE,
    "s": Dimension.TIME,
    "seconds": Dimension.TIME,
    "B": Dimension.SIZE,
    "bytes": Dimension.SIZE,
    "/s": Dimension.RATE,
    "per second": Dimension.RATE,
    "B/s": Dimension.SIZE_RATE,
    "bytes per second": Dimension.SIZE_RATE,
}


class Unit(str):
    """What an indicator's expression is measured in."""

    __slots__ = ()
    EXPECTED = f"one of {', '.join(repr(name) for name in _UNITS if name)}"

    @classmethod
    def from_config(cls, text: str) -> Unit:
        """Raises Rejected for another."""
        if text not in _UNITS:
            close = nearest(text, _UNITS)
            hint = f'; did you mean "{close}"?' if close else ""
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}{hint}")
        return cls(text)

    @property
    def dimension(self) -> Dimension:
        """What it measures."""
        return _UNITS[self]


class IndicatorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator as it is configured."""

    expr: str
    """PromQL whose result is in `unit`; aggregations are extended by a rule's `by`."""
    unit: Unit = Unit("")
    """"%" (0.05 is 5 %), "s", "B", "/s", "B/s"; none for a plain number."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A named number."""

    name: str
    expr: str
    dimension: Dimension
    about: str


def indicators(document: Document | None) -> dict[str, Indicator]:
    """The defaults, and those of the configuration. Raises ConfigError for the first mistake."""
    known = dict(DEFAULTS)
    if document is None:
        return known
    if not isinstance(document.node, Entries):
        raise document.error("expected indicators by their names, each {expr, unit}")
    for name in document.node.nodes:
        part = document.get(name)
        if part is not None:
            known[name] = _own(name, part)
    return known


def _own(name: str, part: Document) -> Indicator:
    if not name.isidentifier() or not name.isascii():
        raise part.error("an indicator's name has letters, digits and underscores only")
    if isinstance(part.node, Entries):
        entry = decode(part, IndicatorEntry)
    else:
        entry = IndicatorEntry(expr=decode(part, str))
    problems: list[ConfigError] = []
    expr = expression(part, entry.expr, problems, "expr")
    if problems:
        raise problems[0]
    return Indicator(name, expr, entry.unit.dimension, entry.about)


def _either(*choices: str) -> str:
    return " or ".join(choices)


def _failed(flavour: Flavour, codes: str) -> str:
    matching = " or ".join(
        f'rate({flavour.count}{{{label}=~"{codes}"}}{_SPAN})' for label in flavour.status
    )
    return f"sum({matching})"


def _share(codes: str) -> str:
    """The requests that were answered so, of all; 0 when none was, nothing without requests."""
    return _either(
        *(
            f"({_failed(one, codes)} or 0 * sum(rate({one.count}{_SPAN})))"
            f" / sum(rate({one.count}{_SPAN}))"
            for one in SERVICES
        )
    )


def _quantile(share: float, *buckets: str) -> str:
    return _either(
        *(
            f"histogram_quantile({share:g}, sum by (le) (rate({name}{_SPAN})))"
            for name in dict.fromkeys(buckets)
        )
    )


def _counted(*names: str) -> str:
    """How many in five minutes: of pushed events, else of a counter."""
    return _either(
        *(
            f"sum(increase({name}{ending}{_SPAN}))"
            for name in names
            for ending in ("_value_sum", "_total")
        )
    )


def _pushed_mean(name: str) -> str:
    return f"sum(rate({name}_value_sum{_SPAN})) / sum(rate({name}_events_total{_SPAN}))"


_BUCKETS = tuple(one.bucket for one in SERVICES)
_FILESYSTEMS = '{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"}'

REQUESTS = _either(*(f"sum(rate({one.count}{_SPAN}))" for one in SERVICES))
"""All requests of a second."""


def _requests() -> Iterator[tuple[str, str, Dimension, str]]:
    share = Dimension.SHARE
    yield "error_rate", _share("5.."), share, "requests that failed on the server's side, of all"
    for digit in "2345":
        words = f"requests answered with a status {digit}xx, of all"
        yield f"http_status_{digit}xx_rate", _share(f"{digit}.."), share, words
    yield "client_error_rate", _share("4.."), share, "requests that were wrong, of all"
    success = _either(*(f"1 - ({part})" for part in (_share("5.."),)))
    yield "success_rate", success, share, "requests that did not fail on the server's side, of all"
    yield "availability", success, share, "the same as success_rate"
    yield "request_rate", REQUESTS, Dimension.RATE, "requests"
    yield "throughput", REQUESTS, Dimension.RATE, "the same as request_rate"
    for percent in ("50", "75", "90", "95", "99", "99_9"):
        part = float(percent.replace("_", ".")) / 100
        words = f"{percent.replace('_', '.')} of 100 requests are answered within this"
        for name in ("response_time", "latency"):
            yield f"p{percent}_{name}", _quantile(part, *_BUCKETS), Dimension.TIME, words
    mean = _either(
        *(
            f"sum(rate({name}_sum{_SPAN})) / sum(rate({name}_count{_SPAN}))"
            for name in dict.fromkeys(one.removesuffix("_bucket") for one in _BUCKETS)
        )
    )
    for name in ("avg_response_time", "response_time"):
        yield name, mean, Dimension.TIME, "the mean time to answer a request"
    yield (
        "active_connections",
        _either("sum(http_active_connections)", "sum(http_server_active_requests)"),
        Dimension.NUMBER,
        "connections or requests in progress",
    )


def _machines() -> Iterator[tuple[str, str, Dimension, str]]:
    share, size = Dimension.SHARE, Dimension.SIZE
    memory = _either(
        "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
        "container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0)",
        'sum without (state) (system_memory_utilization_ratio{state="used"})',
    )
    yield "memory_usage", memory, share, "memory in use, of each machine or container"
    cpu = _either(
        '1 - avg by (instance, job) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
        "sum by (instance, job) (rate(process_cpu_seconds_total[5m]))",
    )
    yield "cpu_usage", cpu, share, "processor in use, of each machine; of processes without one"
    size_of, free = f"node_filesystem_size_bytes{_FILESYSTEMS}", "node_filesystem_avail_bytes"
    free += _FILESYSTEMS
    yield "disk_usage", f"1 - {free} / {size_of}", share, "storage in use, of each filesystem"
    yield "disk_free", free, size, "storage that is free, of each filesystem"
    yield "memory_free", "node_memory_MemAvailable_bytes", size, "memory that is free"
    yield "process_memory", "process_resident_memory_bytes", size, "memory of each process"
    yield "load", "node_load1", Dimension.NUMBER, "tasks that run or wait, of each machine"
    yield "uptime", "time() - process_start_time_seconds", Dimension.TIME, "age of each process"
    yield "service_up", "up", Dimension.NUMBER, "1 for each target that answers, 0 for others"


def _applications() -> Iterator[tuple[str, str, Dimension, str]]:
    number, time = Dimension.NUMBER, Dimension.TIME
    users = _either(
        "max(daily_active_users)",
        "sum(increase(active_users_daily_events_total[1d]))",
        'sum(increase(active_users_events_total{timeframe="daily"}[1d]))',
    )
    yield "daily_active_users", users, number, "users of a day, or tracked activity of 24 h"
    monthly = _either(
        "max(monthly_active_users)", "sum(increase(active_users_monthly_events_total[30d]))"
    )
    yield "monthly_active_users", monthly, number, "users of 30 days, or tracked activity"
    latency = _either(
        f"({_pushed_mean('ai_analysis_latency')}) / 1000",
        _quantile(
            0.95, "ai_analysis_duration_seconds_bucket", "ai_analysis_latency_seconds_bucket"
        ),
    )
    yield "ai_analysis_latency", latency, time, "mean of pushed milliseconds, or 95 of 100 within"
    yield (
        "ai_analysis_errors",
        _counted("ai_analysis_error", "ai_analysis_errors"),
        number,
        ("failed analyses in five minutes"),
    )
    yield "ai_tokens", _counted("ai_analysis_tokens", "ai_tokens"), number, "in five minutes"
    errors = _counted("convex_connection_errors", "database_connection_errors")
    yield "convex_connection_errors", errors, number, "in five minutes"
    errors = _counted("database_connection_errors", "convex_connection_errors")
    yield "database_connection_errors", errors, number, "in five minutes"
    yield "slow_queries", _counted("db_slow_query", "slow_queries"), number, "in five minutes"
    queries = _quantile(0.95, "database_query_duration_seconds_bucket")
    yield "p95_query_time", queries, time, "95 of 100 queries of the database take at most this"
    for vital, per in (("lcp", 1000), ("fcp", 1000), ("ttfb", 1000), ("inp", 1000), ("fid", 1000)):
        pushed = f"{_pushed_mean(f'web_vitals_{vital}')}"
        yield f"{vital}", f"({pushed}) / {per}", time, f"mean {vital.upper()} of visitors"
    yield "cls", _pushed_mean("web_vitals_cls"), number, "mean CLS of visitors"


DEFAULTS: Mapping[str, Indicator] = {
    name: Indicator(name, expr, dimension, about)
    for part in (_requests, _machines, _applications)
    for name, expr, dimension, about in part()
}
"""What can be named without having been configured."""


def failed_and_all() -> tuple[str, str]:
    """The requests of a second that failed, and all of them."""
    every = [f"sum(rate({one.count}{_SPAN}))" for one in SERVICES]
    bad = [
        f"({_failed(one, '5..')} or 0 * {total})"
        for one, total in zip(SERVICES, every, strict=True)
    ]
    return _either(*bad), _either(*every)


def slower_and_all(seconds: float) -> tuple[str, str]:
    """The requests of a second that took longer, which must be a bucket's bound, and all."""
    texts = dict.fromkeys((f"{seconds:g}", repr(float(seconds))))
    bound = "|".join(text.replace(".", "\\\\.") for text in texts)
    bad, total = [], []
    for bucket in dict.fromkeys(_BUCKETS):
        every = f'sum(rate({bucket}{{le="+Inf"}}{_SPAN}))'
        bad.append(f'({every} - sum(rate({bucket}{{le=~"{bound}"}}{_SPAN})))')
        total.append(every)
    return _either(*bad), _either(*total)
