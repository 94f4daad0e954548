"""Which errors do applications have, and which of them need somebody? The page Errors."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errortracking.answers import IssuesAsked, Project
from tocsin.errortracking.occurrences import Occurrences
from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.errors import Issue
from tocsin.web.identity import identity
from tocsin.web.pages.connect import PLACEHOLDER, Snippet, address_of
from tocsin.web.pages.error_asked import (
    LEVELS,
    NEW_MS,
    ORDERS,
    PAGE,
    STATES,
    Asked,
    Order,
    asked_of,
    issues_asked,
)
from tocsin.web.pages.error_bars import growth_of
from tocsin.web.pages.error_rows import DAY_MS, STEP_MS, IssueRow, rows_of
from tocsin.web.pages.error_seek import sought
from tocsin.web.pages.error_snippets import dsn_of, error_snippets
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_TREND_OF = 300
_LOOKED_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class ErrorsView:
    """The page. `total` is how many answer the question; `is_known` whether any issue is kept."""

    asked: Asked
    now_ms: int
    rows: Sequence[IssueRow] = ()
    total: int = 0
    looked_at: int = 0
    """Of how many the order by trend is."""
    pages: int = 1
    counts: Mapping[str, int] = field(
        default_factory=lambda: {"open": 0, "resolved": 0, "ignored": 0}
    )
    fresh: int = 0
    regressed: int = 0
    projects: Sequence[str] = ()
    environments: Sequence[str] = ()
    releases: Sequence[str] = ()
    people: Sequence[str] = ()
    levels: Sequence[str] = tuple(LEVELS)
    states: Mapping[str, str] = field(default_factory=lambda: STATES)
    orders: Mapping[Order, str] = field(default_factory=lambda: ORDERS)
    snippets: Sequence[Snippet] = ()
    dsn: str = ""
    dsn_of: str = ""
    version: str = ""
    problem: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is any issue at all."""
        return any(self.counts.values())


class ErrorsVersion(msgspec.Struct, frozen=True):
    """What an open page asks for again and again: another `version` is another list, `fresh` how
    many issues are new since it was drawn."""

    version: str
    fresh: int
    total: int


def version_of(issues: Sequence[Issue]) -> str:
    """Differs when another list is to be shown, not when errors are counted."""
    digest = hashlib.blake2b(digest_size=8)
    for one in issues:
        digest.update(f"{one.id} {one.version} {one.state} {one.regressed_ms}\n".encode())
    return digest.hexdigest()


async def view_of(given: Services, asked: Asked, base: str) -> ErrorsView:
    """What the page shows; for 10,000 issues as for ten but for the counting."""
    book, now = given.issues, given.clock.now_ms()
    counts, fresh, regressed, projects = await asyncio.gather(
        book.counts(asked.project),
        _count(given, asked, is_new=True),
        _count(given, asked, words="is:regressed"),
        book.projects(),
    )
    view = ErrorsView(
        asked=asked,
        now_ms=now,
        counts={"open": 0, "resolved": 0, "ignored": 0, **counts},
        fresh=fresh,
        regressed=regressed,
        projects=[one.name for one in projects],
    )
    if not view.is_known and not asked.is_narrow:
        return _taught(view, projects, base)
    return await _listed(given, view)


async def _count(given: Services, asked: Asked, *, is_new: bool = False, words: str = "") -> int:
    since = given.clock.now_ms() - NEW_MS if is_new else 0
    projects = (asked.project,) if asked.project else ()
    question = IssuesAsked(
        words=words, projects=projects, states=("open",), new_since_ms=since, limit=1
    )
    return (await given.issues.find(question)).total


async def _listed(given: Services, view: ErrorsView) -> ErrorsView:
    asked, now = view.asked, view.now_ms
    by_trend = asked.order == "trend"
    seen = Occurrences(given.store, given.errors.writer)
    found, environments, releases = await asyncio.gather(
        given.issues.find(issues_asked(asked, now, limit=_TREND_OF if by_trend else PAGE)),
        seen.values("environment", now - _LOOKED_MS),
        seen.values("release", now - _LOOKED_MS),
    )
    issues = list(found.issues)
    end = now - now % STEP_MS + STEP_MS
    trends = await given.issues.trend([one.id for one in issues], end - DAY_MS, end, STEP_MS)
    if by_trend:
        issues.sort(key=lambda one: -growth_of(trends.get(one.id, ())))
        issues = issues[(asked.page - 1) * PAGE : asked.page * PAGE]
    listed = min(found.total, _TREND_OF) if by_trend else found.total
    return replace(
        view,
        rows=rows_of(issues, trends, now),
        total=found.total,
        looked_at=len(found.issues),
        pages=max(1, -(-listed // PAGE)),
        environments=environments,
        releases=releases,
        people=await known_people(given),
        version=version_of(issues),
    )


def _taught(view: ErrorsView, projects: Sequence[Project], base: str) -> ErrorsView:
    """What makes the first error come."""
    project = projects[-1] if projects else None
    dsn = dsn_of(base, PLACEHOLDER, project.number if project else 1)
    platform = project.platform if project else ""
    return replace(
        view,
        dsn=dsn,
        dsn_of=project.name if project else "",
        snippets=error_snippets(base, dsn, PLACEHOLDER, platform),
    )


async def known_people(given: Services) -> list[str]:
    """Who can be assigned: those with a login, and those who can be called."""
    found = [user.name for user in await given.users.all() if user.disabled_at is None]
    return sorted({*found, *given.callable_people()})


async def _errors(request: Request) -> Response:
    given = services(request)
    if (found := await sought(request)) is not None:
        return found
    asked = asked_of(request.query_params)
    try:
        view = await view_of(given, asked, address_of(request))
    except (Rejected, Temporary) as fault:
        view = ErrorsView(asked, given.clock.now_ms(), problem=str(fault))
    return page(request, "pages/errors.html", view=view, me=identity(request).name)


async def _live(request: Request) -> Response:
    """What an open list asks for now and then: whether it is still the list."""
    given, asked = services(request), asked_of(request.query_params)
    since = request.query_params.get("since", "")
    drawn_ms = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
    question = issues_asked(asked, given.clock.now_ms())
    found = await given.issues.find(question)
    newer = msgspec.structs.replace(question, new_since_ms=drawn_ms, limit=1, offset=0)
    fresh = (await given.issues.find(newer)).total if drawn_ms else 0
    answer = ErrorsVersion(version_of(found.issues), fresh, found.total)
    return Response(
        msgspec.json.encode(answer),
        200,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


ADDRESSES: Addresses = (
    get("/errors", _errors, Access.READ),
    get("/errors/live", _live, Access.READ),
)
