"""How does a group of rules run: when, in what order, and what is written and told?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

import msgspec
import numpy as np

from tocsin.alert.rules.leftovers import Leftovers
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.round_reads import RoundReads
from tocsin.alert.rules.rule_file import Rule, RuleGroup
from tocsin.alert.rules.rule_reads import Reading
from tocsin.alert.rules.rule_restore import restore_rule
from tocsin.alert.rules.rule_run import RuleRun, Series
from tocsin.alert.rules.state import Active, needs_sending
from tocsin.kit import gauge, log
from tocsin.kit.fault import Fault, Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels
from tocsin.model.samples import REFUSED, STALE, SampleBatch, batch_of
from tocsin.query.promql.hashing import series_hash

_log = log.get("rules")
_evaluations = gauge.counter("rule_evaluations", "Evaluations of rules.", ("result",))
_missed = gauge.counter("rule_group_iterations_missed", "Rounds left out as too slow.", ("group",))
_seconds = gauge.histogram("rule_group_seconds", "How long a round of a group of rules took.")
_untold = gauge.counter("rule_alerts_untold", "Alerts that could not be handed on at once.")

_slow = gauge.counter(
    "rule_group_iterations_slow", "Rounds that took more than half their interval.", ("group",)
)

_AT_ONCE = 4
_PUT_SECONDS = 10.0


class GroupRun:
    """One group while it runs. `run` is its loop; `evaluate` is one round."""

    def __init__(
        self,
        group: RuleGroup,
        around: Surroundings,
        *,
        restore: bool,
        leftovers: Leftovers | None = None,
    ) -> None:
        self.group = group
        self._leftovers = leftovers
        self.around = around
        self._reads = RoundReads(around.options.source or around.source)
        sharing = replace(around, options=replace(around.options, source=self._reads))
        self.rules = [RuleRun(rule, sharing, restored=not restore) for rule in group.rules]
        reading = Reading(group.rules)
        for run, is_read in zip(self.rules, reading.read_later, strict=True):
            run.is_awaited = is_read
        self._waves = [[self.rules[number] for number in wave] for wave in reading.waves()]
        self.evaluated_ms = 0
        self.seconds = 0.0
        self.missed = 0
        self.slow = 0
        self._restore = restore
        self._left: set[Labels] = set()
        """Series of rules that are gone, to be marked as ended at the next round."""

    def adopt(self, other: GroupRun) -> None:
        """Go on with the state of another version: rules are the same by kind, name and labels."""
        self.evaluated_ms, self.seconds = other.evaluated_ms, other.seconds
        self.missed, self.slow, self._left = other.missed, other.slow, set(other._left)
        self._restore = other._restore
        waiting: dict[object, list[RuleRun]] = {}
        for before in other.rules:
            waiting.setdefault(before.rule.key, []).append(before)
        for run in self.rules:
            run.restored = not self._restore
            if known := waiting.get(run.rule.key):
                run.adopt(known.pop(0))
        for gone in (run for runs in waiting.values() for run in runs):
            self._left.update(gone.written)

    def slot_ms(self, now_ms: int) -> int:
        """The latest moment of this group, not after now; groups are spread over the interval."""
        every = self.group.interval_ms
        file, name = self.group.key
        # Prometheus takes the hash modulo nanoseconds; here are milliseconds.
        ahead = series_hash((("file", file), ("name", name))) % (every * 1_000_000) // 1_000_000
        return (now_ms - ahead) // every * every + ahead

    async def run(self) -> None:
        """Evaluate at each slot until cancelled; rounds that came too late are counted."""
        clock, every = self.around.clock, self.group.interval_ms
        at_ms = self.slot_ms(clock.now_ms()) + every
        rounds = 0
        while True:
            await clock.sleep(min(every, max(0, at_ms - clock.now_ms())) / 1000)
            now_ms = clock.now_ms()
            if now_ms < at_ms:
                at_ms = self.slot_ms(now_ms) + every if at_ms - now_ms > every else at_ms
                continue
            late = (now_ms - at_ms) // every
            if late:
                self.missed += late
                _missed.labels(self.group.name).inc(late)
                at_ms += late * every
            await self.evaluate(at_ms)
            rounds += 1
            # As Prometheus, after the second round: by then what is scraped has come back.
            if self._restore and rounds == 2:
                await self.restore(clock.now_ms())
            if self._leftovers is not None and not self._restore:
                await self._leftovers.settle(self.around)
            at_ms += every

    async def evaluate(self, at_ms: int) -> None:
        """One round: rules that read others' results after those, the others side by side."""
        clock = self.around.clock
        begun = clock.monotonic()
        for wave in self._waves:
            self._reads.forget()
            await self._evaluate_wave(wave, at_ms)
        self._reads.forget()
        if self._left:
            self._end(self._left, at_ms)
            self._left = set()
        self.evaluated_ms, self.seconds = at_ms, clock.monotonic() - begun
        _seconds.observe(self.seconds)
        if self.seconds * 1000 > self.group.interval_ms / 2:
            self.slow += 1
            _slow.labels(self.group.name).inc()

    async def _evaluate_wave(self, wave: Sequence[RuleRun], at_ms: int) -> None:
        """Rules that do not read one another, a few at a time."""
        waiting = iter(wave)

        async def work() -> None:
            for run in waiting:
                await self._evaluate_rule(run, at_ms)
                await asyncio.sleep(0)

        if len(wave) == 1:
            await work()
            return
        async with asyncio.TaskGroup() as tasks:
            for number in range(min(_AT_ONCE, len(wave))):
                tasks.create_task(work(), name=f"rules_{self.group.name}_{number}")

    async def _evaluate_rule(self, run: RuleRun, at_ms: int) -> None:
        clock, group = self.around.clock, self.group
        begun = clock.monotonic()
        run.evaluated_ms = at_ms
        try:
            series = await run.evaluate(at_ms, offset_ms=group.query_offset_ms, limit=group.limit)
            await self._keep(run, series, at_ms - group.query_offset_ms)
            run.health, run.error = "ok", run.template_error
            _evaluations.labels("ok").inc()
        except Fault as error:
            if run.error != str(error):
                _log.warning("rule_failed", rule=run.rule.name, group=group.name, error=str(error))
            run.health, run.error = "err", str(error)
            if run.rule.is_alert:
                run.failed(at_ms, str(error))
            _evaluations.labels("failed").inc()
        run.seconds = clock.monotonic() - begun
        if run.rule.is_alert:
            await self._tell(run, at_ms)

    async def _keep(self, run: RuleRun, series: Series, at_ms: int) -> None:
        """Write the results, and the end of the series that the rule no longer gives."""
        intake = self.around.intake
        known = run.written if run.epoch == intake.epoch else {}
        refs = {
            labels: ref if (ref := known.get(labels)) is not None else intake.ref(labels)
            for labels in series
        }
        gone = [labels for labels in run.written if labels not in refs]
        run.written, run.epoch = refs, intake.epoch
        if not refs and not gone:
            return
        batch = batch_of(
            [*refs.values(), *(intake.ref(labels) for labels in gone)],
            [at_ms] * (len(refs) + len(gone)),
            [*series.values(), *([STALE] * len(gone))],
        )
        if run.is_awaited:
            await self.around.results.write(batch)
        elif not self.around.results.submit(batch):
            raise Temporary("evaluated, but not kept: too many samples wait to be written")
        if REFUSED in refs.values():
            refused = next(labels for labels, ref in refs.items() if ref == REFUSED)
            raise Temporary(f"not all results were kept: {intake.why(refused)}")

    async def _tell(self, run: RuleRun, at_ms: int) -> None:
        around = self.around
        due = [one for one in run.active.values() if needs_sending(one, at_ms, around.resend_ms)]
        if not due:
            return
        until_ms = at_ms + 4 * max(around.resend_ms, self.group.interval_ms)
        alerts = [self._alert(run.rule, one, at_ms, until_ms) for one in due]
        if around.alerts is not None:
            try:
                async with asyncio.timeout(_PUT_SECONDS):
                    await around.alerts.put(alerts)
            except (Fault, TimeoutError) as error:
                _untold.inc(len(alerts))
                _log.warning("alerts_not_taken", rule=run.rule.name, error=repr(error))
                return
        told = {
            one.labels: msgspec.structs.replace(one, sent_ms=at_ms, valid_until_ms=until_ms)
            for one in due
        }
        run.active = {**run.active, **told}

    def _alert(self, rule: Rule, one: Active, at_ms: int, until_ms: int) -> Alert:
        world = self.around.world
        named = {**dict(world.external_labels), **dict(one.labels)}
        return Alert(
            labels=tuple(sorted(named.items())),
            annotations=tuple(pair for pair in one.annotations if pair[1]),
            starts_ms=one.fired_ms,
            ends_ms=one.resolved_ms or until_ms,
            updated_ms=at_ms,
            generator_url=f"{world.external_url}/explore?a={quote(rule.expr)}",
            value=one.value,
            unit=rule.unit,
        )

    async def restore(self, now_ms: int) -> None:
        """Take over since when alerts had been active before Tocsin was away."""
        self._restore = False
        for run in self.rules:
            if run.rule.is_alert:
                try:
                    await restore_rule(run, self.around, now_ms)
                except Fault as error:
                    _log.warning("rule_not_restored", rule=run.rule.name, error=str(error))
            run.restored = True

    def end(self, at_ms: int) -> None:
        """Mark every series of the group as ended: its rules are gone."""
        self._end({labels for run in self.rules for labels in run.written}, at_ms)

    def _end(self, series: set[Labels], at_ms: int) -> None:
        still = {labels for run in self.rules for labels in run.written} if self._left else set()
        refs = np.array([self.around.intake.ref(one) for one in sorted(series - still)], np.int64)
        refs = refs[refs != REFUSED]
        if len(refs):
            at = np.full(len(refs), at_ms, np.int64)
            batch = SampleBatch(refs, at, np.full(len(refs), STALE))
            self.around.results.submit(batch)
