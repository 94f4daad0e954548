"""What do tools that ask Sentry ask? `/api/0/…`, in its shape. The organization is `tocsin`.

https://docs.sentry.io/api/events/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errortracking.answers import (
    Act,
    EventRow,
    EventShown,
    Frame,
    IssuesAsked,
    Project,
    Thrown,
)
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errors import Issue, IssueState
from tocsin.model.logs import level_name
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.identity import identity
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

ORGANIZATION = "tocsin"
_STATUSES = {
    IssueState.OPEN: "unresolved",
    IssueState.RESOLVED: "resolved",
    IssueState.IGNORED: "ignored",
}
_SORTS = {"date": "last", "new": "first", "freq": "times", "user": "people"}
_LEVELS = {"warn": "warning", "critical": "fatal"}
_ENDPOINT_LIMIT = 100
_USUAL = 25
_MINUTE_MS = 60_000
_MOST = 10**9
_DETAILS = frozenset(
    ("inRelease", "inNextRelease", "ignoreCount", "ignoreUserCount", "ignoreDuration")
)


class SentryChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed of an issue; other fields are not read."""

    status: str = ""
    statusDetails: dict[str, Any] = {}  # noqa: N815  # Any: Sentry's own, of several kinds
    assignedTo: str | None = None  # noqa: N815 - Sentry's name


def _organization(request: Request) -> None:
    name = request.path_params.get("organization", ORGANIZATION)
    if name != ORGANIZATION:
        raise NotFound(f"there is one organization, {ORGANIZATION}, and no {name[:100]!r}")


async def of_project(request: Request) -> Response:
    """The issues of a project, by its name or number."""
    _organization(request)
    project = await services(request).issues.project(request.path_params["project"])
    return await _listed(request, (project.name,))


async def of_organization(request: Request) -> Response:
    """The issues of all projects, or of those that `project` names."""
    _organization(request)
    book = services(request).issues
    named = [one for one in request.query_params.getlist("project") if one not in ("", "-1")]
    return await _listed(request, tuple([(await book.project(one)).name for one in named]))


async def _listed(request: Request, projects: tuple[str, ...]) -> Response:
    params = request.query_params
    sort = params.get("sort", "date")
    if sort not in _SORTS:
        raise Rejected(f"sort is one of {', '.join(_SORTS)}")
    used = services(request)
    found = await used.issues.find(
        IssuesAsked(
            words=params.get("query", ""),
            projects=projects,
            order=_SORTS[sort],  # type: ignore[arg-type]  # one of its own
            limit=_limit(params.get("limit", "")),
        )
    )
    known = {one.name: one for one in await used.issues.projects()}
    url = used.config.external_url or str(request.base_url)
    shown = [_issue(one, known.get(one.project), url) for one in found.issues]
    response = as_json(shown)
    response.headers["X-Hits"] = str(found.total)
    return response


def _limit(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 5
    return min(int(text), _ENDPOINT_LIMIT) if is_number else _USUAL


async def one(request: Request) -> Response:
    """One issue."""
    used = services(request)
    found = await used.issues.get(_id(request))
    return as_json(await _whole(request, found))


async def change(request: Request) -> Response:
    """Resolve, ignore or reopen an issue, or assign it."""
    body = await body_of(request, SentryChange)
    author, book = identity(request).name, services(request).issues
    acts = acts_of(body, services(request).clock.now_ms())
    found = await book.get(_id(request))
    for act in acts:
        found = await book.act(found.id, act, author)
    return as_json(await _whole(request, found))


def acts_of(body: SentryChange, now_ms: int) -> list[Act]:
    """What is to be done. Raises Rejected for what cannot be done as it is said."""
    acts: list[Act] = []
    details = body.statusDetails
    if unknown := sorted(name for name in details if name not in _DETAILS):
        known = ", ".join(sorted(_DETAILS))
        raise Rejected(f"statusDetails can hold {known}, not {unknown[0][:40]!r}")
    match body.status:
        case "":
            pass
        case "resolved" | "resolvedInNextRelease":
            release = str(details.get("inRelease") or "")
            if details.get("inNextRelease") or body.status == "resolvedInNextRelease":
                release = "next"
            acts.append(Act(kind="resolve", release="" if release == "latest" else release))
        case "unresolved" | "reprocessing":
            acts.append(Act(kind="reopen"))
        case "ignored":
            minutes = _count(details, "ignoreDuration")
            acts.append(
                Act(
                    kind="ignore",
                    until_ms=now_ms + minutes * _MINUTE_MS if minutes else 0,
                    times=_count(details, "ignoreCount"),
                    people=_count(details, "ignoreUserCount"),
                )
            )
        case _:
            raise Rejected(f"status is resolved, unresolved or ignored, not {body.status[:40]!r}")
    if body.assignedTo is not None:
        acts.append(Act(kind="assign", person=body.assignedTo.removeprefix("user:")))
    return acts


def _count(details: dict[str, Any], name: str) -> int:  # Any: JSON of senders
    """A whole number, 0 when it is not told."""
    given = details.get(name)
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _MOST:
        raise Rejected(f"{name} is a whole number, not {str(given)[:40]!r}")
    return given


async def event(request: Request) -> Response:
    """One error of an issue: `latest`, `oldest`, or by its id."""
    book, event_id = services(request).issues, request.path_params["event"]
    wanted = "latest" if event_id == "recommended" else event_id.replace("-", "")
    return as_json(_event(await book.event(_id(request), wanted)))


async def events(request: Request) -> Response:
    """The newest errors of an issue."""
    book = services(request).issues
    found = await book.events(_id(request), limit=_ENDPOINT_LIMIT)
    return as_json([_row(each) for each in found])


async def project_event(request: Request) -> Response:
    """An error by its id."""
    _organization(request)
    book, event_id = services(request).issues, request.path_params["event"].replace("-", "")
    return as_json(_event(await book.event(await book.issue_of_event(event_id), event_id)))


async def projects(request: Request) -> Response:
    """All projects."""
    _organization(request)
    return as_json([_project(one) for one in await services(request).issues.projects()])


async def organizations(_request: Request) -> Response:
    """The one organization."""
    return as_json([{"id": "1", "slug": ORGANIZATION, "name": "Tocsin"}])


def _id(request: Request) -> int:
    return min(int(request.path_params["id"]), (1 << 31) - 1)


async def _whole(request: Request, found: Issue) -> dict[str, Any]:  # Any: JSON
    used = services(request)
    known = {one.name: one for one in await used.issues.projects()}
    url = used.config.external_url or str(request.base_url)
    return _issue(found, known.get(found.project), url)


def _issue(found: Issue, project: Project | None, url: str) -> dict[str, Any]:  # Any: JSON
    details: dict[str, Any] = {}  # Any: JSON
    if found.resolved_in.startswith(">"):
        details["inNextRelease"] = True
    elif found.resolved_in:
        details["inRelease"] = found.resolved_in
    shown = _project(project) if project else {"slug": found.project, "name": found.project}
    return {
        "id": str(found.id),
        "shortId": f"{found.project.upper()}-{found.id}",
        "title": found.title,
        "culprit": found.culprit,
        "permalink": f"{url.rstrip('/')}/errors/{found.id}",
        "level": _level(found.level),
        "status": _STATUSES[found.state],
        "statusDetails": details,
        "platform": found.platform,
        "project": shown,
        "type": "error" if found.kind else "default",
        "metadata": {
            "type": found.kind,
            "value": found.title.partition(": ")[2],
            "title": found.title,
        },
        "count": str(found.times),
        "userCount": found.people,
        "firstSeen": _iso(found.first_seen_ms),
        "lastSeen": _iso(found.last_seen_ms),
        "assignedTo": {"type": "user", "name": found.assignee} if found.assignee else None,
        "isUnhandled": not found.handled,
        "logger": None,
        "annotations": [],
    }


def _project(one: Project) -> dict[str, Any]:  # Any: JSON
    return {
        "id": str(one.number),
        "slug": one.name,
        "name": one.name,
        "platform": one.platform,
        "dateCreated": _iso(one.created_ms),
        "organization": {"slug": ORGANIZATION},
    }


def _row(one: EventRow) -> dict[str, Any]:  # Any: JSON
    own = {
        "environment": one.environment,
        "release": one.release,
        "level": _level(one.level),
        "server_name": one.host,
        "transaction": one.transaction,
        "user": f"id:{one.user_id}" if one.user_id else "",
    }
    tags = {**{name: value for name, value in own.items() if value}, **one.tags}
    return {
        "id": one.event_id,
        "eventID": one.event_id,
        "groupID": str(one.issue_id),
        "title": f"{one.kind}: {one.value}" if one.kind else one.value,
        "message": one.value,
        "culprit": one.culprit,
        "platform": one.platform,
        "dateCreated": _iso(one.at_ms),
        "tags": [{"key": name, "value": value} for name, value in sorted(tags.items())],
    }


def _event(found: EventShown) -> dict[str, Any]:  # Any: JSON
    content = found.content
    entries: list[dict[str, Any]] = []  # Any: JSON
    if content.exceptions:
        values = [_thrown(one) for one in content.exceptions]
        entries.append({"type": "exception", "data": {"values": values, "hasSystemFrames": True}})
    if content.message:
        entries.append({"type": "message", "data": {"formatted": content.message}})
    if content.breadcrumbs:
        crumbs = [
            {
                "timestamp": _iso(one.at_ms) if one.at_ms else None,
                "type": one.kind or "default",
                "category": one.category,
                "level": one.level or "info",
                "message": one.message,
                "data": one.data,
            }
            for one in content.breadcrumbs
        ]
        entries.append({"type": "breadcrumbs", "data": {"values": crumbs}})
    if content.request is not None:
        asked = content.request
        entries.append(
            {
                "type": "request",
                "data": {
                    "method": asked.method,
                    "url": asked.url,
                    "query": asked.query,
                    "headers": list(asked.headers.items()),
                    "data": asked.data,
                },
            }
        )
    return {
        **_row(found.event),
        "entries": entries,
        "user": content.user or None,
        "contexts": content.contexts,
        "context": content.extra,
        "packages": content.modules,
        "sdk": {"name": content.sdk.partition(" ")[0], "version": content.sdk.partition(" ")[2]},
        "release": {"version": found.event.release} if found.event.release else None,
        "fingerprints": [content.print],
        "nextEventID": found.newer or None,
        "previousEventID": found.older or None,
    }


def _thrown(one: Thrown) -> dict[str, Any]:  # Any: JSON
    return {
        "type": one.kind,
        "value": one.value,
        "module": one.module or None,
        "mechanism": {"type": one.mechanism, "handled": one.handled} if one.mechanism else None,
        "stacktrace": {"frames": [_frame(each) for each in one.frames]} if one.frames else None,
    }


def _frame(one: Frame) -> dict[str, Any]:  # Any: JSON
    first = one.line - len(one.before)
    lines = [*one.before, one.context, *one.after] if one.context else []
    return {
        "function": one.function,
        "module": one.module,
        "filename": one.filename,
        "absPath": one.path or one.filename,
        "lineNo": one.line or None,
        "colNo": one.column or None,
        "inApp": one.in_app,
        "context": [[first + place, line] for place, line in enumerate(lines)],
        "vars": one.variables or None,
    }


def _level(number: int) -> str:
    name = level_name(number)
    return _LEVELS.get(name, name)


def _iso(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


_ISSUE = "/api/0/issues/{id:int}"
_IN = "/api/0/organizations/{organization}"
_JSON = dict[str, Any]

ADDRESSES: Addresses = (
    Address("/api/0/organizations/", organizations, Access.READ, answer=list[_JSON]),
    Address("/api/0/projects/", projects, Access.READ, answer=list[_JSON]),
    Address(f"{_IN}/projects/", projects, Access.READ, answer=list[_JSON]),
    Address(f"{_IN}/issues/", of_organization, Access.READ, answer=list[_JSON]),
    Address(
        "/api/0/projects/{organization}/{project}/issues/",
        of_project,
        Access.READ,
        answer=list[_JSON],
    ),
    Address(
        "/api/0/projects/{organization}/{project}/events/{event}/",
        project_event,
        Access.READ,
        answer=_JSON,
    ),
    *(
        address
        for root in (_ISSUE, f"{_IN}/issues/{{id:int}}")
        for address in (
            Address(f"{root}/", one, Access.READ, answer=_JSON),
            Address(f"{root}/", change, Access.RESPOND, ("PUT",), SentryChange, _JSON),
            Address(f"{root}/events/", events, Access.READ, answer=list[_JSON]),
            Address(f"{root}/events/{{event}}/", event, Access.READ, answer=_JSON),
        )
    ),
)
