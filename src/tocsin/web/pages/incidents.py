"""Which incidents are open, who has them, and which were there before? The page Incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.incident.book import Author, Draft
from tocsin.incident.config import IncidentsConfig
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident, Status
from tocsin.state.incidents import Asked
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services

_LISTED = 50
_OPEN_SHOWN = 100
OPEN = tuple(status.value for status in Status if not status.is_over)
OVER = tuple(status.value for status in Status if status.is_over)
TONES = ("critical", "critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Row:
    """One incident in a list."""

    incident: Incident
    tone: str
    word: str
    """Its status as people read it."""
    firing: int
    """How many of its alerts fire."""
    is_late: bool
    """Whether nobody has acknowledged it within the time that its severity promises."""
    is_silent: bool
    """Whether an update is overdue."""


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """The page: those that are open, and of the others those that are asked for."""

    open: Sequence[Row]
    past: Sequence[Row]
    older: str
    """The query of the page after this one; empty when it is the last."""
    asked: Mapping[str, str]
    severities: Sequence[str]
    counts: Mapping[str, int]


def tone_of(config: IncidentsConfig, incident: Incident) -> str:
    """The colour of an incident: how bad it is while it lasts."""
    if incident.is_over:
        return "ok" if incident.status is Status.RESOLVED else "unknown"
    return TONES[min(config.rank(incident.severity), len(TONES) - 1)]


def row_of(config: IncidentsConfig, incident: Incident, now_ms: int) -> Row:
    """An incident as lists show it."""
    response = config.level(incident.severity).response_ms
    is_waiting = not incident.is_over and not incident.acknowledged_ms
    return Row(
        incident=incident,
        tone=tone_of(config, incident),
        word="Merged" if incident.merged_into else incident.status.value.capitalize(),
        firing=sum(not link.ends_ms for link in incident.of_kind("alert")),
        is_late=is_waiting and bool(response) and now_ms - incident.opened_ms > response,
        is_silent=not incident.is_over and 0 < incident.next_update_ms < now_ms,
    )


async def view_of(given: Services, query: Mapping[str, str]) -> IncidentsView:
    """What the page shows of what is asked for."""
    book, now = given.incidents, given.clock.now_ms()
    config = book.config
    current = await book.find(Asked(statuses=OPEN, limit=_OPEN_SHOWN))
    rows = [row_of(config, one, now) for one in current]
    rows.sort(key=lambda row: (config.rank(row.incident.severity), -row.incident.opened_ms))
    found = await book.find(_asked(query))
    more = len(found) > _LISTED
    older = {**query, "before": str(found[_LISTED - 1].id)} if more else {}
    return IncidentsView(
        open=rows,
        past=[row_of(config, one, now) for one in found[:_LISTED]],
        older=urlencode(older),
        asked=query,
        severities=list(config.severities),
        counts=await book.counts(),
    )


def _asked(query: Mapping[str, str]) -> Asked:
    before = query.get("before", "")
    status = query.get("status", "")
    return Asked(
        statuses=(status,) if status in OVER else OVER,
        severities=(query["severity"],) if query.get("severity") else (),
        words=query.get("q", ""),
        before_id=int(before) if before.isascii() and before.isdigit() and len(before) < 10 else 0,
        limit=_LISTED + 1,
    )


async def _incidents(request: Request) -> Response:
    view = await view_of(services(request), dict(request.query_params))
    return page(request, "pages/incidents.html", view=view)


def _form(request: Request, values: Mapping[str, str], problem: str = "") -> Response:
    config = services(request).incidents.config
    return page(
        request,
        "pages/incident_new.html",
        status=400 if problem else 200,
        values=values,
        problem=problem,
        levels=config.severities,
    )


async def _new(request: Request) -> Response:
    return _form(request, dict(request.query_params))


async def _open(request: Request) -> Response:
    form = {key: str(value) for key, value in (await form_of(request)).items()}
    who = identity(request).name
    draft = Draft(
        severity=form.get("severity", ""),
        title=form.get("title", ""),
        description=form.get("description", ""),
        services=listed(form.get("services", "")),
        tags=listed(form.get("tags", "")),
        assignee=who if form.get("mine") else "",
        is_drill=bool(form.get("drill")),
    )
    try:
        made = await services(request).incidents.open(draft, Author(who, "page"))
    except Rejected as error:
        return _form(request, form, str(error))
    return RedirectResponse(f"/incidents/{made.number}", 303)


def listed(text: str) -> tuple[str, ...]:
    """Words between commas or line breaks."""
    return tuple(one.strip() for one in text.replace("\n", ",").split(",") if one.strip())


ADDRESSES: Addresses = (
    get("/incidents", _incidents, Access.READ),
    get("/incidents/new", _new, Access.RESPOND),
    post("/incidents/new", _open, Access.RESPOND),
)
