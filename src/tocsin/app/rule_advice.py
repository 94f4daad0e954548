"""What should the author of the rules in force know? Told after each reload, and kept true."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

from tocsin.alert.checking.advice import advice
from tocsin.alert.checking.coverage import unrouted
from tocsin.alert.checking.metrics import missing
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.rules.rule_file import Rule, RuleGroup
from tocsin.kit.clock import Clock
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.store.series import DAY_MS, SeriesRegistry

_MOST = 100
_GRACE_SECONDS = 300.0
"""What is not there this long after a reload or a start is missed."""
_LOOK_SECONDS = 60.0


class RuleAdvice:
    """The doubts about rules of files; those about metrics follow what arrives."""

    def __init__(self, registry: SeriesRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._doubts: Sequence[str] = ()
        self._rules: Sequence[Rule] = ()
        self._recorded: Collection[str] = ()
        self._since = clock.monotonic()
        self._looked = -_LOOK_SECONDS
        self._missing: Sequence[str] = ()

    async def apply(self, groups: Sequence[RuleGroup], plan: RoutingPlan | None) -> None:
        """These rules of files are in force now, with these routes."""
        self._doubts = await asyncio.to_thread(_read, groups, plan)
        self._rules = [rule for group in groups for rule in group.rules]
        self._recorded = {rule.name for rule in self._rules if not rule.is_alert}
        self._since = self._clock.monotonic()
        self._looked = self._since - _LOOK_SECONDS
        self._missing = ()

    def warnings(self) -> Sequence[str]:
        """One line each, at most 100."""
        now = self._clock.monotonic()
        if now - self._since >= _GRACE_SECONDS and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._missing = self._look()
        found = [*self._doubts, *self._missing]
        if len(found) <= _MOST:
            return found
        rest = len(found) - _MOST
        return [*found[:_MOST], f"{rest} more warnings about rules; see `tocsin check rules`"]

    def _look(self) -> list[str]:
        known: dict[str, bool] = {}

        def is_there(name: str) -> bool:
            if name not in known:
                known[name] = name in self._recorded or self._is_there(name)
            return known[name]

        found = ((rule, missing(rule, is_there)) for rule in self._rules)
        return [f"{rule.place}: {rule.name}: {words}" for rule, words in found if words]

    def _is_there(self, name: str) -> bool:
        now_ms = self._clock.now_ms()
        matchers = [Matcher(NAME, MatchOp.EQUAL, name)]
        return bool(len(self._registry.select(matchers, now_ms - DAY_MS, now_ms)))


def _read(groups: Sequence[RuleGroup], plan: RoutingPlan | None) -> Sequence[str]:
    # Without routes nobody is told of anything: that is not for each rule to say.
    unheard = partial(unrouted, plan) if plan is not None else None
    return list(advice(groups, None, unheard))
