"""How did one rule go: its result, its alerts, its health?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.alert.rules import template
from tocsin.alert.rules.doubt import LEAST_HOLD_MS, Doubt, data_of
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.rule_file import Rule, Unknown
from tocsin.alert.rules.state import Active, Found, Held, Keep, Phase, advance
from tocsin.kit import gauge, log
from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.alerts import Alert
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.result import Result

ALERTS = "ALERTS"
FOR_STATE = "ALERTS_FOR_STATE"

_log = log.get("rules")
_bad_templates = gauge.counter("rule_template_failures", "Templates of rules that failed.")

Series = dict[Labels, float]
"""What a rule writes: one value for each series."""


class RuleRun:
    """One rule while it runs; `evaluate` is one step of it."""

    def __init__(self, rule: Rule, around: Surroundings, *, restored: bool) -> None:
        self.rule = rule
        self.active: Mapping[Labels, Active] = {}
        self.health = "unknown"
        self.error = ""
        self.template_error = ""
        self.seconds = 0.0
        self.evaluated_ms = 0
        self.asked_ms = 0
        """The moment that it was last evaluated for: without the group's `query_offset`."""
        self.restored = restored
        """False until what was known before a restart was taken over; nothing is written then."""
        self.written: dict[Labels, int] = {}
        """The series of the last evaluation and their refs."""
        self.epoch = -1
        self.is_awaited = False
        """Whether a later rule of the group reads what this one writes."""
        self._around = around
        self._doubt = Doubt(rule)

    @property
    def phase(self) -> Phase:
        """The worst of its alerts."""
        return max((one.phase for one in self.active.values()), default=Phase.INACTIVE)

    @property
    def state(self) -> str:
        """ "ok", "pending" or "firing"; "no data" when the expression has no series where it had
        some, "error" when it cannot be evaluated, "unknown" before the first time."""
        if self.health == "err":
            return "error"
        if self._doubt.is_missing:
            return "no data"
        if self.health == "unknown":
            return "unknown"
        return "ok" if self.phase is Phase.INACTIVE else self.phase.word

    @property
    def is_sure(self) -> bool:
        """Whether its alerts are all there are: it was evaluated since the start and can tell."""
        return self.restored and self.health == "ok" and not self._doubt.is_missing

    async def judged(self, alerts: Sequence[Alert], external: Labels) -> list[Alert]:
        """Without those that it may have given and whose series is missing now. Raises a Fault
        when it cannot ask."""
        query = data_of(self.rule.expr)
        if not query:  # as `absent(x)`, which needs none
            return list(alerts)
        data = await self._ask(query, self.asked_ms)
        fixed = {pair for pair in self.rule.labels if "{{" not in pair[1]}
        return [
            one
            for one in alerts
            if not fixed <= set(one.labels)
            or self._doubt.source(one.labels) in data
            or self._doubt.source(tuple(p for p in one.labels if p not in external)) in data
        ]

    def alerts(self) -> list[Active]:
        """Those that are pending or firing, by labels."""
        found = [one for one in self.active.values() if one.phase is not Phase.INACTIVE]
        return sorted(found, key=lambda one: one.labels)

    def adopt(self, other: RuleRun) -> None:
        """Go on where another version of this rule stopped."""
        self.active, self.written, self.epoch = other.active, other.written, other.epoch
        self.health, self.error = other.health, other.error
        self.seconds, self.evaluated_ms = other.seconds, other.evaluated_ms
        self.restored = other.restored
        self._doubt.had_data = other._doubt.had_data

    async def evaluate(self, at_ms: int, *, offset_ms: int, limit: int) -> Series:
        """The series to be written at `at_ms - offset_ms`. Raises a Fault when that fails."""
        asked_ms = self.asked_ms = at_ms - offset_ms
        result = await self._around.engine.instant(self.rule.expr, asked_ms, self._around.options)
        pairs = pairs_of(result)
        if not self.rule.is_alert:
            return self._recorded(pairs, limit)
        found = await self._found(pairs, asked_ms)
        kept = await self._kept(found, at_ms, asked_ms)
        after = advance(
            self.active,
            found,
            now_ms=at_ms,
            hold_ms=self.rule.hold_ms,
            keep_firing_ms=self.rule.keep_firing_ms,
            kept=kept,
        )
        count = sum(one.phase is not Phase.INACTIVE for one in after.values())
        if limit and count > limit:
            self.active = {}
            raise Rejected(f"exceeded limit of {limit} with {count} alerts")
        self.active = after
        return self._series() if self.restored else {}

    def failed(self, at_ms: int, error: str) -> None:
        """What becomes of the alerts when `evaluate` has failed."""
        rule, labels = self.rule, self._doubt.alert("error")
        if rule.on_error is Unknown.OK:
            self.active = advance(self.active, {}, now_ms=at_ms, hold_ms=0, keep_firing_ms=0)
            return
        kept = {
            one.labels: msgspec.structs.replace(
                one,
                held=Held.ERROR,
                held_since_ms=one.held_since_ms if one.held is Held.ERROR else at_ms,
            )
            if one.phase is Phase.FIRING and one.labels != labels
            else one
            for one in self.active.values()
        }
        if rule.on_error is Unknown.ALERT:
            before = {labels: kept[labels]} if labels in kept else {}
            said = self._doubt.words("error", error)
            kept |= advance(
                before,
                {labels: Found(1.0, said)},
                now_ms=at_ms,
                hold_ms=max(rule.hold_ms, LEAST_HOLD_MS),
                keep_firing_ms=0,
            )
        self.active = kept

    def revive(self, labels: Labels, active_ms: int, now_ms: int) -> None:
        """Go on with an alert that fired before Tocsin was away; the next evaluation judges it."""
        one = Active(
            labels=labels,
            phase=Phase.FIRING,
            active_ms=active_ms,
            fired_ms=min(now_ms, active_ms + self.rule.hold_ms),
        )
        self.active = {labels: one, **self.active}

    async def _kept(
        self, found: dict[Labels, Found], at_ms: int, asked_ms: int
    ) -> Mapping[Labels, Keep]:
        """Firing alerts that go on although they were not found. When the rule's data is missing
        and that is to be told, its own alert is added to `found`."""
        doubt, rule = self._doubt, self.rule
        data: dict[Labels, float] = {}
        if doubt.query:
            data = await self._ask(doubt.query, asked_ms)
            if not data and doubt.had_data is None:
                before = await self._ask(doubt.query, asked_ms - self._around.outage_ms)
                doubt.saw(before, earlier=True)
            doubt.saw(data)
        if doubt.is_missing and rule.no_data is Unknown.ALERT:
            hold_ms = max(rule.hold_ms, LEAST_HOLD_MS)
            found[doubt.alert("no_data")] = Found(1.0, doubt.words("no_data"), hold_ms)
        if not doubt.query and not rule.recover:
            return {}
        unsure = doubt.in_question(self.active.values(), found)
        recovered = await self._ask(rule.recover, asked_ms) if unsure and rule.recover else {}
        kept: dict[Labels, Keep] = {}
        for one in unsure:
            keep = doubt.keep(one, data, recovered, at_ms)
            if keep is not None:
                kept[one.labels] = await self._with_words(one, keep, asked_ms)
        return kept

    async def _ask(self, query: str, asked_ms: int) -> dict[Labels, float]:
        """What a query finds, by what an alert's labels have of its series."""
        result = await self._around.engine.instant(query, asked_ms, self._around.options)
        return {self._doubt.source(labels): value for labels, value in pairs_of(result)}

    async def _with_words(self, one: Active, keep: Keep, asked_ms: int) -> Keep:
        """An alert that was taken over from before a restart has no annotations yet."""
        if one.annotations or not self.rule.annotations:
            return keep
        value = one.value if keep.value is None else keep.value
        said = [
            (name, await self._said(text, one.labels, value, asked_ms))
            for name, text in self.rule.annotations
        ]
        return msgspec.structs.replace(keep, annotations=tuple(said))

    def _recorded(self, pairs: Sequence[tuple[Labels, float]], limit: int) -> Series:
        own = [*self.rule.labels, (NAME, self.rule.name)]
        series = {_with(labels, own): value for labels, value in pairs}
        if len(series) != len(pairs):
            raise Rejected(
                "vector contains metrics with the same labelset after applying rule labels"
            )
        if limit and len(series) > limit:
            raise Rejected(f"exceeded limit of {limit} with {len(series)} series")
        return series

    async def _found(
        self, pairs: Sequence[tuple[Labels, float]], asked_ms: int
    ) -> dict[Labels, Found]:
        self.template_error = ""
        found: dict[Labels, Found] = {}
        for labels, value in pairs:
            own = [(name, await self._said(text, labels, value, asked_ms))
                   for name, text in self.rule.labels]  # fmt: skip
            said = [(name, await self._said(text, labels, value, asked_ms))
                    for name, text in self.rule.annotations]  # fmt: skip
            named = _with(labels, [(NAME, ""), *own, ("alertname", self.rule.name)])
            if named in found:
                raise Rejected(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[named] = Found(value, tuple(said))
        return found

    async def _said(self, text: str, labels: Labels, value: float, asked_ms: int) -> str:
        if "{{" not in text:
            return text

        async def ask(expression: str) -> Sequence[tuple[Labels, float]]:
            around = self._around
            return pairs_of(await around.engine.instant(expression, asked_ms, around.options))

        said, problem = await template.expand(
            text, self.rule.name, labels, value, world=self._around.world, ask=ask
        )
        if problem and not self.template_error:
            _bad_templates.inc()
            _log.warning("template_failed", rule=self.rule.name, error=problem)
        self.template_error = self.template_error or problem
        return said

    def _series(self) -> Series:
        series: Series = {}
        for alert in self.active.values():
            if alert.phase is Phase.INACTIVE:
                continue
            state = ("alertstate", alert.phase.word)
            series[_with(alert.labels, [(NAME, ALERTS), state])] = 1.0
            series[_with(alert.labels, [(NAME, FOR_STATE)])] = float(alert.active_ms // 1000)
        return series


def _with(labels: Labels, changes: Sequence[tuple[str, str]]) -> Labels:
    """The labels with some set; an empty value takes one away."""
    return model.from_mapping({**dict(labels), **dict(changes)})


def pairs_of(result: Result) -> list[tuple[Labels, float]]:
    """The samples of an instant query, a scalar as one without labels."""
    if result.kind not in (ValueType.VECTOR, ValueType.SCALAR):
        raise Rejected("rule result is not a vector or scalar")
    present = result.present[:, 0].tolist()
    values = result.values[:, 0].tolist()
    return [
        (labels, value)
        for labels, value, is_there in zip(result.labels, values, present, strict=True)
        if is_there
    ]
