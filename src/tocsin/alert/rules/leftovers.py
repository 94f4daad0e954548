"""What was over while Tocsin was away? Alerts that an earlier process told and no rule gives now.

A rule tells the end of what it gave; a new process does not know what that was. Without this such
an alert goes on until its telling expires, some minutes after the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from tocsin.alert.rules.ports import KnownAlerts, Surroundings
from tocsin.alert.rules.rule_run import RuleRun
from tocsin.alert.rules.state import Phase
from tocsin.kit import gauge, log
from tocsin.kit.fault import Fault
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping, get

_log = log.get("rules")
_ended = gauge.counter("rule_alerts_ended_after_start", "Alerts that ended while Tocsin was away.")
_OWN = "rules"


class Leftovers:
    """Alerts from before the start that are not yet known to go on; `settle` after each round."""

    def __init__(self, known: KnownAlerts, runs: Callable[[], Iterable[RuleRun]]) -> None:
        """`runs` are the rules in force."""
        self._known = known
        self._runs = runs
        self._open: dict[Labels, Alert] = {}

    def take(self) -> None:
        """Remember what rules had told before; to be done once, before any rule is evaluated."""
        self._open = {one.labels: one for one in self._known.alerts() if one.source == _OWN}

    async def settle(self, around: Surroundings) -> None:
        """End those that no rule gives any more, and forget those that go on.

        What a rule cannot judge is left: it has not been evaluated, that failed, or the series
        that the alert came from is missing.
        """
        if not self._open or around.alerts is None:
            return
        now = around.clock.now_ms()
        self._open = {labels: one for labels, one in self._open.items() if not one.is_resolved(now)}
        by_name: dict[str, list[RuleRun]] = {get(labels, "alertname"): [] for labels in self._open}
        for run in self._runs():
            if run.rule.is_alert and run.rule.name in by_name:
                by_name[run.rule.name].append(run)
        for name, runs in by_name.items():
            if all(run.is_sure for run in runs):
                await self._settle(name, runs, around, now)

    async def _settle(
        self, name: str, runs: Sequence[RuleRun], around: Surroundings, now_ms: int
    ) -> None:
        if around.alerts is None:
            return
        external = around.world.external_labels
        rest = self._not_given(name, runs, external)
        try:
            for run in runs if rest else ():
                rest = await run.judged(rest, external)
            # A rule may have been evaluated while that was asked.
            still = {one.labels for one in self._not_given(name, runs, external)}
            over = [
                msgspec.structs.replace(one, ends_ms=now_ms, updated_ms=now_ms)
                for one in rest
                if one.labels in still
            ]
            if over:
                await around.alerts.put(over)
        except Fault as error:  # asked again after the next round
            _log.warning("ends_not_told", rule=name, error=str(error))
            return
        if not over:
            return
        for one in over:
            self._open.pop(one.labels, None)
        _ended.inc(len(over))
        _log.info("ended_while_away", rule=name, alerts=len(over))

    def _not_given(self, name: str, runs: Sequence[RuleRun], external: Labels) -> list[Alert]:
        """Those of that name that no rule gives. What fires is the rule's own again and forgotten;
        what is pending, as after every start of a rule with `for`, may yet vanish."""
        given = {
            from_mapping({**dict(external), **dict(one.labels)}): one.phase
            for run in runs
            for one in run.alerts()
        }
        for labels, phase in given.items():
            if phase is Phase.FIRING:
                self._open.pop(labels, None)
        return [
            one
            for labels, one in self._open.items()
            if labels not in given and get(labels, "alertname") == name
        ]
