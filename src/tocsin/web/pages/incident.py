"""One incident, live: what is wrong now, who has it, what happened, what was promised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.config import IncidentsConfig
from tocsin.incident.severity import SeverityLevel
from tocsin.incident.timeline import pinned
from tocsin.kit.markdown import to_html
from tocsin.model.incidents import Entry, Incident, Link, Status
from tocsin.query.logs.compare import quoted
from tocsin.web.alert_board import BoardAlert
from tocsin.web.alert_graph import Graph, graph_of
from tocsin.web.api.log_stream import Tailing, event
from tocsin.web.identity import identity
from tocsin.web.incident_changes import Changes, changes_of
from tocsin.web.incident_feed import turns
from tocsin.web.lease import ENDED, Lease, lease_of
from tocsin.web.lease import SECONDS as LEASE_SECONDS
from tocsin.web.pages import timerange
from tocsin.web.pages.incidents import tone_of
from tocsin.web.pages.render import frame, html, page, respond
from tocsin.web.people import people
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_GRAPHS = 4
_FIRING = 50
_ENTRIES = 300
_IDLE_SECONDS = 15.0
_LOGS_MS = 900_000
_GRAPH_BEFORE_MS = 1_800_000
_GRAPH_AFTER_MS = 600_000
_PEOPLE = frozenset(
    ("page", "api", "cli", "slack", "pagerduty", "push", "mail", "sms", "call", "telegram")
)
_MARKS: Mapping[str, str] = {
    "opened": "critical",
    "alert_fired": "critical",
    "escalated": "warning",
    "reopened": "critical",
    "alert_resolved": "ok",
    "resolved": "ok",
    "acknowledged": "info",
    "update": "info",
}
"""The colour of an entry's mark; others have none."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An alert of the incident as it is now; `graph` for the first few."""

    alert: BoardAlert
    graph: Graph | None


@dataclass(frozen=True, slots=True)
class Step:
    """One status of the way from open to resolved."""

    status: Status
    is_reached: bool
    is_here: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the timeline as it is shown."""

    entry: Entry
    tone: str
    is_note: bool
    is_pinned: bool
    is_by_person: bool
    image: str
    """The address of its picture, when it is one."""
    html: str = ""
    """What somebody wrote, of a note."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """The page of one incident; times in ms."""

    incident: Incident
    level: SeverityLevel
    tone: str
    word: str
    steps: Sequence[Step]
    trouble: Sequence[Trouble]
    more: int
    """How many firing alerts are not listed."""
    ended: Sequence[Link]
    others: Sequence[Link]
    pinned: Sequence[Told]
    timeline: Sequence[Told]
    """The newest first."""
    hidden: int
    """How many older entries are not shown."""
    severities: Sequence[str]
    roles: Sequence[str]
    people: Sequence[str]
    next_step: str
    """Who is called next, in words; empty when nobody is."""
    next_step_ms: int
    respond_by_ms: int
    """Until when somebody should have acknowledged it; 0 when that is not asked any more."""
    logs: str
    version: str


async def view_of(given: Services, number: str, *, is_whole: bool = False) -> IncidentView:
    """Everything about an incident; its timeline whole, or the newest 300 entries."""
    book = given.incidents
    incident = await book.get(number)
    config = book.config
    level = config.level(incident.severity)
    entries = await book.timeline(incident.id)
    told = _told(entries, pinned(entries), incident.number)
    found = {one.fingerprint: one for one in await given.board.read(given)}
    alerts = incident.of_kind("alert")
    firing = [found[link.ref] for link in alerts if link.ref in found and not link.ends_ms]
    firing.sort(key=lambda one: (bool(one.held), one.since_ms))
    shown = told if is_whole else told[:_ENTRIES]
    waiting = None if incident.is_over else await given.pager.waiting(incident.number)
    waits = not incident.is_over and not incident.acknowledged_ms and level.response_ms
    return IncidentView(
        incident=incident,
        level=level,
        tone=tone_of(config, incident),
        word="Merged" if incident.merged_into else incident.status.value.capitalize(),
        steps=_steps(incident),
        trouble=_trouble(firing[:_FIRING]),
        more=max(0, len(firing) - _FIRING),
        ended=[link for link in alerts if link.ends_ms or link.ref not in found],
        others=[link for link in incident.links if link.kind != "alert"],
        pinned=await asyncio.to_thread(_written, [one for one in told if one.is_pinned]),
        timeline=await asyncio.to_thread(_written, shown),
        hidden=len(told) - len(shown),
        severities=list(config.severities),
        roles=_roles(config, incident),
        people=await _people(given),
        next_step=waiting[0].words if waiting else "",
        next_step_ms=waiting[1] if waiting else 0,
        respond_by_ms=incident.opened_ms + level.response_ms if waits else 0,
        logs=_logs(incident, given.clock.now_ms()),
        version=f"{incident.version}-{entries[-1].id if entries else 0}-{len(firing)}",
    )


def _trouble(firing: Sequence[BoardAlert]) -> list[Trouble]:
    """The first alert of each of the first few rules with its graph, which has the others too."""
    drawn: set[str] = set()
    found = []
    for one in firing:
        graph = None
        if one.rule and one.rule.expr not in drawn and len(drawn) < _GRAPHS:
            drawn.add(one.rule.expr)
            graph = graph_of(one.rule.expr, spoken_unit=one.rule.unit)
        found.append(Trouble(one, graph))
    return found


def _steps(incident: Incident) -> list[Step]:
    way = list(Status)[:-1]
    here = Status.RESOLVED if incident.is_over else incident.status
    at = way.index(here)
    return [Step(status, place <= at, status is here) for place, status in enumerate(way)]


def _told(entries: Sequence[Entry], kept: set[int], number: str) -> list[Told]:
    """The newest first; what only says that something was pinned is left out."""
    found = []
    for entry in reversed(entries):
        if entry.kind in ("pinned", "unpinned"):
            continue
        picture = entry.data.get("attachment", "") if entry.kind == "image" else ""
        found.append(
            Told(
                entry=entry,
                tone=_MARKS.get(entry.kind, ""),
                is_note=entry.kind in ("note", "update"),
                is_pinned=entry.id in kept,
                is_by_person=entry.source in _PEOPLE,
                image=f"/api/incidents/{number}/images/{picture}" if picture else "",
            )
        )
    return found


def _written(rows: Sequence[Told]) -> list[Told]:
    """With their Markdown as HTML; long ones take milliseconds each."""
    return [
        replace(one, html=Markup(to_html(one.entry.text))) if one.is_note else one for one in rows
    ]


def _roles(config: IncidentsConfig, incident: Incident) -> list[str]:
    return list(dict.fromkeys((*config.roles, *incident.roles)))


async def _people(given: Services) -> list[str]:
    """Who can be assigned: those with a login, and those who can be called."""
    found = [user.name for user in await given.users.all() if user.disabled_at is None]
    return sorted({*found, *given.callable_people()})


def _logs(incident: Incident, now_ms: int) -> str:
    began = (incident.started_ms or incident.opened_ms) - _LOGS_MS
    asked = " OR ".join(f"service:{quoted(name)}" for name in incident.services)
    until = str(incident.resolved_ms) if incident.resolved_ms else "now"
    return f"/logs?{urlencode({'q': asked, 'from': str(began), 'to': until})}"


async def _page(request: Request) -> Response:
    number = str(request.path_params["number"])
    is_whole = request.query_params.get("timeline") == "all"
    view = await view_of(services(request), number, is_whole=is_whole)
    around = frame(request)
    around = replace(around, time=timerange.read(_range(view.incident), around.now))
    return respond(html("pages/incident.html", around, view=view, me=identity(request).name))


def _range(one: Incident) -> dict[str, str]:
    """From half an hour before it began until a little after its end."""
    begin = (one.started_ms or one.opened_ms) - _GRAPH_BEFORE_MS
    end = str(one.resolved_ms + _GRAPH_AFTER_MS) if one.resolved_ms else "now"
    return {"from": str(begin), "to": end}


async def _changes(request: Request) -> Response:
    """What changed, asked by the page once it is there: lines may take seconds to be counted."""
    given = services(request)
    incident = await given.incidents.get(str(request.path_params["number"]))
    found: Changes = await changes_of(given, people(request), incident)
    return page(request, "parts/incident_changes.html", changes=found, incident=incident)


async def _live(request: Request) -> Response:
    """Server-sent events: `changed` whenever the page should be read anew."""
    given = services(request)
    number = str(request.path_params.get("number", ""))
    if number:
        number = (await given.incidents.get(number)).number
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    caller, lease = identity(request).name, lease_of(request)
    return Tailing(_events(given, number, caller, lease), headers)


async def _events(
    given: Services, number: str, caller: str, lease: Lease | None
) -> AsyncGenerator[bytes]:
    """Events for as long as the caller's `lease` holds."""
    clock = given.clock
    with given.incident_feed.reading(number, caller) as flag:
        yield b"retry: 2000\n\n"
        spoke = clock.monotonic()
        async for is_changed in turns(flag, LEASE_SECONDS):
            if lease is not None and not await lease.holds():
                yield event("ended", {"reason": ENDED})
                return
            now = clock.monotonic()
            if is_changed or now - spoke >= _IDLE_SECONDS:
                spoke = now
                yield event("changed", {}) if is_changed else b": alive\n\n"


ADDRESSES: Addresses = (
    get("/incidents/live", _live, Access.READ),
    get("/incidents/{number}", _page, Access.READ),
    get("/incidents/{number}/changes", _changes, Access.READ),
    get("/incidents/{number}/live", _live, Access.READ),
)
