"""Incidents: `/api/incidents`. Listed, opened, read and edited."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.book import Conflict, Draft, Edit, status_named
from tocsin.incident.from_alerts import OPEN
from tocsin.kit.fault import Rejected
from tocsin.state.incidents import Asked
from tocsin.web.api.incident_json import (
    EntryShown,
    IncidentShown,
    LinkShown,
    as_json,
    author_of,
    body_of,
    book_of,
    conflict,
    link_of,
    number_of,
    shown,
    shown_entries,
    time_of,
)
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_MOST = 1000
_USUAL = 100


class IncidentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident to be opened. `started` is a time (RFC 3339) or how long ago, such as 10m."""

    title: str
    severity: str
    description: str = ""
    services: list[str] = []
    tags: list[str] = []
    links: list[LinkShown] = []
    assignee: str = ""
    roles: dict[str, str] = {}
    started: str = ""
    is_public: bool = False
    is_drill: bool = False


class EditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different. With the `version` that was seen, status 409 is answered when
    somebody changed one of the same fields since."""

    version: int | None = None
    title: str | None = None
    description: str | None = None
    services: list[str] | None = None
    tags: list[str] | None = None
    cause: str | None = None
    root_cause: str | None = None
    resolution: str | None = None
    measures: list[str] | None = None
    started: str | None = None
    is_public: bool | None = None


class SeverityShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a severity means; durations in ms, 0 when nothing is promised."""

    severity: str
    name: str
    description: str
    criteria: list[str]
    response_ms: int
    update_ms: int
    urgency: str


async def _list(request: Request) -> Response:
    """The newest first; without a status, those that are not over."""
    asked = request.query_params
    used, now = services(request), services(request).clock.now_ms()
    found = await used.incidents.find(
        Asked(
            statuses=_statuses(asked.get("status", "")),
            severities=tuple(
                used.incidents.config.checked(one) for one in _parts(asked.get("severity", ""))
            ),
            words=asked.get("q", "")[:500],
            since_ms=time_of(asked.get("since", ""), "since", now, sign=-1),
            until_ms=time_of(asked.get("until", ""), "until", now, sign=-1),
            before_id=_number(asked.get("before", ""), "before"),
            limit=min(_number(asked.get("limit", ""), "limit") or _USUAL, _MOST),
        )
    )
    return as_json([shown(one, used) for one in found])


async def _open(request: Request) -> Response:
    """Open an incident; what its severity asks for follows."""
    body, used = await body_of(request, IncidentBody), services(request)
    draft = Draft(
        severity=body.severity,
        title=body.title,
        description=body.description,
        services=tuple(body.services),
        tags=tuple(body.tags),
        links=tuple(link_of(one) for one in body.links),
        assignee=body.assignee,
        roles=body.roles,
        started_ms=time_of(body.started, "started", used.clock.now_ms(), sign=-1),
        is_public=body.is_public,
        is_drill=body.is_drill,
    )
    return as_json(shown(await used.incidents.open(draft, author_of(request)), used), 201)


async def _get(request: Request) -> Response:
    """One incident, by its number or its id."""
    return as_json(shown(await book_of(request).get(number_of(request)), services(request)))


async def _edit(request: Request) -> Response:
    """Change what is written of it."""
    body, used = await body_of(request, EditBody), services(request)
    started = body.started and time_of(body.started, "started", used.clock.now_ms(), sign=-1)
    changes = Edit(
        title=body.title,
        description=body.description,
        services=_tuple(body.services),
        tags=_tuple(body.tags),
        cause=body.cause,
        root_cause=body.root_cause,
        resolution=body.resolution,
        measures=_tuple(body.measures),
        started_ms=started or None,
        is_public=body.is_public,
    )
    try:
        one = await used.incidents.edit(
            number_of(request), changes, author_of(request), version=body.version
        )
    except Conflict as error:
        return conflict(request, error)
    return as_json(shown(one, used))


async def _timeline(request: Request) -> Response:
    """What happened in it, the oldest first; with `after`, only what came after that entry."""
    after = _number(request.query_params.get("after", ""), "after")
    book = book_of(request)
    one = await book.get(number_of(request))
    return as_json(shown_entries(await book.timeline(one.id, after_id=after)))


async def _severities(request: Request) -> Response:
    """The severities, the most severe first."""
    return as_json(
        [
            SeverityShown(
                severity=severity,
                name=level.name,
                description=level.description,
                criteria=list(level.criteria),
                response_ms=level.response_ms,
                update_ms=level.update_ms,
                urgency="high" if level.is_urgent else "low",
            )
            for severity, level in book_of(request).config.severities.items()
        ]
    )


def _statuses(text: str) -> tuple[str, ...]:
    if text == "all":
        return ()
    return tuple(status_named(one).value for one in _parts(text)) or OPEN


def _parts(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _number(text: str, name: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Rejected(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _tuple(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


_ALL = "/api/incidents"
_ONE = f"{_ALL}/{{number}}"

ADDRESSES: Addresses = (
    Address(_ALL, _list, Access.READ, answer=list[IncidentShown]),
    Address(_ALL, _open, Access.RESPOND, ("POST",), IncidentBody, IncidentShown),
    Address(f"{_ALL}/severities", _severities, Access.READ, answer=list[SeverityShown]),
    Address(_ONE, _get, Access.READ, answer=IncidentShown),
    Address(_ONE, _edit, Access.RESPOND, ("PATCH",), EditBody, IncidentShown),
    Address(f"{_ONE}/timeline", _timeline, Access.READ, answer=list[EntryShown]),
)
