"""When would a rule have fired, and whom would it have woken? The code that runs live, on the past.

The rounds are those of the group: same moments, same `for`, same routes, on a clock that is moved
from round to round. Rounds at which nothing is there and nothing is going on change nothing and are
left out. Nothing is written and nobody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tocsin.alert.attention.silence import Silence
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.circumstances import Maintenance
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.rules.fired_before import sources_of_inhibition
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.ports import ResultSink, Surroundings
from tocsin.alert.rules.rule_file import RuleGroup, Unknown
from tocsin.alert.rules.template import World
from tocsin.alert.trying.rehearsal import MOST_TOLD, Rehearsal
from tocsin.alert.trying.replay_engine import ReplayEngine
from tocsin.alert.trying.trial_report import Outcome
from tocsin.alert.trying.trial_watch import TrialWatch
from tocsin.kit import gauge
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.alerts import Alert
from tocsin.model.samples import Interner, SampleBatch
from tocsin.model.series import SeriesSource
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.result import QueryOptions

Progress = Callable[[float], Awaitable[None]]
"""Told the share that is done; may raise to end the trial."""

_MOST_ROUNDS = 2_000_000
_WARM_UP_MS = 3_600_000
_LONGEST_WARM_UP_MS = 2 * 86_400_000
_TIMEOUT_SECONDS = 120.0
_SAMPLES_AT_ONCE = 20_000_000


class Nowhere:
    """A ResultSink that keeps nothing."""

    def submit(self, batch: SampleBatch) -> bool:
        """As ResultSink; always taken."""
        return True

    async def write(self, batch: SampleBatch) -> None:
        """As ResultSink."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a rule is tried on: stored samples, and the routes and silences that are there now."""

    engine: Engine
    source: SeriesSource
    world: World = field(default_factory=World)
    plan: RoutingPlan | None = None
    integrations: Mapping[str, Sequence[Integration]] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    config: AlertingConfig | None = None
    maintenance: Maintenance | None = None
    options: QueryOptions = field(default_factory=QueryOptions)
    results: ResultSink = field(default_factory=Nowhere)
    """Where what the rule writes goes; nowhere, except for who wants to look at it."""
    intake: Interner = field(default_factory=Interner)


@dataclass(frozen=True, slots=True)
class Trial:
    """One version of an alerting rule, alone in its group, over a stretch of the past."""

    title: str
    group: RuleGroup
    since_ms: int
    until_ms: int

    def checked(self) -> Trial:
        """Raises Rejected for what cannot be tried."""
        if len(self.group.rules) != 1 or not self.group.rules[0].is_alert:
            raise Rejected("one alerting rule is tried at a time; a recording rule fires nothing")
        rounds = (self.until_ms - self.since_ms) // self.group.interval_ms
        if rounds <= 0:
            raise Rejected("the stretch of time is shorter than one evaluation interval")
        if rounds > _MOST_ROUNDS:
            raise Rejected(
                f"{rounds:,} rounds are more than {_MOST_ROUNDS:,}; "
                "choose a shorter time or a longer step"
            )
        return self


async def run(trial: Trial, past: Past, progress: Progress | None = None) -> Outcome:
    """What would have come of it. Raises Rejected for what cannot be tried, and what the engine
    raises for a query that is too large; an evaluation that fails is counted, as it is live."""
    trial.checked()
    with gauge.rehearsal():
        return await _Replay(trial, past).run(progress)


class _Replay:
    """One trial while it runs."""

    def __init__(self, trial: Trial, past: Past) -> None:
        self._trial = trial
        self._past = past
        rule = trial.group.rules[0]
        held = rule.hold_ms + rule.keep_firing_ms + 2 * trial.group.interval_ms
        begin_ms = trial.since_ms - min(held + _WARM_UP_MS, _LONGEST_WARM_UP_MS)
        self._clock = FakeClock(begin_ms / 1000)
        self._options = replace(
            past.options,
            source=past.source,  # so that the cache of those who look at dashboards is left alone
            timeout_seconds=min(_TIMEOUT_SECONDS, past.options.timeout_seconds),
            limit_samples=min(_SAMPLES_AT_ONCE, past.options.limit_samples),
        )
        self._engine = ReplayEngine(past.engine, past.source, self._clock)
        self._rehearsal = Rehearsal(
            self._clock,
            past.plan,
            past.integrations,
            past.silences,
            past.config,
            past.maintenance,
        )
        around = Surroundings(
            self._clock,
            self._engine,
            past.source,
            past.intake,
            past.results,
            self._rehearsal.dispatcher,
            options=self._options,
            world=past.world,
        )
        self._group = GroupRun(trial.group, around, restore=False)
        first_ms = self._group.slot_ms(begin_ms)
        self._first_ms = first_ms if first_ms >= begin_ms else first_ms + trial.group.interval_ms
        # A rule that watches for missing data has something to see where nothing is there.
        self._may_skip = rule.no_data is Unknown.OK
        self._watch = TrialWatch(trial.since_ms)
        self._others: list[Alert] = []

    async def run(self, progress: Progress | None) -> Outcome:
        past, trial = self._past, self._trial
        self._others = await sources_of_inhibition(
            past.source,
            past.plan.inhibit_rules if past.plan else (),
            trial.group.rules[0].name,
            past.world.external_labels,
            (self._first_ms, trial.until_ms),
            everything=bool(past.plan and past.config and past.config.dependencies),
        )
        self._others.reverse()
        await self._rehearsal.open()
        dispatching = asyncio.create_task(
            self._rehearsal.dispatcher.run(), name="rehearsed dispatch"
        )
        try:
            await self._rounds(progress)
            await self._until(trial.until_ms)
        finally:
            dispatching.cancel()
            await asyncio.wait([dispatching])
        return self._watch.outcome(
            trial.title,
            trial.group,
            (trial.since_ms, trial.until_ms),
            self._rehearsal.told.messages,
            is_routed=past.plan is not None,
            notes=self._engine.notes,
        )

    async def _rounds(self, progress: Progress | None) -> None:
        every, until_ms = self._trial.group.interval_ms, self._trial.until_ms
        at_ms = self._first_ms
        total = max(1, until_ms - at_ms)
        while at_ms <= until_ms:
            left = (until_ms - at_ms) // every + 1
            rule = self._trial.group.rules[0]
            piece, there = await self._engine.take(rule.expr, at_ms, every, left, self._options)
            for column, is_there in enumerate(there.tolist()):
                await self._round(piece.start_ms + column * every, is_there=is_there)
            at_ms = piece.end_ms + every
            if progress is not None:
                await progress(min(1.0, (at_ms - self._first_ms) / total))
            await asyncio.sleep(0)

    async def _round(self, at_ms: int, *, is_there: bool) -> None:
        run = self._group.rules[0]
        is_quiet = not is_there and run.health == "ok" and not run.active and not run.written
        if is_quiet and self._may_skip:
            self._watch.idle(at_ms)
            return
        await self._until(at_ms)
        await self._group.evaluate(at_ms)
        self._watch.saw(run, at_ms)
        if self._rehearsal.told.is_too_much:
            raise Rejected(
                f"the messages of this trial name more than {MOST_TOLD:,} alerts; choose a shorter "
                "time, a longer repeat_interval, or an expression that finds fewer series"
            )

    async def _until(self, at_ms: int) -> None:
        """Pass time; the alerts of other rules that begin meanwhile are told at their moment."""
        while self._others and self._others[-1].starts_ms <= at_ms:
            other = self._others.pop()
            await self._advance(other.starts_ms)
            await self._rehearsal.dispatcher.put([other])
        await self._advance(at_ms)

    async def _advance(self, at_ms: int) -> None:
        ahead_ms = at_ms - self._clock.now_ms()
        if ahead_ms > 0:
            await self._clock.advance(ahead_ms / 1000)
