"""One line: all that is known of it, and what its source said before and after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound
from tocsin.model.trace_ids import is_span, is_trace, plain_span, plain_trace
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Line
from tocsin.web.pages.connect import address_of
from tocsin.web.pages.log_asked import part_of, with_part
from tocsin.web.pages.logs import Rows
from tocsin.web.pages.render import error_page, frame, html, page, respond
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_OF_EXCEPTIONS = (
    *("exception.type", "exception.message", "exception.stacktrace", "stack", "stack_trace"),
    *("error.stack", "error.stack_trace", "err.stack", "err.type", "exc_info", "exception"),
)
_TRACE_OF_CALLS = re.compile(
    r"^Traceback \(most recent call last\)|^\s+at \S.*[(:]|^goroutine \d+ \[", re.MULTILINE
)
_NEAR_MS = 300_000
_AROUND = 20
_MOST_AROUND = 500
_SHOWN_CHARACTERS = 200_000
_COLUMNS = (
    "service",
    "severity",
    "host",
    "environment",
    "source",
    "trace_id",
    "span_id",
    "user_id",
)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of the line, and the questions that it leads to."""

    name: str
    value: str
    with_: str
    without: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A line and its surroundings; `url` is where it is shown to others."""

    line: Line
    text: str
    fields: Sequence[FieldRow]
    url: str
    typed: str
    elsewhere: Sequence[tuple[str, str]] = ()
    template: str = ""
    before: Sequence[Line] = ()
    after: Sequence[Line] = ()
    wider: str = ""


def field_rows(line: Line, typed: str) -> list[FieldRow]:
    """What is known of a line, its own columns first."""
    own = [(name, str(getattr(line, name))) for name in _COLUMNS]
    pairs = [*own, *sorted(line.attributes.items())]
    return [
        FieldRow(
            name,
            value,
            with_part(typed, part_of(name, value)),
            with_part(typed, part_of(name, value, without=True)),
        )
        for name, value in pairs
        if value
    ]


def elsewhere(line: Line) -> list[tuple[str, str]]:
    """What else is known of what a line tells about, and where that is shown."""
    found: list[tuple[str, str]] = []
    trace, span = plain_trace(line.trace_id), plain_span(line.span_id)
    if is_trace(trace):
        at = f"?{urlencode({'span': span})}" if is_span(span) else ""
        found.append(("Trace", f"/traces/{trace}{at}"))
    if tells_of_an_error(line):
        found.append(("Error", f"/errors?{urlencode({'line': line.id})}"))
    start, end = line.ts_ns // 10**6 - _NEAR_MS, line.ts_ns // 10**6 + _NEAR_MS
    near = {"from": start, "to": end}
    if line.host:
        question = part_of("host", line.host)
        found.append((f"{line.host} then", f"/logs?{urlencode({'q': question, **near})}"))
    if line.service:
        found.append((f"Alerts of {line.service}", f"/alerts?{urlencode({'q': line.service})}"))
        asked = {"a": f"ALERTS{{service={msgspec.json.encode(line.service).decode()}}}", **near}
        found.append(("Its alerts then", f"/explore?{urlencode(asked)}"))
    return found


def tells_of_an_error(line: Line) -> bool:
    """Whether it carries an exception, of which an issue of the errors may have been made."""
    if any(name in line.attributes for name in _OF_EXCEPTIONS):
        return True
    return _TRACE_OF_CALLS.search(line.body) is not None


async def _known(given: Services, request: Request, line: Line) -> LineView:
    typed = request.query_params.get("q", "")
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    names = await patterns.named([line.pattern])
    text = line.body if len(line.body) <= _SHOWN_CHARACTERS else f"{line.body[:_SHOWN_CHARACTERS]}…"
    return LineView(
        line=line,
        text=text,
        fields=field_rows(line, typed),
        url=f"{address_of(request)}/logs/line/{line.id}",
        typed=typed,
        elsewhere=elsewhere(line),
        template=names[line.pattern].template if line.pattern in names else "",
    )


async def _part(request: Request) -> Response:
    """What an opened row of the list shows."""
    given = services(request)
    line = await given.log_search.line(request.path_params["id"])
    view = await _known(given, request, line)
    return respond(html("parts/log_line.html", frame(request), view=view))


async def _line(request: Request) -> Response:
    given = services(request)
    try:
        line = await given.log_search.line(request.path_params["id"])
    except NotFound as fault:
        return error_page(request, 404, "No such line", f"{fault}.")
    wanted = request.query_params.get("around", "")
    count = min(int(wanted), _MOST_AROUND) if wanted.isascii() and wanted.isdigit() else _AROUND
    before, after = await given.log_search.around(line, count)
    known = await _known(given, request, line)
    wider = urlencode({"around": min(count * 5, _MOST_AROUND)})
    view = replace(known, before=before, after=after, wider=f"{request.url.path}?{wider}#here")
    return page(request, "pages/log_line.html", view=view, rows=Rows((), (), ()))


ADDRESSES: Addresses = (
    get("/logs/line/{id}", _line, Access.READ),
    get("/logs/line/{id}/part", _part, Access.READ),
)
