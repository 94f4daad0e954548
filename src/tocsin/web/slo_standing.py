"""How does each objective stand: what is left of its budget, how fast does it burn?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tocsin.alert.plain.slo_rules import ALERT, BAD, BUDGET_LEFT, BURN_RATE, WHOLE
from tocsin.alert.rules.rule_run import pairs_of
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.quoting import quote
from tocsin.web.services import Services

if TYPE_CHECKING:
    from tocsin.alert.plain.slo import Slo
    from tocsin.alert.rules.group_run import GroupRun
    from tocsin.alert.rules.rule_run import RuleRun
    from tocsin.alert.rules.state import Active

_TIMEOUT_S = 10.0
_ASKED = (BUDGET_LEFT, WHOLE, BURN_RATE, BAD)
_LOW = 0.25


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """A burn-rate alert that is pending or firing."""

    severity: str
    window: str
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One objective now; for each value of its `by` labels one. None is not known yet."""

    slo: Slo
    labels: Labels
    """The `by` labels alone."""
    budget_left: float | None
    bad_ratio: float | None
    """Of the whole window."""
    burn_rate: float | None
    """Of the last hour; 1 uses the budget up exactly."""
    exhausted_s: float | None
    """When the budget is used up if it burns on like this; None when it does not."""
    alerts: Sequence[BurnAlert]
    problem: str
    """Why the numbers are not to be trusted, empty when they are."""
    is_new: bool = False
    """Whether its long windows have not been looked at since it was set, or since the start."""

    @property
    def tone(self) -> str:
        """How bad it is."""
        if self.problem or any(one.state == "firing" for one in self.alerts):
            return "critical"
        if self.budget_left is None:
            return "unknown"
        if self.budget_left <= 0:
            return "critical"
        return "warning" if self.budget_left < _LOW or self.alerts else "ok"

    @property
    def word(self) -> str:
        """The same for people."""
        if self.problem:
            return "Cannot be told"
        if self.budget_left is None:
            return "First numbers within 2 min" if self.is_new else "No data yet"
        if self.budget_left <= 0:
            return "Budget used up"
        if any(one.state == "firing" for one in self.alerts):
            return "Burning"
        return "Low" if self.budget_left < _LOW else "Good"

    @property
    def promise(self) -> str:
        """The objective in words."""
        return f"{self.slo.objective * 100:g} % in {self.slo.window_ms / 86_400_000:g} d"

    @property
    def chart(self) -> str:
        """The query of its burn-down."""
        return f"{BUDGET_LEFT}{{{_matchers(self.slo, self.labels)}}}"


def _matchers(slo: Slo, labels: Labels) -> str:
    pairs = (("slo", slo.name), *labels)
    return ",".join(f"{name}={quote(value)}" for name, value in pairs)


async def standings(given: Services) -> list[Standing]:
    """Every objective, in the order of the configuration. Raises a Fault when nobody can tell."""
    slos = given.config.slos()
    if not slos:
        return []
    options = replace(given.config.query, timeout_seconds=_TIMEOUT_S)
    now_ms = given.clock.now_ms()
    found = await asyncio.gather(
        *(given.engine.instant(f'{name}{{slo!=""}}', now_ms, options) for name in _ASKED)
    )
    known = [_by_labels(pairs_of(result)) for result in found]
    groups = given.rules.groups
    return [one for slo in slos for one in _of(slo, known, groups)]


Known = Mapping[str, Mapping[Labels, float]]


def _by_labels(pairs: Iterable[tuple[Labels, float]]) -> dict[str, dict[Labels, float]]:
    """Values by the objective's name and the labels beside it."""
    known: dict[str, dict[Labels, float]] = {}
    for labels, value in pairs:
        named = dict(labels)
        rest = tuple(pair for pair in labels if pair[0] not in (NAME, "slo"))
        known.setdefault(named.get("slo", ""), {})[rest] = value
    return known


def _of(slo: Slo, known: Sequence[Known], groups: Iterable[GroupRun]) -> list[Standing]:
    left, whole, burn, bad = (one.get(slo.name, {}) for one in known)
    runs = [run for group in groups for run in group.rules if ("slo", slo.name) in run.rule.labels]
    keys = sorted({*left, *burn, *whole}) or [slo.labels]
    return [
        _standing(slo, key, (left.get(key), whole.get(key), burn.get(key), bad.get(key)), runs)
        for key in keys
    ]


def _standing(
    slo: Slo,
    key: Labels,
    values: tuple[float | None, float | None, float | None, float | None],
    runs: Sequence[RuleRun],
) -> Standing:
    left, whole, burn, bad = values
    own = tuple(pair for pair in key if pair not in slo.labels)
    exhausted = None
    if left is not None and burn is not None and left > 0 and burn > 0:
        exhausted = left * slo.window_ms / 1000 / burn
    problem = next((run.error for run in runs if run.health == "err"), "")
    if bad is not None and bad < 0:
        problem = "more is good than there is in total: check the two queries"
    is_new = any(run.rule.name == BUDGET_LEFT and not run.evaluated_ms for run in runs)
    return Standing(slo, own, left, whole, burn, exhausted, _alerts(runs, own), problem, is_new)


def _alerts(runs: Iterable[RuleRun], own: Labels) -> list[BurnAlert]:
    found: list[Active] = [
        one
        for run in runs
        if run.rule.name == ALERT
        for one in run.alerts()
        if set(own) <= set(one.labels)
    ]
    named = [(dict(one.labels), one.state) for one in found]
    return [
        BurnAlert(labels.get("severity", ""), labels.get("window", ""), state)
        for labels, state in named
    ]
