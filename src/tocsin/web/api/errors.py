"""Where are errors asked for and acted on? `/api/errors/…`.

`q` is what people type: words, and `is:open`, `level:error`, `project:shop`, `release:1.2.3`,
`assignee:anna`. Times are milliseconds since 1970.
"""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errortracking.answers import (
    Act,
    ActEntry,
    EventRow,
    EventShown,
    IssuePage,
    IssuesAsked,
    PersonSeen,
    Print,
    Project,
    ReleaseHealth,
    ReleaseSeen,
    TagShown,
)
from tocsin.kit.fault import Rejected
from tocsin.model.errors import Issue
from tocsin.state.error_issues import StaleIssue
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.identity import identity
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_ORDERS = ("last", "first", "times", "people")


class ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be done; see `kind`. With `version`, nothing is when somebody else was quicker."""

    kind: Literal["resolve", "reopen", "ignore", "assign", "comment", "link"]
    release: str = ""
    until_ms: int = 0
    times: int = 0
    people: int = 0
    person: str = ""
    text: str = ""
    incident: str = ""
    version: int = 0

    def act(self) -> Act:
        """Without the version."""
        values = msgspec.structs.asdict(self)
        del values["version"]
        return Act(**values)


class IssuesActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act on several issues."""

    ids: list[int]
    act: ActBody


class ActedOn(msgspec.Struct, frozen=True):
    """What went wrong by an issue's id; empty for what went well."""

    outcomes: dict[int, str]


class IssuesMergeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The issues that become part of the one in the address."""

    issues: list[int]


class UnmergeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prints that become an issue of their own."""

    prints: list[str]


class ErrorProjectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new project."""

    name: str
    platform: str = ""


class Trend(msgspec.Struct, frozen=True):
    """How many errors there were in each step from `from_ms` on."""

    from_ms: int
    step_ms: int
    counts: tuple[int, ...]


class StaleIssueShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was quicker; `issue` is what it is by now."""

    status: str = "error"
    errorType: str = "conflict"  # noqa: N815 - the name in all of the API's errors
    error: str
    issue: Issue


def _number(request: Request, name: str, default: int, most: int = 1 << 53) -> int:
    given = request.query_params.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 17) or int(given) > most:
        raise Rejected(f"{name} must be a number from 0 to {most:,}, not {given[:40]!r}")
    return int(given)


def _id(request: Request) -> int:
    return min(cast("int", request.path_params["id"]), (1 << 31) - 1)


async def issues(request: Request) -> Response:
    """Issues that answer `q`, by `order`: last, first, times or people."""
    params = request.query_params
    order = params.get("order", "last")
    if order not in _ORDERS:
        raise Rejected(f"order is one of {', '.join(_ORDERS)}")
    asked = IssuesAsked(
        words=params.get("q", ""),
        projects=tuple(params.getlist("project")),
        states=tuple(params.getlist("state")),
        assignee=params.get("assignee", ""),
        new_since_ms=_number(request, "new_since", 0),
        seen_since_ms=_number(request, "seen_since", 0),
        seen_until_ms=_number(request, "seen_until", 0),
        order=cast('Literal["last", "first", "times", "people"]', order),
        limit=_number(request, "limit", 50, 1_000),
        offset=_number(request, "offset", 0, 1_000_000),
    )
    return as_json(await services(request).issues.find(asked))


async def counts(request: Request) -> Response:
    """How many issues are in each state."""
    project = request.query_params.get("project", "")
    return as_json(await services(request).issues.counts(project))


async def issue(request: Request) -> Response:
    """One issue."""
    return as_json(await services(request).issues.get(_id(request)))


async def act(request: Request) -> Response:
    """Resolve, reopen, ignore, assign, comment, or link to an incident. 409 with the newest issue
    when somebody else changed it since the version that was seen."""
    body = await body_of(request, ActBody)
    author = identity(request).name
    book = services(request).issues
    try:
        found = await book.act(_id(request), body.act(), author, version=body.version or None)
    except StaleIssue as stale:
        return as_json(StaleIssueShown(error=str(stale), issue=stale.now), 409)
    return as_json(found)


async def acts(request: Request) -> Response:
    """An issue's history, the oldest first."""
    return as_json(await services(request).issues.acts(_id(request)))


async def act_on(request: Request) -> Response:
    """One act on several issues."""
    body = await body_of(request, IssuesActBody)
    if body.act.version:
        raise Rejected("a version belongs to one issue: leave it out where several are changed")
    author = identity(request).name
    told = await services(request).issues.act_on(body.ids, body.act.act(), author)
    return as_json(ActedOn(told))


async def merge(request: Request) -> Response:
    """Make other issues part of this one."""
    body = await body_of(request, IssuesMergeBody)
    author = identity(request).name
    return as_json(await services(request).issues.merge(_id(request), body.issues, author))


async def unmerge(request: Request) -> Response:
    """Make prints an issue of their own, which is answered."""
    body = await body_of(request, UnmergeBody)
    author = identity(request).name
    return as_json(await services(request).issues.unmerge(_id(request), body.prints, author))


async def delete(request: Request) -> Response:
    """Forget an issue with its errors; with `discard=true`, those to come are not kept either."""
    discard = request.query_params.get("discard", "") == "true"
    await services(request).issues.delete(_id(request), identity(request).name, discard=discard)
    return Response(status_code=204)


async def events(request: Request) -> Response:
    """The errors of an issue, the newest first; each of the words in `q` is part of the message, a
    tag or the user."""
    found = await services(request).issues.events(
        _id(request),
        words=request.query_params.get("q", ""),
        limit=_number(request, "limit", 50, 1_000),
        offset=_number(request, "offset", 0, 1_000_000),
    )
    return as_json(found)


async def event(request: Request) -> Response:
    """One error, whole: by its id, or `latest`, or `oldest`."""
    book, event_id = services(request).issues, request.path_params["event"]
    return as_json(await book.event(_id(request), event_id.replace("-", "")))


async def named(request: Request) -> Response:
    """One error by its id alone."""
    book, event_id = services(request).issues, request.path_params["event"].replace("-", "")
    return as_json(await book.event(await book.issue_of_event(event_id), event_id))


async def of_trace(request: Request) -> Response:
    """The errors of a trace, the oldest first."""
    return as_json(await services(request).issues.of_trace(request.path_params["trace"]))


async def tags(request: Request) -> Response:
    """How an issue's tags are distributed."""
    return as_json(await services(request).issues.tags(_id(request)))


async def people(request: Request) -> Response:
    """Whom it happened to, the most affected first."""
    limit = _number(request, "limit", 50, 1_000)
    return as_json(await services(request).issues.people(_id(request), limit))


async def releases(request: Request) -> Response:
    """The releases that had it, the newest first."""
    return as_json(await services(request).issues.releases(_id(request)))


async def prints(request: Request) -> Response:
    """An issue's fingerprints, and what each was made of."""
    return as_json(await services(request).issues.prints(_id(request)))


async def trend(request: Request) -> Response:
    """How many errors there were in each `step`; the last day by hours by itself."""
    until = _number(request, "to", services(request).clock.now_ms())
    start = _number(request, "from", until - _DAY_MS)
    step = _number(request, "step", _HOUR_MS)
    book = services(request).issues
    its_id = (await book.get(_id(request))).id
    found = await book.trend((its_id,), start, until, step)
    return as_json(Trend(start, step, found[its_id]))


async def projects(request: Request) -> Response:
    """All projects."""
    return as_json(await services(request).issues.projects())


async def make_project(request: Request) -> Response:
    """A new project."""
    body = await body_of(request, ErrorProjectBody)
    author = identity(request).name
    made = await services(request).issues.make_project(body.name, author, platform=body.platform)
    return as_json(made, 201)


async def health(request: Request) -> Response:
    """The sessions of releases in the last `days`, and how many of them had no crash."""
    days = _number(request, "days", 7, 365)
    project = request.query_params.get("project", "")
    return as_json(await services(request).issues.health(project, days))


_ISSUES, _ONE = "/api/errors/issues", "/api/errors/issues/{id:int}"

ADDRESSES: Addresses = (
    Address(_ISSUES, issues, Access.READ, answer=IssuePage),
    Address("/api/errors/counts", counts, Access.READ, answer=dict[str, int]),
    Address(f"{_ISSUES}/acts", act_on, Access.RESPOND, ("POST",), IssuesActBody, ActedOn),
    Address(_ONE, issue, Access.READ, answer=Issue),
    Address(_ONE, delete, Access.RESPOND, ("DELETE",)),
    Address(f"{_ONE}/acts", acts, Access.READ, answer=list[ActEntry]),
    Address(f"{_ONE}/acts", act, Access.RESPOND, ("POST",), ActBody, Issue),
    Address(f"{_ONE}/merge", merge, Access.RESPOND, ("POST",), IssuesMergeBody, Issue),
    Address(f"{_ONE}/unmerge", unmerge, Access.RESPOND, ("POST",), UnmergeBody, Issue),
    Address(f"{_ONE}/events", events, Access.READ, answer=list[EventRow]),
    Address(f"{_ONE}/events/{{event}}", event, Access.READ, answer=EventShown),
    Address(f"{_ONE}/tags", tags, Access.READ, answer=list[TagShown]),
    Address(f"{_ONE}/people", people, Access.READ, answer=list[PersonSeen]),
    Address(f"{_ONE}/releases", releases, Access.READ, answer=list[ReleaseSeen]),
    Address(f"{_ONE}/prints", prints, Access.READ, answer=list[Print]),
    Address(f"{_ONE}/trend", trend, Access.READ, answer=Trend),
    Address("/api/errors/events/{event}", named, Access.READ, answer=EventShown),
    Address("/api/errors/traces/{trace}", of_trace, Access.READ, answer=list[EventRow]),
    Address("/api/errors/projects", projects, Access.READ, answer=list[Project]),
    Address(
        "/api/errors/projects", make_project, Access.ADMIN, ("POST",), ErrorProjectBody, Project
    ),
    Address("/api/errors/health", health, Access.READ, answer=list[ReleaseHealth]),
)
