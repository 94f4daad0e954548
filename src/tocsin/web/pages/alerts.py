"""What is wrong now, and which rules say so? The pages Alerts and Rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.web.pages.render import page
from tocsin.web.pages.routing import trial_address
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.alert.group_run import GroupRun
    from tocsin.alert.rule_run import RuleRun
    from tocsin.alert.state import Active

_SHOWN = 100
"""Alerts of one rule that the page lists; the rest is counted."""

_SEVERE = frozenset(("critical", "page", "high", "error", "emergency"))
_LINKS = ("runbook_url", "runbook", "dashboard_url", "dashboard")
_PLAIN = frozenset(("alertname",))
_WORDS = {
    "": "Firing",
    "not recovered": "Firing, not recovered yet",
    "no data": "Firing, no data now",
    "error": "Firing, cannot be evaluated now",
}


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as a person reads it."""

    state: str
    """The tone: "critical", "warning", or "unknown" while it is pending."""
    word: str
    since_s: float
    value: float
    labels: Sequence[tuple[str, str]]
    summary: str
    said: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]
    trial: str
    """Where it is said who is told of it."""


@dataclass(frozen=True, slots=True)
class RuleAlerts:
    """A rule with its alerts, the firing ones first."""

    name: str
    group: str
    expr: str
    hold_s: float
    state: str
    firing: int
    pending: int
    alerts: Sequence[AlertRow]
    more: int


@dataclass(frozen=True, slots=True)
class AlertsView:
    """The page Alerts; `only` is "firing", "pending" or empty for both."""

    rules: Sequence[RuleAlerts]
    firing: int
    pending: int
    watching: int
    failing: int
    only: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule and how it went last."""

    name: str
    expr: str
    is_alert: bool
    hold_s: float
    tone: str
    word: str
    active: int
    error: str
    evaluated_s: float | None
    took_s: float
    written: str
    """The condition that the expression was made of, empty when it was written in PromQL."""
    recover: str
    """What must hold for its alerts to be over, empty when that is the contrary of `expr`."""


@dataclass(frozen=True, slots=True)
class GroupRows:
    """A group of rules; `missed` counts rounds that were left out because it was too slow."""

    name: str
    file: str
    every_s: float
    took_s: float
    missed: int
    slow: int
    """Rounds that took more than half the interval."""
    state: str
    rules: Sequence[RuleRow]


def alerts_view(groups: Sequence[GroupRun], only: str) -> AlertsView:
    """Everything that is firing or pending, the worst first."""
    runs = [(group, run) for group in groups for run in group.rules if run.rule.is_alert]
    words = [one.phase.word for _, run in runs for one in run.alerts()]
    wanted = only if only in ("firing", "pending") else ""
    shown = [_rule_alerts(group.group.name, run, wanted) for group, run in runs if run.alerts()]
    order = {"critical": 0, "warning": 1, "unknown": 2}
    return AlertsView(
        rules=sorted(
            (one for one in shown if one.alerts), key=lambda one: (order[one.state], one.name)
        ),
        firing=words.count("firing"),
        pending=words.count("pending"),
        watching=len(runs),
        failing=sum(run.health == "err" for group in groups for run in group.rules),
        only=wanted,
    )


def _rule_alerts(group: str, run: RuleRun, only: str) -> RuleAlerts:
    alerts = sorted(run.alerts(), key=lambda one: (-one.phase, one.active_ms, one.labels))
    words = [one.phase.word for one in alerts]
    rows = [_row(one) for one in alerts if only in ("", one.phase.word)]
    states = {row.state for row in rows}
    return RuleAlerts(
        name=run.rule.name,
        group=group,
        expr=run.rule.expr,
        hold_s=run.rule.hold_ms / 1000,
        state=next((one for one in ("critical", "warning") if one in states), "unknown"),
        firing=words.count("firing"),
        pending=words.count("pending"),
        alerts=rows[:_SHOWN],
        more=max(0, len(rows) - _SHOWN),
    )


def _row(one: Active) -> AlertRow:
    said = dict(one.annotations)
    severity = dict(one.labels).get("severity", "").lower()
    firing = one.phase.word == "firing"
    tone = "critical" if severity in _SEVERE else "warning"
    links = [(name, said[name]) for name in _LINKS if _is_address(said.get(name, ""))]
    summary = said.get("summary") or said.get("title") or said.get("message") or ""
    told = {summary, *(address for _, address in links), ""}
    return AlertRow(
        state=tone if firing else "unknown",
        word=_WORDS[one.held] if firing else "Pending",
        since_s=(one.fired_ms or one.active_ms) / 1000,
        value=one.value,
        labels=[pair for pair in one.labels if pair[0] not in _PLAIN],
        summary=summary,
        said=[pair for pair in one.annotations if pair[1] not in told],
        links=[(name.removesuffix("_url"), address) for name, address in links],
        trial=trial_address(one.labels),
    )


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def rules_view(groups: Iterable[GroupRun]) -> list[GroupRows]:
    """Every group with its rules, in order of evaluation."""
    return [_group(group) for group in groups]


def _group(group: GroupRun) -> GroupRows:
    rows = [_rule(run) for run in group.rules]
    tones = {row.tone for row in rows}
    worst = ("critical", "warning", "unknown")
    return GroupRows(
        name=group.group.name,
        file=group.group.file,
        every_s=group.group.interval_ms / 1000,
        took_s=group.seconds,
        missed=group.missed,
        slow=group.slow,
        state=next((tone for tone in worst if tone in tones), "ok"),
        rules=rows,
    )


def _rule(run: RuleRun) -> RuleRow:
    tone, word = _state(run)
    return RuleRow(
        name=run.rule.name,
        expr=run.rule.expr,
        is_alert=run.rule.is_alert,
        hold_s=run.rule.hold_ms / 1000,
        tone=tone,
        word=word,
        active=len(run.alerts()),
        error=run.error,
        evaluated_s=run.evaluated_ms / 1000 or None,
        took_s=run.seconds,
        written=run.rule.written,
        recover=run.rule.recover,
    )


def _state(run: RuleRun) -> tuple[str, str]:
    if run.health == "err":
        return "critical", "Fails"
    if run.health == "unknown":
        return "unknown", "Not evaluated yet"
    if not run.rule.is_alert:
        return "ok", "Recorded"
    if run.state == "no data":
        return "unknown", "No data"
    word = run.phase.word
    if word == "inactive":
        return "ok", "Quiet"
    return ("warning", "Firing") if word == "firing" else ("info", "Pending")


async def _alerts(request: Request) -> Response:
    only = request.query_params.get("state", "")
    return page(
        request, "pages/alerts.html", view=alerts_view(services(request).rules.groups, only)
    )


async def _rules(request: Request) -> Response:
    given = services(request)
    return page(
        request,
        "pages/rules.html",
        groups=rules_view(given.rules.groups),
        doubts=given.config.warnings(),
    )


async def _graph(request: Request) -> Response:
    """Prometheus's address of a question, which templates of rules link to."""
    asked = {
        "a": request.query_params.get("g0.expr", ""),
        "view": "table" if request.query_params.get("g0.tab") == "1" else "",
    }
    query = urlencode({key: value for key, value in asked.items() if value})
    return RedirectResponse(f"/explore?{query}", 307)


ADDRESSES: Addresses = (
    get("/alerts", _alerts, Access.READ),
    get("/rules", _rules, Access.READ),
    get("/graph", _graph, Access.READ),
)
