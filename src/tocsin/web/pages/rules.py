"""Which rules are evaluated, how did each go, and what does one of them see? The page Rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.rules.made_rules import FILE as MADE
from tocsin.query.promql.quoting import quote
from tocsin.web.alert_graph import comparison
from tocsin.web.pages.alerts import rule_address
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun
    from tocsin.alert.rules.made_rules import MadeRule, MadeRules
    from tocsin.alert.rules.rule_file import Rule
    from tocsin.alert.rules.rule_run import RuleRun

STATES = ("firing", "pending", "quiet", "unsure", "failing", "doubtful", "recording", "made")
_PAGE = 200
_ASKED_AT_ONCE = 40
"""With more rules on a page their values are not asked for."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule and how it went last; times in seconds."""

    name: str
    group: str
    file: str
    place: str
    """File and line."""
    href: str
    expr: str
    is_alert: bool
    hold_s: float
    keep_firing_s: float
    tone: str
    word: str
    state: str
    """One of STATES."""
    active: int
    value: float | None
    """The worst value of its alerts; None when nothing is active."""
    value_query: str
    """What tells its value when nothing is active, empty when nothing does."""
    error: str
    evaluated_s: float | None
    next_s: float | None
    took_s: float
    written: str
    """The condition that the expression was made of, empty when it was written in PromQL."""
    recover: str
    recover_compiled: str
    """PromQL where `recover` is in plain words."""
    """What must hold for its alerts to be over, empty when that is the contrary of `expr`."""
    doubts: Sequence[str]
    backtest: str
    made: MadeRule | None


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


@dataclass(frozen=True, slots=True)
class RulesView:
    """The page: groups by file, and how many rules there are of each state."""

    files: Sequence[tuple[str, Sequence[GroupRows]]]
    counts: Mapping[str, int]
    total: int
    shown: int
    state: str
    q: str
    page: int
    pages: int
    off: Sequence[MadeRule]
    """Rules made here that are switched off."""
    made: int
    has_values: bool


def rules_view(
    groups: Sequence[GroupRun],
    query: Mapping[str, str],
    doubts: Sequence[str] = (),
    made: MadeRules | None = None,
) -> RulesView:
    """The groups that are asked for, each with its rules in order of evaluation."""
    known = list(group_rows(groups, doubts, made))
    rows = [row for group in known for row in group.rules]
    state, q = query.get("state", ""), query.get("q", "")[:1000].strip()
    state = state if state in STATES else ""
    wanted = [row for row in rows if _is_wanted(row, state, q.lower().split())]
    pages = max(1, -(-len(wanted) // _PAGE))
    asked = query.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    number = min(max(1, number), pages)
    shown = {id(row) for row in wanted[(number - 1) * _PAGE : number * _PAGE]}
    files: dict[str, list[GroupRows]] = {}
    for group in known:
        left = [row for row in group.rules if id(row) in shown]
        if left:
            files.setdefault(group.file, []).append(replace(group, rules=left))
    counts = Counter(row.state for row in rows)
    counts["doubtful"] = sum(bool(row.doubts) for row in rows)
    counts["made"] = sum(row.file == MADE for row in rows)
    every = made.all if made else []
    return RulesView(
        files=list(files.items()),
        counts=counts,
        total=len(rows),
        shown=len(wanted),
        state=state,
        q=q,
        page=number,
        pages=pages,
        off=[one for one in every if one.disabled],
        made=len(every),
        has_values=len(shown) <= _ASKED_AT_ONCE,
    )


def _is_wanted(row: RuleRow, state: str, words: Sequence[str]) -> bool:
    match state:
        case "doubtful":
            is_of_state = bool(row.doubts)
        case "made":
            is_of_state = row.file == MADE
        case _:
            is_of_state = state in ("", row.state)
    # Not the folders: a short word is in some of them always.
    file = row.file.rpartition("/")[2]
    text = f"{row.name} {row.group} {file} {row.expr} {row.written} {row.error}".lower()
    return is_of_state and all(word in text for word in words)


def group_rows(
    groups: Sequence[GroupRun], doubts: Sequence[str], made: MadeRules | None
) -> Iterator[GroupRows]:
    """Every group with all its rules."""
    for group in groups:
        rows = [rule_row(group, run, doubts, made) for run in group.rules]
        tones = {row.tone for row in rows}
        worst = ("critical", "warning", "unknown")
        yield GroupRows(
            name=group.group.name,
            file=group.group.file,
            every_s=group.group.interval_ms / 1000,
            took_s=group.seconds,
            missed=group.missed,
            slow=group.slow,
            state=next((tone for tone in worst if tone in tones), "ok"),
            rules=rows,
        )


def rule_row(
    group: GroupRun, run: RuleRun, doubts: Sequence[str] = (), made: MadeRules | None = None
) -> RuleRow:
    """One rule as pages show it."""
    tone, word, state = _state(run)
    rule, name = run.rule, group.group.name
    alerts = run.alerts()
    mark = f"{rule.place}: {rule.name}: "
    is_made = group.group.file == MADE and made is not None
    return RuleRow(
        name=rule.name,
        group=name,
        file=group.group.file,
        place=f"{rule.place.file}:{rule.place.line}" if rule.place.line else group.group.file,
        href=rule_address(name, rule.name),
        expr=rule.expr,
        is_alert=rule.is_alert,
        hold_s=rule.hold_ms / 1000,
        keep_firing_s=rule.keep_firing_ms / 1000,
        tone=tone,
        word=word,
        state=state,
        active=len(alerts),
        value=_worst(rule, [one.value for one in alerts]),
        value_query=_value_query(rule),
        error=run.error,
        evaluated_s=run.evaluated_ms / 1000 or None,
        next_s=(run.evaluated_ms + group.group.interval_ms) / 1000 if run.evaluated_ms else None,
        took_s=run.seconds,
        written=rule.written,
        recover=rule.recover_written or rule.recover,
        recover_compiled=rule.recover if rule.recover_written else "",
        doubts=[words.partition(mark)[2] for words in doubts if words.startswith(mark)],
        backtest=f"/rules/backtest?{urlencode({'rule': rule.name, 'group': name})}",
        made=made.of(rule.name, rule.expr) if is_made and made else None,
    )


def _worst(rule: Rule, values: Sequence[float]) -> float | None:
    subject = comparison(rule.expr) if values else None
    falls = subject is not None and subject.op in ("<", "<=")
    return (min(values) if falls else max(values)) if values else None


def _value_query(rule: Rule) -> str:
    if not rule.is_alert:
        pairs = ", ".join(f"{name}={quote(value)}" for name, value in rule.labels if value)
        return f"{rule.name}{{{pairs}}}" if pairs else rule.name
    subject = comparison(rule.expr)
    if subject is None:
        return ""
    return f"{'min' if subject.op in ('<', '<=') else 'max'}({subject.query})"


def _state(run: RuleRun) -> tuple[str, str, str]:
    """Tone, word, and one of STATES."""
    if run.health == "err":
        return "critical", "Fails", "failing"
    if run.health == "unknown":
        return "unknown", "Not evaluated yet", "unsure"
    if not run.rule.is_alert:
        return "ok", "Recorded", "recording"
    if run.state == "no data":
        return "unknown", "No data", "unsure"
    word = run.phase.word
    if word == "inactive":
        return "ok", "Quiet", "quiet"
    return ("warning", "Firing", "firing") if word == "firing" else ("info", "Pending", "pending")


async def _rules(request: Request) -> Response:
    given = services(request)
    view = rules_view(
        given.rules.groups, request.query_params, given.config.warnings(), given.made_rules
    )
    return page(request, "pages/rules.html", view=view, states=STATES)


ADDRESSES: Addresses = (get("/rules", _rules, Access.READ),)
