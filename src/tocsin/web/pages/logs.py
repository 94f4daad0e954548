"""Lines of logs: found, drawn over time, listed without end, and seen as they come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.logs import level_name
from tocsin.query.logs.patterns import LogPatterns, ServiceSeen
from tocsin.query.logs.search import Line, Span, Value
from tocsin.web.api.logs import step_for
from tocsin.web.pages.connect import PLACEHOLDER, Snippet, address_of
from tocsin.web.pages.log_asked import (
    VIEWS,
    Asked,
    SavedView,
    asked_of,
    marked,
    part_of,
    span_of,
    value_of,
    with_part,
    words_of,
)
from tocsin.web.pages.log_bars import Bar, bars_of
from tocsin.web.pages.log_snippets import log_snippets
from tocsin.web.pages.render import frame, html, page, respond
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

PAGE_LINES = 200
TONES = {
    "fatal": "critical",
    "error": "critical",
    "warn": "warning",
    "info": "info",
    "debug": "silenced",
    "trace": "silenced",
    "unknown": "unknown",
}
"""How each level looks."""

_FACETS = ("level", "service", "environment", "host", "source")
_ATTRIBUTES_SHOWN = 30
_VALUES_SHOWN = 10
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of lines. `cursor` is where the next one begins, empty at the end."""

    lines: Sequence[Line]
    words: Sequence[str]
    columns: Sequence[str]
    cursor: str = ""

    def level(self, line: Line) -> str:
        """The level's word."""
        return level_name(line.level)

    def tone(self, line: Line) -> str:
        """The level's look."""
        return TONES[level_name(line.level)]

    def text(self, line: Line) -> str:
        """What the line says, the words that are looked for marked."""
        return marked(line.body[:2_000] or line.original[:2_000], self.words)

    def column(self, line: Line, name: str) -> str:
        """A further column."""
        return value_of(line, name)[:200]


@dataclass(frozen=True, slots=True)
class LogsView:
    """The page. `seen` is which services said anything lately, when nothing was found."""

    asked: Asked
    rows: Rows
    views: Sequence[SavedView]
    bars: Sequence[Bar] = ()
    step_s: int = 60
    lines: int = 0
    levels: Sequence[tuple[str, str, int]] = ()
    group: Sequence[tuple[str, int, str]] = ()
    seen: Sequence[ServiceSeen] = ()
    snippets: Sequence[Snippet] = ()
    failed: str = ""
    words: Sequence[str] = field(default_factory=tuple)


def cursor_of(lines: Sequence[Line], before: str) -> str:
    """Behind these lines: the time of the last, and how many of that time were shown."""
    last = lines[-1].ts_ns
    same = sum(line.ts_ns == last for line in lines)
    found = _CURSOR.fullmatch(before)
    if found and int(found[1]) == last:
        same += int(found[2])
    return f"{last}.{same}"


async def rows_of(given: Services, asked: Asked, span: Span, before: str) -> Rows:
    """The page of lines behind a cursor, or the first."""
    offset = 0
    if found := _CURSOR.fullmatch(before):
        at, offset = int(found[1]), int(found[2])
        if asked.oldest_first:
            span = Span(max(span.start_ns, at), max(span.end_ns, at + 1))
        else:
            span = Span(min(span.start_ns, at), min(span.end_ns, at + 1))
    lines = await given.log_search.lines(
        asked.query, span, PAGE_LINES, newest_first=not asked.oldest_first, offset=offset
    )
    cursor = cursor_of(lines, before) if len(lines) == PAGE_LINES else ""
    return Rows(lines, words_of(asked.query), asked.columns, cursor)


async def _logs(request: Request) -> Response:
    given = services(request)
    asked = await asked_of(given, request)
    span = span_of(frame(request).time)
    views = await given.settings.get(VIEWS, list[SavedView], [])
    nothing = Rows((), (), asked.columns)
    if asked.problem:
        return page(request, "pages/logs.html", view=LogsView(asked, nothing, views))
    try:
        view = await _view(request, given, asked, span, views)
    except (Rejected, Temporary) as fault:
        view = LogsView(asked, nothing, views, failed=str(fault))
    return page(request, "pages/logs.html", view=view)


async def _view(
    request: Request, given: Services, asked: Asked, span: Span, views: Sequence[SavedView]
) -> LogsView:
    step = step_for(span)
    group = request.query_params.get("group", "")
    rows, buckets, values = await asyncio.gather(
        rows_of(given, asked, span, request.query_params.get("before", "")),
        given.log_search.histogram(asked.query, span, step),
        _group(given, asked, span, group),
    )
    drawn = bars_of(buckets, span, step)
    totals: dict[str, int] = {}
    for bucket in buckets:
        name = level_name(bucket.level)
        totals[name] = totals.get(name, 0) + bucket.lines
    seen: Sequence[ServiceSeen] = ()
    if not rows.lines:
        seen = await LogPatterns(given.store, given.log_writer, given.clock).services()
    return LogsView(
        asked=asked,
        rows=rows,
        views=views,
        bars=drawn,
        step_s=step,
        lines=sum(totals.values()),
        levels=[(name, TONES[name], totals[name]) for name in TONES if name in totals],
        group=values,
        seen=seen,
        snippets=() if seen else log_snippets(address_of(request), PLACEHOLDER),
        words=rows.words,
    )


async def _group(
    given: Services, asked: Asked, span: Span, name: str
) -> list[tuple[str, int, str]]:
    """The values of the field that lines are grouped by, and a question for each."""
    if not name:
        return []
    found = await given.log_search.values(asked.query, span, name, 50)
    return [_facet(asked, name, one) for one in found]


def _facet(asked: Asked, name: str, one: Value) -> tuple[str, int, str]:
    shown = one.value
    if name == "level":
        shown = level_name(int(one.value)) if one.value.isdecimal() else one.value
    return shown, one.lines, with_part(asked.typed, part_of(name, shown))


async def _rows(request: Request) -> Response:
    """The next page of lines, as a part of the list."""
    given = services(request)
    asked = await asked_of(given, request)
    if asked.problem:
        raise Rejected(asked.problem)
    own = frame(request)
    rows = await rows_of(given, asked, span_of(own.time), request.query_params.get("before", ""))
    return respond(html("parts/log_rows.html", own, rows=rows, asked=asked))


async def _facets(request: Request) -> Response:
    """Which fields the lines have; with `field`, its most frequent values."""
    given = services(request)
    asked = await asked_of(given, request)
    if asked.problem:
        raise Rejected(asked.problem)
    own = frame(request)
    span = span_of(own.time)
    name = request.query_params.get("field", "")
    if name:
        found = await given.log_search.values(asked.query, span, name, _VALUES_SHOWN)
        values = [
            (*_facet(asked, name, one), with_part(asked.typed, _without(name, one)))
            for one in found
        ]
        return respond(html("parts/log_values.html", own, name=name, values=values))
    attributes = await given.log_search.fields(asked.query, span, _ATTRIBUTES_SHOWN)
    names = list(dict.fromkeys([*_FACETS, *(one.value for one in attributes)]))
    return respond(html("parts/log_facets.html", own, names=names, asked=asked))


def _without(name: str, one: Value) -> str:
    value = one.value
    if name == "level" and value.isdecimal():
        value = level_name(int(value))
    return part_of(name, value, without=True)


ADDRESSES: Addresses = (
    get("/logs", _logs, Access.READ),
    get("/logs/rows", _rows, Access.READ),
    get("/logs/facets", _facets, Access.READ),
)
