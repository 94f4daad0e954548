"""Which rules fire? What the overview says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.web.alert_board import MILD, SEVERE

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun
    from tocsin.alert.rules.rule_run import RuleRun
    from tocsin.alert.rules.state import Active


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as the overview names it."""

    state: str
    """The tone: "critical", "warning", "info", or "unknown" while it is pending."""
    since_s: float
    summary: str


@dataclass(frozen=True, slots=True)
class RuleAlerts:
    """A rule with its alerts, the oldest first."""

    name: str
    group: str
    expr: str
    state: str
    firing: int
    pending: int
    alerts: Sequence[AlertRow]


@dataclass(frozen=True, slots=True)
class AlertsView:
    """The rules that have alerts, the worst first."""

    rules: Sequence[RuleAlerts]
    firing: int
    pending: int
    watching: int
    failing: int


_ORDER = {"critical": 0, "warning": 1, "info": 2, "unknown": 3}


def alerts_view(groups: Sequence[GroupRun], only: str = "") -> AlertsView:
    """Everything that fires or is pending; `only` is one of the two, or empty for both."""
    runs = [(group, run) for group in groups for run in group.rules if run.rule.is_alert]
    words = [one.phase.word for _, run in runs for one in run.alerts()]
    shown = [_rule_alerts(group.group.name, run, only) for group, run in runs if run.active]
    return AlertsView(
        rules=sorted(
            (one for one in shown if one.alerts), key=lambda one: (_ORDER[one.state], one.name)
        ),
        firing=words.count("firing"),
        pending=words.count("pending"),
        watching=len(runs),
        failing=sum(run.health == "err" for group in groups for run in group.rules),
    )


def _rule_alerts(group: str, run: RuleRun, only: str) -> RuleAlerts:
    alerts = sorted(run.alerts(), key=lambda one: (-one.phase, one.active_ms, one.labels))
    words = [one.phase.word for one in alerts]
    rows = [_row(one) for one in alerts if only in ("", one.phase.word)]
    return RuleAlerts(
        name=run.rule.name,
        group=group,
        expr=run.rule.expr,
        state=min((row.state for row in rows), key=lambda state: _ORDER[state], default="unknown"),
        firing=words.count("firing"),
        pending=words.count("pending"),
        alerts=rows,
    )


def _row(one: Active) -> AlertRow:
    said = dict(one.annotations)
    severity = dict(one.labels).get("severity", "").lower()
    tone = "critical" if severity in SEVERE else "info" if severity in MILD else "warning"
    return AlertRow(
        state=tone if one.phase.word == "firing" else "unknown",
        since_s=(one.fired_ms or one.active_ms) / 1000,
        summary=said.get("summary") or said.get("title") or said.get("message") or "",
    )
