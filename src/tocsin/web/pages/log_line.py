"""One line: all that is known of it, and what its source said before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Line
from tocsin.web.pages.connect import address_of
from tocsin.web.pages.log_asked import part_of, with_part
from tocsin.web.pages.logs import Rows
from tocsin.web.pages.render import error_page, frame, html, page, respond
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

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
    view = LineView(
        line=line,
        text=known.text,
        fields=known.fields,
        url=known.url,
        typed=known.typed,
        template=known.template,
        before=before,
        after=after,
        wider=f"{request.url.path}?{wider}#here",
    )
    return page(request, "pages/log_line.html", view=view, rows=Rows((), (), ()))


ADDRESSES: Addresses = (
    get("/logs/line/{id}", _line, Access.READ),
    get("/logs/line/{id}/part", _part, Access.READ),
)
