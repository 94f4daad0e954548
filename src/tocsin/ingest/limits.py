"""Which series are kept out, and what is told about it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Protocol

import msgspec

from tocsin.ingest import selector
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels, Matcher
from tocsin.model.samples import REFUSED

_refused = gauge.counter("series_refused", "New series kept out, by the limit.", ("limit",))

DROPPED = "a drop rule keeps it out"
"""How the reasons of unwanted series begin: their senders did nothing wrong."""

_OFFENDERS_KEPT = 1_000
_REMEMBERED = 10_000


class LimitsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many series there may be, and what they may look like."""

    max_series: Annotated[int, msgspec.Meta(ge=1)] = 2_000_000
    """Series within retention, all together."""
    max_series_per_metric: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    """Series of one metric."""
    max_series_per_job: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    """Series of one job."""
    max_labels: Annotated[int, msgspec.Meta(ge=1)] = 64
    """Labels of one series, its name included."""
    max_label_name_length: Annotated[int, msgspec.Meta(ge=1)] = 512
    """Bytes of a label's name."""
    max_label_value_length: Annotated[int, msgspec.Meta(ge=1)] = 4096
    """Bytes of a label's value."""
    drop: tuple[str, ...] = ()
    """Series that are not wanted, as selectors: `{__name__=~"go_gc_.*"}`."""

    def __post_init__(self) -> None:
        for text in self.drop:
            selector.parse(text)


class Limit(Enum):
    """What kept a series out."""

    SERIES = "max_series"
    METRIC = "max_series_per_metric"
    JOB = "max_series_per_job"
    LABELS = "max_labels"
    NAME_LENGTH = "max_label_name_length"
    VALUE_LENGTH = "max_label_value_length"
    DROP = "drop"
    COLLISION = "id"


class SeriesRegistry(Protocol):
    """What the guard needs of the store's registry."""

    @property
    def epoch(self) -> int: ...
    def __len__(self) -> int: ...
    def find(self, labels: Labels) -> int | None: ...
    def add(self, labels: Labels) -> int: ...
    def count(self, name: str, value: str) -> int: ...


@dataclass(frozen=True, slots=True)
class DropRule:
    """Series that are not wanted; `fixed` ones stand in the configuration file."""

    text: str
    matchers: tuple[Matcher, ...]
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Offender:
    """How often new series of one metric and job were kept out, by which limit and when last."""

    limit: Limit
    metric: str
    job: str
    refused: int
    last_ms: int


class CardinalityGuard:
    """A SeriesIntake over the store's registry: known series pass, new ones within the limits."""

    def __init__(self, registry: SeriesRegistry, config: LimitsConfig, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._config = config
        self._edits = 0
        self._rules: tuple[DropRule, ...] = _fixed(config)
        self._offenders: Counter[tuple[Limit, str, str]] = Counter()
        self._last_ms: dict[tuple[Limit, str, str], int] = {}
        self._why: dict[Labels, str] = {}

    @property
    def config(self) -> LimitsConfig:
        """The limits in force."""
        return self._config

    @property
    def epoch(self) -> int:
        """Changes with the limits, the drop rules and when the registry forgot series."""
        return self._edits + self._registry.epoch

    def ref(self, labels: Labels) -> int:
        """The series' ref; a new one is added if the limits allow, else the answer is REFUSED."""
        limit = self._dropped(labels) if self._rules else None
        if limit is None:
            ref = self._registry.find(labels)
            if ref is not None:
                return ref
            limit = self._exceeded(labels)
        if limit is None:
            try:
                return self._registry.add(labels)
            except Rejected as error:
                self._refuse(Limit.COLLISION, str(error), labels)
                return REFUSED
        self._refuse(*limit, labels)
        return REFUSED

    def why(self, labels: Labels) -> str:
        """One line on why `ref` answered REFUSED: the limit, its value, how to raise it."""
        return self._why.get(labels, "the series was refused by a limit")

    def configure(self, config: LimitsConfig) -> None:
        """Put other limits in force; rules made at run time stay."""
        self._config = config
        own = tuple(rule for rule in self._rules if not rule.fixed)
        self._change((*_fixed(config), *own))

    @property
    def rules(self) -> Sequence[DropRule]:
        """The drop rules in force."""
        return self._rules

    def add_rule(self, text: str) -> DropRule:
        """Refuse the selector's series from now on; raises Rejected when it is no selector."""
        rule = DropRule(text, selector.parse(text))
        if all(rule.text != other.text for other in self._rules):
            self._change((*self._rules, rule))
        return rule

    def remove_rule(self, text: str) -> None:
        """Take the series again; raises NotFound without such a rule, Rejected for a fixed one."""
        rule = next((rule for rule in self._rules if rule.text == text), None)
        if rule is None:
            raise NotFound(f"there is no drop rule {text!r}")
        if rule.fixed:
            raise Rejected(
                f"the drop rule {text!r} stands in the configuration file; edit it there"
            )
        self._change(tuple(other for other in self._rules if other is not rule))

    def offenders(self, top: int = 20) -> list[Offender]:
        """Who had most new series refused since the start, the worst first."""
        return [
            Offender(limit, metric, job, count, self._last_ms[limit, metric, job])
            for (limit, metric, job), count in self._offenders.most_common(top)
        ]

    def _change(self, rules: tuple[DropRule, ...]) -> None:
        self._rules = rules
        self._why.clear()
        self._edits += 1

    def _dropped(self, labels: Labels) -> tuple[Limit, str] | None:
        for rule in self._rules:
            if selector.matches(rule.matchers, labels):
                return Limit.DROP, f"{DROPPED}: {rule.text}"
        return None

    def _exceeded(self, labels: Labels) -> tuple[Limit, str] | None:
        limits = self._config
        if len(labels) > limits.max_labels:
            return _over(Limit.LABELS, f"a series has {len(labels)} labels", limits.max_labels)
        for name, value in labels:
            if _is_longer(name, limits.max_label_name_length):
                said = f"the name of label {name[:40]!r}… is {len(name.encode())} bytes long"
                return _over(Limit.NAME_LENGTH, said, limits.max_label_name_length)
            if _is_longer(value, limits.max_label_value_length):
                said = f"the value of label {name!r} is {len(value.encode())} bytes long"
                return _over(Limit.VALUE_LENGTH, said, limits.max_label_value_length)
        return self._too_many(labels)

    def _too_many(self, labels: Labels) -> tuple[Limit, str] | None:
        limits = self._config
        if len(self._registry) >= limits.max_series:
            said = f"there are {len(self._registry)} series"
            return _over(Limit.SERIES, said, limits.max_series)
        metric = label_sets.get(labels, NAME)
        if self._registry.count(NAME, metric) >= limits.max_series_per_metric:
            said = f"metric {metric} has {self._registry.count(NAME, metric)} series"
            return _over(Limit.METRIC, said, limits.max_series_per_metric)
        job = label_sets.get(labels, "job")
        if job and self._registry.count("job", job) >= limits.max_series_per_job:
            said = f"job {job} has {self._registry.count('job', job)} series"
            return _over(Limit.JOB, said, limits.max_series_per_job)
        return None

    def _refuse(self, limit: Limit, why: str, labels: Labels) -> None:
        _refused.labels(limit.value).inc()
        key = limit, label_sets.get(labels, NAME)[:200], label_sets.get(labels, "job")[:200]
        if key not in self._offenders and len(self._offenders) >= _OFFENDERS_KEPT:
            for rare, _ in self._offenders.most_common()[_OFFENDERS_KEPT // 2 :]:
                del self._offenders[rare], self._last_ms[rare]
        self._offenders[key] += 1
        self._last_ms[key] = self._clock.now_ms()
        if len(self._why) >= _REMEMBERED:
            self._why.clear()
        self._why[labels] = why


def _is_longer(text: str, limit_bytes: int) -> bool:
    """Whether it takes more bytes; a character takes one to four of them."""
    return len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes


def _fixed(config: LimitsConfig) -> tuple[DropRule, ...]:
    return tuple(DropRule(text, selector.parse(text), fixed=True) for text in config.drop)


def _over(limit: Limit, said: str, allowed: int) -> tuple[Limit, str]:
    return limit, f"{said}, the limit is {allowed} (setting ingest.limits.{limit.value})"
