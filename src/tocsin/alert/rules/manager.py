"""Which groups of rules are in force, and how do they change while they run?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.leftovers import Leftovers
from tocsin.alert.rules.ports import KnownAlerts, Surroundings
from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.alert.rules.rule_run import RuleRun
from tocsin.alert.rules.template import World
from tocsin.kit import gauge, log
from tocsin.kit.tasks import Tasks
from tocsin.query.promql.result import QueryOptions

_log = log.get("rules")
_groups = gauge.gauge("rule_groups", "Groups of rules in force.")
_firing = gauge.gauge("rule_alerts_active", "Alerts of rules by state.", ("state",))
_unsure = gauge.gauge("rules_unsure", "Alerting rules that cannot tell, by why.", ("state",))


class RuleManager:
    """Evaluates the groups that it was given last. All methods belong to one event loop."""

    def __init__(self, around: Surroundings, known: KnownAlerts | None = None) -> None:
        """`known` has the alerts of an earlier process, those that are over now are ended."""
        self._around = around
        self._leftovers = Leftovers(known, self._all_runs) if known else None
        self._tasks = Tasks(around.clock)
        self._runs: dict[tuple[str, str], GroupRun] = {}
        self._added: dict[tuple[str, str], RuleGroup] = {}
        self._changing = asyncio.Lock()
        self._is_first = True
        _groups.set_function(lambda: float(len(self._runs)))
        for state in ("pending", "firing"):
            _firing.labels(state).set_function(partial(self._gauged, state))
        for state in ("no data", "error"):
            _unsure.labels(state).set_function(partial(self._rules_in, state))

    @property
    def groups(self) -> list[GroupRun]:
        """All groups by file and name."""
        return [self._runs[key] for key in sorted(self._runs)]

    @property
    def around(self) -> Surroundings:
        """What groups work with now."""
        return self._around

    async def add(self, group: RuleGroup) -> GroupRun:
        """Run one more group until `remove`, whatever configurations are applied meanwhile."""
        async with self._changing:
            self._added[group.key] = group
            await self._start(group, self._runs.get(group.key))
            return self._runs[group.key]

    async def remove(self, key: tuple[str, str]) -> None:
        """End a group that was added; nothing happens when it is not there."""
        async with self._changing:
            if self._added.pop(key, None) is not None:
                gone = self._runs.pop(key)
                await self._tasks.stop(_task(key))
                gone.end(self._around.clock.now_ms())

    def count(self, state: str) -> int:
        """How many alerts are "pending" or "firing"."""
        return sum(
            one.phase.word == state for run in self._all_runs() for one in run.active.values()
        )

    def _gauged(self, state: str) -> float:
        return float(self.count(state))

    def _rules_in(self, state: str) -> float:
        runs = self._all_runs()
        return float(sum(run.rule.is_alert and run.state == state for run in runs))

    def _all_runs(self) -> Iterator[RuleRun]:
        return (run for group in self._runs.values() for run in group.rules)

    async def apply(
        self, groups: Sequence[RuleGroup], world: World, options: QueryOptions | None = None
    ) -> None:
        """Run these groups and no others; an unchanged one goes on, a changed one keeps the state
        of the rules whose kind, name and labels are the same."""
        async with self._changing:
            around = replace(self._around, world=world, options=options or self._around.options)
            changed_around = around != self._around
            self._around = around
            wanted = {group.key: group for group in groups} | self._added
            for key in [key for key in self._runs if key not in wanted]:
                gone = self._runs.pop(key)
                await self._tasks.stop(_task(key))
                gone.end(around.clock.now_ms())
            for key, group in wanted.items():
                run = self._runs.get(key)
                if run is None or run.group != group or changed_around:
                    await self._start(group, run)
            if self._is_first and self._leftovers is not None:
                self._leftovers.take()
                await self._leftovers.settle(around)
            self._is_first = False
            _log.info("rules_applied", groups=len(wanted), rules=sum(len(g.rules) for g in groups))

    async def _start(self, group: RuleGroup, before: GroupRun | None) -> None:
        # Who reads whom among thousands of rules takes a moment, in which others go on.
        fresh = await asyncio.to_thread(
            GroupRun, group, self._around, restore=self._is_first, leftovers=self._leftovers
        )
        if before is not None:
            await self._tasks.stop(_task(group.key))
            fresh.adopt(before)
        self._runs[group.key] = fresh
        self._tasks.start(_task(group.key), fresh.run)

    async def stop(self) -> None:
        """Stop evaluating; nothing is marked as ended, a restart goes on with it."""
        async with self._changing:
            await self._tasks.stop_all()


def _task(key: tuple[str, str]) -> str:
    return f"rules {key[0]};{key[1]}"
