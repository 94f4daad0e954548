"""Do the rules do what their tests expect? On virtual time, through the code that runs live."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.rule_file import EXTENSION, Defaults, RuleGroup, read
from tocsin.alert.rules.rule_run import pairs_of
from tocsin.alert.rules.state import Phase
from tocsin.alert.rules.template import World
from tocsin.alert.trying.case_file import AlertTest, Case, Cases, QueryTest
from tocsin.alert.trying.case_notifications import CaseNotifications, Teller
from tocsin.alert.trying.sample_memory import SampleMemory
from tocsin.alert.trying.series_notation import labels_of
from tocsin.kit import gauge
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.engine import Engine, EngineLimits
from tocsin.query.promql.floats import format_float

_CLOSE = 1e-15
"""What `fuzzy_compare` takes as equal, relative to the larger number, as promtool has it."""

Told = tuple[Labels, Labels]
"""An alert's labels and annotations."""


async def run(cases: Cases, teller: Teller | None = None) -> list[str]:
    """What was not as expected, one text each; raises Rejected when the rules cannot be read.

    `teller` makes the ways of telling of an `alertmanager.yml`; without one, what
    `notification_test` says is not looked at.
    """
    problems: list[str] = []
    for case, series in zip(cases.file.tests, cases.series, strict=True):
        with gauge.rehearsal():
            found = await _Rehearsal(cases, case, teller).run(series)
        named = f"{case.name}: " if case.name else ""
        problems += [f"{named}{words}" for words in found]
    return problems


class _Rehearsal:
    """One test: its own memory, engine and rules."""

    def __init__(self, cases: Cases, case: Case, teller: Teller | None) -> None:
        self._file = cases.file
        self._case = case
        self._every_ms = cases.file.evaluation_interval.ms or 60_000
        self._step_ms = case.interval.ms or self._every_ms
        self._start_ms = int(case.start_timestamp)
        clock, self._memory = SystemClock(), SampleMemory()
        limits = EngineLimits(subquery_step_ms=self._every_ms, slow_seconds=math.inf)
        self._engine = Engine(self._memory, clock, limits)
        world = World(model.from_mapping(case.external_labels), case.external_url)
        self._told: CaseNotifications | None = None
        if teller is not None and cases.alertmanager is not None and case.notification_test:
            self._told = CaseNotifications(
                cases.alertmanager, teller, case.external_url, self._start_ms
            )
        self._around = Surroundings(
            clock,
            self._engine,
            self._memory,
            self._memory.intake,
            self._memory,
            self._told.dispatcher if self._told else None,
            world=world,
            # Time begins at 0 here, which else means "not told yet".
            resend_ms=-1,
        )
        defaults = Defaults(interval_ms=self._step_ms)
        order = {name: place for place, name in enumerate(cases.file.group_eval_order)}
        groups = sorted(_groups(cases.rule_files, defaults), key=lambda g: order.get(g.name, 0))
        self._groups = [GroupRun(group, self._around, restore=False) for group in groups]

    async def run(self, series: Sequence[tuple[Labels, tuple[float | None, ...]]]) -> list[str]:
        for labels, values in series:
            points = {
                self._start_ms + place * self._step_ms: value
                for place, value in enumerate(values)
                if value is not None
            }
            self._memory.put(labels, points)
        if self._told is None:
            return await self._rounds()
        async with self._told:
            return await self._rounds()

    async def _rounds(self) -> list[str]:
        problems: list[str] = []
        for at_ms in range(0, self._case.length_ms + 1, self._every_ms):
            if self._told is not None:
                await self._told.until(at_ms)
            failed = await self._evaluate(at_ms)
            if failed:
                return problems + failed
            for test in self._case.alert_rule_test:
                if at_ms <= test.eval_time.ms < at_ms + self._every_ms:
                    problems += self._checked_alerts(test)
            problems += await self._checked_notifications(at_ms)
        for query in self._case.promql_expr_test:
            problems += await self._checked_query(query)
        return problems

    async def _evaluate(self, at_ms: int) -> list[str]:
        failed: list[str] = []
        for group in self._groups:
            await group.evaluate(self._start_ms + at_ms)
            failed += [
                f"rule: {run.rule.name}, time: {at_ms // 1000}s, err: {run.error}"
                for run in group.rules
                if run.health == "err"
            ]
        return failed

    def _checked_alerts(self, test: AlertTest) -> Iterator[str]:
        got = sorted(
            (one.labels, _without_empty(dict(one.annotations)))
            for group in self._groups
            for run in group.rules
            if run.rule.is_alert and run.rule.name == test.alertname
            for one in run.alerts()
            if one.phase is Phase.FIRING
        )
        expected = sorted(
            (
                model.from_mapping({**one.exp_labels, "alertname": test.alertname}),
                _without_empty(one.exp_annotations),
            )
            for one in test.exp_alerts
        )
        if got != expected:
            yield (
                f"alertname: {test.alertname}, time: {test.eval_time}\n"
                f"  expected: {_alerts_text(expected)}\n  got:      {_alerts_text(got)}"
            )

    async def _checked_notifications(self, at_ms: int) -> list[str]:
        """Of the tests before the next round."""
        if self._told is None:
            return []
        due = [
            test
            for test in self._case.notification_test
            if at_ms <= test.eval_time.ms < at_ms + self._every_ms
        ]
        problems: list[str] = []
        for test in sorted(due, key=lambda test: test.eval_time):
            problems += await self._told.checked(test)
        return problems

    async def _checked_query(self, test: QueryTest) -> list[str]:
        where = f"expr: {test.expr!r}, time: {test.eval_time}"
        if any(one.histogram for one in test.exp_samples):
            return [f"{where}, err: native histograms are not supported"]
        try:
            result = await self._engine.instant(test.expr, self._start_ms + test.eval_time.ms)
            got = sorted(pairs_of(result), key=lambda pair: pair[0])
            expected = sorted(
                ((labels_of(one.labels), one.value) for one in test.exp_samples),
                key=lambda pair: pair[0],
            )
        except Rejected as error:
            return [f"{where}, err: {error}"]
        if len(got) == len(expected) and all(
            one[0] == other[0] and self._is_equal(one[1], other[1])
            for one, other in zip(got, expected, strict=True)
        ):
            return []
        return [f"{where}\n  expected: {_samples_text(expected)}\n  got:      {_samples_text(got)}"]

    def _is_equal(self, one: float, other: float) -> bool:
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        if self._file.fuzzy_compare:
            return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=0.0)
        return one == other


def _groups(files: Sequence[Path], defaults: Defaults) -> list[RuleGroup]:
    return [group for file in files for group in read(file, defaults)]


def _without_empty(given: dict[str, str]) -> Labels:
    """What is told: promtool expects our own words among the annotations, too."""
    return tuple(
        sorted(pair for pair in given.items() if pair[1] and not pair[0].startswith(EXTENSION))
    )


def _text(labels: Labels) -> str:
    pairs = ", ".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    return f"{model.metric_name(labels)}{{{pairs}}}"


def _alerts_text(alerts: Sequence[Told]) -> str:
    return "; ".join(f"{_text(one)} annotations {_text(said)}" for one, said in alerts) or "none"


def _samples_text(samples: Sequence[tuple[Labels, float]]) -> str:
    return (
        ", ".join(f"{_text(labels)} {format_float(value)}" for labels, value in samples) or "none"
    )
