"""One issue: what happened, since when, to whom, in which releases, and what was done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.errortracking.answers import ActEntry, PersonSeen, Print, ReleaseSeen, TagShown
from tocsin.errortracking.occurrences import By, Occurrences
from tocsin.kit.fault import Fault, NotFound
from tocsin.kit.markdown import to_html
from tocsin.model.errors import Issue
from tocsin.model.logs import level_name
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Span
from tocsin.web.identity import identity
from tocsin.web.pages.beside import read
from tocsin.web.pages.error_bars import Graph, graph_of
from tocsin.web.pages.error_event import EventView
from tocsin.web.pages.error_event import view_of as event_view
from tocsin.web.pages.error_rows import DAY_MS, Badge, badges_of, tone_of
from tocsin.web.pages.errors import known_people
from tocsin.web.pages.render import error_page, page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

OVERS: Mapping[str, tuple[int, int]] = {
    "24 h": (DAY_MS, 1_800_000),
    "7 d": (7 * DAY_MS, 3 * 3_600_000),
    "30 d": (30 * DAY_MS, DAY_MS // 2),
    "90 d": (90 * DAY_MS, DAY_MS),
}
"""How far back the graph goes, and the step of its bars, in ms."""
_VALUES = 4
_TONES = {"regressed": "critical", "first_seen": "warning", "resolve": "ok", "unignored": "warning"}
_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class TagValue:
    """How often a tag has a value."""

    name: str
    percent: int


@dataclass(frozen=True, slots=True)
class TagView:
    """A tag and its most frequent values; `more` counts the others that are known."""

    key: str
    times: int
    values: Sequence[TagValue]
    more: int


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the history; `html` is what somebody wrote, Markdown made harmless."""

    at_ms: int
    author: str
    words: str
    tone: str
    html: Markup | str


@dataclass(frozen=True, slots=True)
class IssueView:
    """The page. `event` is None when none is kept, and `event_problem` says why."""

    issue: Issue
    level: str
    tone: str
    badges: Sequence[Badge]
    version: str
    event: EventView | None
    event_problem: str
    of_trace: int
    """How many errors the event's trace has, with this one."""
    graph: Graph
    by: str
    over: str
    tags: Sequence[TagView]
    people: Sequence[PersonSeen]
    releases: Sequence[ReleaseSeen]
    prints: Sequence[Print]
    history: Sequence[Told]
    """The newest first."""
    known_people: Sequence[str]
    severities: Sequence[tuple[str, str]]
    alert_path: str
    problems: Sequence[str]
    """What could not be read of what stands beside the event."""
    overs: Sequence[str] = tuple(OVERS)

    @property
    def json_path(self) -> str:
        """The whole event, as a file."""
        event = self.event.event.event_id if self.event else ""
        return f"/errors/{self.issue.id}/events/{event}.json"

    def query(self, **changes: str) -> str:
        """This page with another graph."""
        asked = {"by": self.by, "over": self.over, **changes}
        if self.event:
            asked["event"] = self.event.event.event_id
        return f"/errors/{self.issue.id}?{urlencode(asked)}"


async def view_of(given: Services, issue: Issue, query: Mapping[str, str]) -> IssueView:
    """The page of an issue with the event that the address names, else with its latest."""
    book, now = given.issues, given.clock.now_ms()
    over = query.get("over", "")
    over = over if over in OVERS else _fitting(now - issue.first_seen_ms)
    by: By = "environment" if query.get("by") == "environment" else "release"
    problems: list[str] = []
    found, graph, tags, seen, releases, acts = await asyncio.gather(
        _event(given, issue.id, query.get("event") or "latest"),
        _graph(given, issue, (over, by), problems),
        read(book.tags(issue.id), problems, "The tags"),
        read(book.people(issue.id), problems, "The people"),
        read(book.releases(issue.id), problems, "The releases"),
        book.acts(issue.id),
    )
    event, event_problem = found
    trace = event.event.trace_id if event else ""
    of_trace = await read(book.of_trace(trace), problems, "The trace") if trace else None
    config = given.incidents.config
    return IssueView(
        issue=issue,
        level=level_name(issue.level),
        tone=tone_of(issue),
        badges=badges_of(issue, now),
        version=f"{issue.version}-{len(acts)}",
        event=event,
        event_problem=event_problem,
        of_trace=len(of_trace or ()),
        graph=graph,
        by=by,
        over=over,
        tags=[_tag(one) for one in tags or () if one.values],
        people=seen or (),
        releases=releases or (),
        prints=await _prints(given, issue),
        history=await asyncio.to_thread(_told, acts),
        known_people=await known_people(given),
        severities=[(name, config.level(name).name) for name in config.severities],
        alert_path=alert_path(issue),
        problems=problems,
    )


async def _prints(given: Services, issue: Issue) -> Sequence[Print]:
    """Its fingerprints, when there are several: only then can something be split off."""
    of = await given.issues.numbers(issue.id)
    return await given.issues.prints(issue.id) if len(of.numbers) > 1 else ()


async def _event(given: Services, issue_id: int, event_id: str) -> tuple[EventView | None, str]:
    try:
        shown = await given.issues.event(issue_id, event_id)
    except Fault as fault:
        return None, f"{str(fault)[:1].upper()}{str(fault)[1:]}."
    return await asyncio.to_thread(event_view, shown), ""


def _fitting(age_ms: int) -> str:
    """The shortest range that shows when it began."""
    return next((over for over, (span, _) in OVERS.items() if age_ms < span), "30 d")


async def _graph(
    given: Services, issue: Issue, asked: tuple[str, By], problems: list[str]
) -> Graph:
    over, by = asked
    span, step = OVERS[over]
    now = given.clock.now_ms()
    end = now - now % step + step
    start = end - span
    seen = Occurrences(given.store, given.errors.writer)
    counts = await read(
        seen.over_time(await given.issues.numbers(issue.id), (start, end, step), by),
        problems,
        "The graph",
    )
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    deploys = await read(patterns.deploys(Span(start * _NS, end * _NS)), problems, "Releases")
    marks = [
        (one.at_s, f"{one.service or 'a service'} {one.release}".strip()) for one in deploys or ()
    ]
    empty = {"": [0] * (span // step)}
    return graph_of(counts or empty, marks, start / 1000, step / 1000)


def _tag(tag: TagShown) -> TagView:
    whole = max(1, tag.times)
    return TagView(
        key=tag.key,
        times=tag.times,
        values=[
            TagValue(_named(tag.key, name), min(100, round(times / whole * 100)))
            for name, times in tag.values[:_VALUES]
        ],
        more=max(0, len(tag.values) - _VALUES),
    )


def _named(key: str, value: str) -> str:
    is_level = key == "level" and value.isascii() and value.isdigit() and len(value) < 4
    return level_name(int(value)) if is_level else value


def _told(acts: Sequence[ActEntry]) -> list[Told]:
    """The newest first; a comment is Markdown, all else is said in one line."""
    return [
        Told(
            at_ms=one.at_ms,
            author=one.author,
            words="" if one.kind == "comment" else one.text or one.kind.replace("_", " "),
            tone="info" if one.kind == "comment" else _TONES.get(one.kind, ""),
            html=Markup(to_html(one.text)) if one.kind == "comment" else "",
        )
        for one in reversed(acts)
    ]


def alert_path(issue: Issue) -> str:
    """The page that makes an alert of errors like these, its bound still to be chosen."""
    labels = [f'project="{_escaped(issue.project)}"']
    if issue.kind:
        labels.append(f'kind="{_escaped(issue.kind[:100])}"')
    expr = f"sum(increase(tocsin_error_events_total{{{', '.join(labels)}}}[5m]))"
    return f"/rules/new?{urlencode({'expr': expr, 'hold': '0s'})}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


async def _issue(request: Request) -> Response:
    given, number = services(request), int(request.path_params["id"])
    try:
        issue = await given.issues.get(number)
    except NotFound as fault:
        words = (
            f"{str(fault)[:1].upper()}{str(fault)[1:]}. It may have been deleted, or be too old."
        )
        return error_page(request, 404, "No such issue", words)
    if issue.id != number:
        return RedirectResponse(f"/errors/{issue.id}", 303)
    view = await view_of(given, issue, request.query_params)
    return page(request, "pages/error_issue.html", view=view, me=identity(request).name)


class IssueVersion(msgspec.Struct, frozen=True):
    """What an open page asks for now and then: another `version` means that somebody changed the
    issue; `times` is how many events it has by now."""

    version: str
    times: int


async def _live(request: Request) -> Response:
    given = services(request)
    issue = await given.issues.get(int(request.path_params["id"]))
    acts = await given.issues.acts(issue.id)
    answer = IssueVersion(f"{issue.version}-{len(acts)}", issue.times)
    return Response(
        msgspec.json.encode(answer),
        200,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


async def _json(request: Request) -> Response:
    """The event with all that is kept of it, as a file."""
    event_id = str(request.path_params["event"])
    shown = await services(request).issues.event(int(request.path_params["id"]), event_id)
    body = await asyncio.to_thread(_indented, shown)
    headers = {
        "Content-Disposition": f'attachment; filename="{shown.event.event_id}.json"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, 200, headers, media_type="application/json")


def _indented(shown: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(shown), indent=2)


ADDRESSES: Addresses = (
    get("/errors/{id:int}", _issue, Access.READ),
    get("/errors/{id:int}/live", _live, Access.READ),
    get("/errors/{id:int}/events/{event}.json", _json, Access.READ),
)
