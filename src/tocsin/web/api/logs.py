"""Where are log lines asked for? `/api/logs/…`, in the language that people type.

`from` and `to` are times as lines carry them, `now-15m`, or numbers since 1970; without them the
last hour. POST /api/logs is where lines come in, and belongs to somebody else.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.model.shown_line import ShownLine
from tocsin.query.logs.ast import Query
from tocsin.query.logs.parse import parse
from tocsin.query.logs.search import MOST_LINES, Span
from tocsin.query.logs.times import moment
from tocsin.web.api.log_json import (
    Around,
    Bars,
    Counted,
    Found,
    Names,
    answer,
    bars,
    names,
    shown,
)
from tocsin.web.api.log_stream import export, tail
from tocsin.web.identity import identity
from tocsin.web.lease import lease_of
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_HOUR_NS = 3_600_000_000_000
_LINES = 100
_VALUES = 20
_BARS = 120
_NICE = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)


def question(request: Request) -> Query:
    """The question in `q`; raises Rejected with the place of a mistake."""
    return parse(request.query_params.get("q", ""))


def span_of(request: Request) -> Span:
    """The range in `from` and `to`, the last hour by itself."""
    now_ns = services(request).clock.now_ms() * 1_000_000
    params = request.query_params
    end = moment(params["to"], now_ns) if params.get("to") else now_ns + 1
    start = moment(params["from"], now_ns) if params.get("from") else end - _HOUR_NS
    return Span(start, end)


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A count among the parameters, at most so large."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Rejected(f"{name} must be a number from 0 to {most:,}, not {text[:40]!r}")
    if int(text) > most:
        raise Rejected(f"{name} can be {most:,} at the most; ask for less or narrow the range")
    return int(text)


async def search(request: Request) -> Response:
    """Lines that answer a question, the newest first, or the oldest with `order=asc`."""
    query, span = question(request), span_of(request)
    limit = number_of(request, "limit", _LINES, MOST_LINES)
    offset = number_of(request, "offset", 0, 1_000_000)
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Rejected("order is asc (the oldest first) or desc")
    lines = await services(request).log_search.lines(
        query, span, limit, newest_first=order == "desc", offset=offset
    )
    return answer(Found([shown(line) for line in lines], span.start_ns, span.end_ns))


async def count(request: Request) -> Response:
    """How many lines there are."""
    found = await services(request).log_search.count(question(request), span_of(request))
    return answer(Counted(found))


async def histogram(request: Request) -> Response:
    """Lines by level and step; `step` in seconds, by itself such that there are some 100 bars."""
    query, span = question(request), span_of(request)
    step = number_of(request, "step", 0, 31_536_000) or step_for(span)
    buckets = await services(request).log_search.histogram(query, span, step)
    return answer(bars(step, buckets))


def step_for(span: Span) -> int:
    """Seconds of a round step, some hundred of which make the range."""
    wanted = (span.end_ns - span.start_ns) / 1e9 / _BARS
    return next((nice for nice in _NICE if nice >= wanted), int(wanted // 86_400 + 1) * 86_400)


async def values(request: Request) -> Response:
    """The most frequent values of `field`."""
    field = request.query_params.get("field", "")
    if not field:
        raise Rejected("name the field whose values are wanted: field=service")
    limit = number_of(request, "limit", _VALUES, 1000)
    found = await services(request).log_search.values(
        question(request), span_of(request), field, limit
    )
    return answer(names(found))


async def fields(request: Request) -> Response:
    """The names of the attributes that lines have, the most frequent first."""
    limit = number_of(request, "limit", 200, 1000)
    found = await services(request).log_search.fields(question(request), span_of(request), limit)
    return answer(names(found))


async def line(request: Request) -> Response:
    """One line with all that is known of it."""
    found = await services(request).log_search.line(request.path_params["id"])
    return answer(shown(found))


async def context(request: Request) -> Response:
    """A line, and what the same source said before and after it, `count` lines each."""
    each = number_of(request, "count", 20, 500)
    here = await services(request).log_search.line(request.path_params["id"])
    before, after = await services(request).log_search.around(here, each)
    return answer(Around([shown(one) for one in before], shown(here), [shown(o) for o in after]))


async def tailed(request: Request) -> Response:
    """Lines as they come, as Server-Sent Events `line`, `lost` (how many were missed),
    `caught_up`, and `ended` when the caller may not go on. With `since`, the lines from then on
    come first."""
    since = request.query_params.get("since", "")
    now_ns = services(request).clock.now_ms() * 1_000_000
    # A browser that connects again names the last line that it has.
    known = request.headers.get("last-event-id", "")
    last = known.partition("-")[0]
    start = int(last) if last.isascii() and last.isdigit() and len(last) < 20 else None
    if start is None and since:
        start = moment(since, now_ns)
    return tail(
        services(request),
        question(request),
        start,
        lease=lease_of(request),
        caller=identity(request).name,
        known=known,
    )


async def exported(request: Request) -> Response:
    """All lines that answer a question, as NDJSON or CSV, however many."""
    form = request.query_params.get("format", "ndjson")
    if form not in ("ndjson", "csv"):
        raise Rejected("format is ndjson or csv")
    limit = number_of(request, "limit", 0, 999_999_999)
    newest_first = request.query_params.get("order", "desc") != "asc"
    return await export(
        services(request).log_search,
        question(request),
        span_of(request),
        form,
        limit=limit,
        newest_first=newest_first,
    )


ADDRESSES: Addresses = (
    Address("/api/logs/search", search, Access.READ, answer=Found),
    Address("/api/logs/count", count, Access.READ, answer=Counted),
    Address("/api/logs/histogram", histogram, Access.READ, answer=Bars),
    Address("/api/logs/values", values, Access.READ, answer=Names),
    Address("/api/logs/fields", fields, Access.READ, answer=Names),
    Address("/api/logs/tail", tailed, Access.READ),
    Address("/api/logs/export", exported, Access.READ),
    Address("/api/logs/lines/{id}", line, Access.READ, answer=ShownLine),
    Address("/api/logs/lines/{id}/context", context, Access.READ, answer=Around),
)
