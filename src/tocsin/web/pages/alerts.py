"""What is wrong now, since when, and who has it? The page Alerts."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.model.labels import Labels, from_mapping
from tocsin.web.alert_board import BoardAlert
from tocsin.web.alert_filter import Asked, asked_of, is_asked, is_of_state, silence_address
from tocsin.web.alert_graph import Graph, graph_of
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

if TYPE_CHECKING:
    from tocsin.alert.rules.group_run import GroupRun

_GROUPS_SHOWN = 20
_ROWS_SHOWN = 6
_ROWS_OF_ONE = 100
_HELD_SHOWN = 6
_TONES = ("critical", "warning", "info", "unknown")
_NOTHING = "(none)"


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that are shown together; `rows` are the first, `more` counts the others. `graph` is
    of the rule of the first of them; `silence` is empty when they have no label in common."""

    key: str
    title: str
    tone: str
    firing: int
    pending: int
    acknowledged: int
    rows: Sequence[BoardAlert]
    more: int
    silence: str
    graph: Graph | None
    place: str


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched at all."""

    rules: int
    failing: int
    latest_s: float


@dataclass(frozen=True, slots=True)
class AlertsView:
    """The page. `counts` are of what is asked for but for the state; `held_counts` by kind."""

    asked: Asked
    groups: Sequence[AlertGroup]
    group_count: int
    shown: int
    pages: int
    counts: dict[str, int]
    total: int
    held: Sequence[BoardAlert]
    held_counts: Sequence[tuple[str, int]]
    severities: Sequence[str]
    receivers: Sequence[str]
    tone: str
    watched: Watched
    version: str


def view_of(found: Sequence[BoardAlert], asked: Asked, watched: Watched) -> AlertsView:
    """The page of these alerts; for ten thousand of them it takes some 50 ms."""
    wanted = [one for one in found if is_asked(asked, one)]
    listed = sorted((one for one in wanted if is_of_state(asked.state, one)), key=_order)
    held = [one for one in wanted if one.held]
    groups = _grouped(listed, asked)
    pages, shown = _paged(groups, asked)
    kinds = Counter(kind for one in held for kind in {reason.kind for reason in one.held})
    return AlertsView(
        asked=asked,
        groups=shown,
        group_count=len(groups),
        shown=len(listed),
        pages=pages,
        counts={
            state: sum(is_of_state(state, one) for one in wanted)
            for state in ("", "firing", "pending", "acknowledged", "held", "all")
        },
        total=len(found),
        held=sorted(held, key=_order)[:_HELD_SHOWN] if asked.state == "" else (),
        held_counts=kinds.most_common(),
        severities=sorted({one.severity for one in found if one.severity}),
        receivers=sorted({name for one in found for name in one.receivers}),
        tone=min((one.tone for one in listed), key=_TONES.index, default="ok"),
        watched=watched,
        version=version_of(wanted),
    )


def version_of(found: Sequence[BoardAlert]) -> str:
    """Differs when another list is to be shown, not when values change."""
    digest = hashlib.blake2b(digest_size=8)
    for one in found:
        held = ",".join(reason.kind for reason in one.held)
        ack = one.ack.by if one.ack else ""
        digest.update(f"{one.fingerprint}{one.word}{held}{ack}{one.tone}\n".encode())
    return f"{len(found)}-{digest.hexdigest()}"


def _order(one: BoardAlert) -> tuple[object, ...]:
    is_taken = one.ack is not None
    return _TONES.index(one.tone), is_taken, one.name, one.since_ms, one.labels


def _keys(one: BoardAlert, by: str) -> Sequence[str]:
    match by:
        case "service":
            return (one.service or _NOTHING,)
        case "severity":
            return (one.severity or _NOTHING,)
        case "route":
            return one.routes or (_NOTHING,)
        case "none":
            return ("",)
        case _:
            return (one.name,)


def _grouped(found: Sequence[BoardAlert], asked: Asked) -> list[AlertGroup]:
    """The worst group first; within it the worst alert."""
    parts: dict[str, list[BoardAlert]] = {}
    for one in found:
        for key in _keys(one, asked.by):
            parts.setdefault(key, []).append(one)
    if asked.group:
        parts = {asked.group: parts[asked.group]} if asked.group in parts else {}
    groups = [_group(key, rows, asked.by) for key, rows in parts.items()]
    return sorted(groups, key=lambda one: (_TONES.index(one.tone), -one.firing, one.title))


def _group(key: str, rows: list[BoardAlert], by: str) -> AlertGroup:
    # Rules of one name differ in how bad or how long it is: the worst alert's speaks for them.
    rule = rows[0].rule if by == "rule" else None
    return AlertGroup(
        key=key,
        title=key or "Alerts",
        tone=min((one.tone for one in rows), key=_TONES.index),
        firing=sum(one.phase == "firing" for one in rows),
        pending=sum(one.phase == "pending" for one in rows),
        acknowledged=sum(one.ack is not None for one in rows),
        rows=rows,
        more=0,
        silence=silence_address(shared) if (shared := _shared(rows, by)) else "",
        graph=graph_of(rule.expr, spoken_unit=rule.unit) if rule else None,
        place=rule_address(rule.group, rule.name) if rule else "",
    )


def _shared(rows: Sequence[BoardAlert], by: str) -> Labels:
    """What all of them have: the conditions of a silence for the whole group."""
    if by == "rule":
        return from_mapping({"alertname": rows[0].name})
    common = set(rows[0].labels)
    for one in rows[1:]:
        common &= set(one.labels)
    return tuple(sorted(common))


def rule_address(group: str, name: str) -> str:
    """The page of a rule."""
    return f"/rules/{quote(group, safe='')}/{quote(name, safe='')}"


def _paged(groups: Sequence[AlertGroup], asked: Asked) -> tuple[int, list[AlertGroup]]:
    """How many pages there are, and the groups of this one with their first rows."""
    if len(groups) == 1:
        rows = groups[0].rows
        pages = -(-len(rows) // _ROWS_OF_ONE)
        number = min(asked.page, pages)
        start = (number - 1) * _ROWS_OF_ONE
        return pages, [_cut(groups[0], start, _ROWS_OF_ONE)]
    pages = max(1, -(-len(groups) // _GROUPS_SHOWN))
    start = (min(asked.page, pages) - 1) * _GROUPS_SHOWN
    return pages, [_cut(one, 0, _ROWS_SHOWN) for one in groups[start : start + _GROUPS_SHOWN]]


def _cut(group: AlertGroup, start: int, count: int) -> AlertGroup:
    rows = group.rows[start : start + count]
    return replace(group, rows=rows, more=len(group.rows) - start - len(rows))


def watched_by(groups: Sequence[GroupRun]) -> Watched:
    """What the rules in force watch."""
    runs = [run for group in groups for run in group.rules if run.rule.is_alert]
    return Watched(
        rules=len(runs),
        failing=sum(run.health == "err" for run in runs),
        latest_s=max((run.evaluated_ms for run in runs), default=0) / 1000,
    )


async def alerts_page(given: Services, asked: Asked) -> AlertsView:
    """What the page shows now."""
    found = await given.board.read(given)
    watched = watched_by(given.rules.groups)
    return await asyncio.to_thread(view_of, found, asked, watched)


async def _alerts(request: Request) -> Response:
    asked = asked_of(request.query_params)
    view = await alerts_page(services(request), asked)
    return page(request, "pages/alerts.html", view=view, silence_of=silence_address)


class AlertsVersion(msgspec.Struct, frozen=True):
    """What an open page asks for again and again: another `version` is another list."""

    version: str
    firing: int
    pending: int
    held: int


async def _live(request: Request) -> Response:
    given, asked = services(request), asked_of(request.query_params)
    found = await given.board.read(given)
    shown = await asyncio.to_thread(_counted, found, asked)
    return Response(
        msgspec.json.encode(shown),
        200,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


def _counted(found: Sequence[BoardAlert], asked: Asked) -> AlertsVersion:
    wanted = [one for one in found if is_asked(asked, one)]
    return AlertsVersion(
        version=version_of(wanted),
        firing=sum(is_of_state("firing", one) for one in wanted),
        pending=sum(is_of_state("pending", one) for one in wanted),
        held=sum(is_of_state("held", one) for one in wanted),
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
    get("/alerts/live", _live, Access.READ),
    get("/graph", _graph, Access.READ),
)
