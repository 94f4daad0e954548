"""One trace: its spans as a waterfall, what each of them is, and what was said meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.logs import level_name
from tocsin.model.spans import Span as TraceSpan
from tocsin.model.spans import SpanEvent
from tocsin.query.logs.ast import Compare, Field
from tocsin.query.logs.search import Line, Span
from tocsin.query.traces.answers import Rate, Trace
from tocsin.query.traces.fields import trace_id_of
from tocsin.query.traces.tree import Node, tree
from tocsin.web.pages.beside import read
from tocsin.web.pages.connect import address_of
from tocsin.web.pages.log_asked import part_of
from tocsin.web.pages.logs import TONES
from tocsin.web.pages.render import error_page, frame, html, page, respond
from tocsin.web.pages.trace_filters import COLOURS, colours_of
from tocsin.web.pages.trace_story import Share, cause_of, rows_of, shares_of
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_FIRST_ROWS = 60
"""Spans that are there before script is, and without it."""
_HOUR_NS = 3_600_000_000_000
_MINUTE_NS = 60_000_000_000
_LINES = 200
_STACK, _TYPE, _MESSAGE = "exception.stacktrace", "exception.type", "exception.message"


@dataclass(frozen=True, slots=True)
class Told:
    """A log line beside a trace: `after_ns` is how long after the trace began it was said."""

    line: Line
    after_ns: int

    @property
    def level(self) -> str:
        """The level's word."""
        return level_name(self.line.level)

    @property
    def tone(self) -> str:
        """The level's look."""
        return TONES[self.level]


@dataclass(frozen=True, slots=True)
class TraceView:
    """The page."""

    trace: Trace
    nodes: Sequence[Node]
    colours: Mapping[str, int]
    shares: Sequence[Share]
    cause: Node | None
    span_id: str
    url: str

    @property
    def critical_ns(self) -> int:
        """How long the critical path is."""
        return sum(one.critical_ns for one in self.shares) or 1

    @property
    def has_exceptions(self) -> bool:
        """Whether any span carries an exception."""
        return any(event.name == "exception" for span in self.trace.spans for event in span.events)

    @property
    def around(self) -> dict[str, int]:
        """A range of time around the trace, for the pages of logs and metrics, milliseconds."""
        began, ended = self.trace.began_ns, self.trace.began_ns + self.trace.duration_ns
        return {
            "from": (began - 5 * _MINUTE_NS) // 1_000_000,
            "to": (ended + 5 * _MINUTE_NS) // 1_000_000,
        }


@dataclass(frozen=True, slots=True)
class Thrown:
    """An exception that a span carries."""

    kind: str
    message: str
    stack: str
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Pair:
    """An attribute, and the questions that it leads to."""

    name: str
    value: str
    with_: str
    without: str


@dataclass(frozen=True, slots=True)
class SpanView:
    """All that is known of a span. `usual` is how its operation did in the hour around it."""

    trace: Trace
    node: Node
    colours: Mapping[str, int]
    attributes: Sequence[Pair]
    resource: Sequence[Pair]
    exceptions: Sequence[Thrown]
    events: Sequence[SpanEvent]
    told: Sequence[Told]
    usual: Rate | None
    url: str
    problems: Sequence[str]
    """What could not be read of what stands beside the span."""


async def _colours(given: Services, trace: Trace) -> dict[str, int]:
    """As on the list of traces of that time: a service keeps its colour."""
    began = trace.began_ns
    until = began + trace.duration_ns + 1
    names = await read(given.trace_search.services(began - _HOUR_NS, until), [], "The services")
    every = {*(names or ()), *trace.services}
    # Of more than there are colours some look the same: not those that stand side by side.
    return colours_of(every if len(every) <= COLOURS else trace.services)


async def _trace(request: Request) -> Response:
    given, wanted = services(request), request.path_params["id"]
    try:
        trace_id = trace_id_of(wanted)
        if trace_id != wanted:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/traces/{trace_id}{query}", 303)
        trace = await given.trace_search.trace(trace_id)
    except NotFound as fault:
        words = f"{str(fault)[:1].upper()}{str(fault)[1:]}. A trace that has only just ended may"
        return error_page(request, 404, "No such trace", f"{words} still be on its way.")
    except Rejected as fault:
        return error_page(request, 404, "No such trace", f"{fault}.")
    nodes = await asyncio.to_thread(tree, trace.spans)
    selected = _selected(nodes, request.query_params.get("span", ""))
    cause = cause_of(nodes)
    first = cause or nodes[0]
    view = TraceView(
        trace=trace,
        nodes=nodes[:_FIRST_ROWS],
        colours=await _colours(given, trace),
        shares=shares_of(nodes),
        cause=cause,
        span_id=(selected or first).span.span_id,
        url=f"{address_of(request)}/traces/{trace_id}",
    )
    span_view = await _span_view(request, trace, selected or first)
    detail = Markup(html("parts/trace_span.html", frame(request), view=span_view))
    return page(request, "pages/trace.html", view=view, detail=detail)


def _selected(nodes: Sequence[Node], span_id: str) -> Node | None:
    return next((node for node in nodes if node.span.span_id == span_id), None)


async def _rows(request: Request) -> Response:
    """The spans as the waterfall draws them."""
    given = services(request)
    trace = await given.trace_search.trace(request.path_params["id"])
    colours = await _colours(given, trace)

    def encoded() -> bytes:
        rows = rows_of(tree(trace.spans), trace, colours)
        return msgspec.json.encode({"duration_ns": trace.duration_ns, "rows": rows})

    return Response(await asyncio.to_thread(encoded), media_type="application/json")


async def _span(request: Request) -> Response:
    """What the waterfall shows beside itself of a chosen span."""
    given = services(request)
    trace = await given.trace_search.trace(request.path_params["id"])
    nodes = await asyncio.to_thread(tree, trace.spans)
    node = _selected(nodes, request.path_params["span_id"])
    if node is None:
        raise NotFound(f"the trace has no span {request.path_params['span_id'][:32]}")
    view = await _span_view(request, trace, node)
    return respond(html("parts/trace_span.html", frame(request), view=view))


async def _span_view(request: Request, trace: Trace, node: Node) -> SpanView:
    given, span = services(request), node.span
    problems: list[str] = []
    usual, told, colours = await asyncio.gather(
        read(_usual(given, span), problems, "What is usual"),
        read(_told(given, trace, span.span_id, 20), problems, "Its log lines"),
        _colours(given, trace),
    )
    return SpanView(
        trace=trace,
        node=node,
        colours=colours,
        attributes=_pairs(span.attributes, ""),
        resource=_pairs(span.resource, "resource."),
        exceptions=[_exception(one) for one in span.events if one.name == "exception"],
        events=[one for one in span.events if one.name != "exception"],
        told=told or (),
        usual=usual,
        problems=problems,
        url=f"{address_of(request)}/traces/{trace.trace_id}?span={span.span_id}",
    )


async def _usual(given: Services, span: TraceSpan) -> Rate | None:
    """How the operation did in the hour around."""
    half = _HOUR_NS // 2
    found = await given.trace_search.rates(
        span.ts_ns - half, span.ts_ns + half, service=span.service, by_operation=True
    )
    return next((one for one in found if one.name == span.name), None)


async def _told(given: Services, trace: Trace, span_id: str, limit: int) -> list[Told]:
    """What was said in the trace, or in one span of it, the first first."""
    began, ended = trace.began_ns, trace.began_ns + trace.duration_ns
    span = Span(began - 10 * _MINUTE_NS, ended + 10 * _MINUTE_NS)
    name, value = ("span_id", span_id) if span_id else ("trace_id", trace.trace_id)
    lines = await given.log_search.lines(
        Field(name, Compare.EXACT, value), span, limit, newest_first=False
    )
    return [Told(line, line.ts_ns - began) for line in lines]


def _pairs(given: Mapping[str, str], prefix: str) -> list[Pair]:
    return [
        Pair(
            name,
            value,
            part_of(f"{prefix}{name}", value),
            part_of(f"{prefix}{name}", value, without=True),
        )
        for name, value in sorted(given.items())
    ]


def _exception(event: SpanEvent) -> Thrown:
    given = event.attributes
    return Thrown(
        given.get(_TYPE, "exception"), given.get(_MESSAGE, ""), given.get(_STACK, ""), event.ts_ns
    )


async def _logs(request: Request) -> Response:
    """What was said meanwhile, by all services."""
    given = services(request)
    try:
        trace = await given.trace_search.trace(request.path_params["id"])
        told, problem = await _told(given, trace, "", _LINES), ""
    except Fault as fault:
        told, problem = [], str(fault)
    where = urlencode({"q": f"trace_id:{request.path_params['id']}"})
    return respond(
        html(
            "parts/trace_logs.html",
            frame(request),
            told=told,
            problem=problem,
            where=where,
            limit=_LINES,
        )
    )


ADDRESSES: Addresses = (
    get("/traces/{id}", _trace, Access.READ),
    get("/traces/{id}/rows", _rows, Access.READ),
    get("/traces/{id}/logs", _logs, Access.READ),
    get("/traces/{id}/span/{span_id}", _span, Access.READ),
)
