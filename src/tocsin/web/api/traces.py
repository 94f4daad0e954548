"""Where are traces asked for? `/api/traces/…`, in the language that people type.

`from` and `to` are times as spans carry them, `now-15m`, or numbers since 1970; without them the
last hour. Durations are written `500ms` or `2s`.
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.model.shown_trace import ShownTrace, ShownTraces
from tocsin.query.logs.search import Span
from tocsin.query.traces.answers import MOST_TRACES, Order, TraceAsked
from tocsin.query.traces.fields import duration_ns, kind_of
from tocsin.web.api import trace_json
from tocsin.web.api.log_json import Names, answer
from tocsin.web.api.logs import number_of, span_of, step_for
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_TRACES = 20


def asked_in(request: Request, span: Span, *, limit: int = _TRACES) -> TraceAsked:
    """What the parameters ask for; raises Rejected for one that cannot be."""
    params = request.query_params
    order = params.get("order") or "newest"
    if order not in ("newest", "slowest"):
        raise Rejected("order is newest or slowest")
    status = params.get("status", "")
    if status not in ("", "error", "ok"):
        raise Rejected("status is error or ok (whatever did not fail)")
    kind = params.get("kind", "")
    return TraceAsked(
        from_ns=span.start_ns,
        until_ns=span.end_ns,
        service=params.get("service", ""),
        operation=params.get("operation", ""),
        environment=params.get("environment", ""),
        kind=kind_of(kind) if kind else None,
        min_duration_ns=_duration(params.get("min_duration", "")),
        max_duration_ns=_duration(params.get("max_duration", "")),
        is_error=status == "error" if status else None,
        question=params.get("q", ""),
        limit=limit,
        order=_order(order),
    )


def _order(word: str) -> Order:
    return "slowest" if word == "slowest" else "newest"


def _duration(text: str) -> int:
    return duration_ns(text) if text else 0


async def search(request: Request) -> Response:
    """Traces that answer a question, the newest first, or the slowest with `order=slowest`."""
    span = span_of(request)
    limit = number_of(request, "limit", _TRACES, MOST_TRACES)
    asked = asked_in(request, span, limit=max(limit, 1))
    found = await services(request).trace_search.find(asked)
    shown = [trace_json.shown_summary(one) for one in found]
    return answer(ShownTraces(shown, span.start_ns, span.end_ns))


async def trace(request: Request) -> Response:
    """One trace with all its spans; `download=1` makes a browser keep it as a file."""
    found = await services(request).trace_search.trace(request.path_params["id"])
    body = await asyncio.to_thread(lambda: msgspec.json.encode(trace_json.shown_trace(found)))
    headers = {}
    if request.query_params.get("download"):
        headers["Content-Disposition"] = f'attachment; filename="trace-{found.trace_id}.json"'
    return Response(body, headers=headers, media_type="application/json")


async def service_names(request: Request) -> Response:
    """Services with spans in the range."""
    span = span_of(request)
    found = await services(request).trace_search.services(span.start_ns, span.end_ns)
    return answer(trace_json.Services(found))


async def operations(request: Request) -> Response:
    """Names of spans, of one `service` or of all, and of one `kind`."""
    span, params = span_of(request), request.query_params
    found = await services(request).trace_search.operations(
        params.get("service", ""), params.get("kind", ""), span.start_ns, span.end_ns
    )
    return answer(trace_json.operations(found))


async def dependencies(request: Request) -> Response:
    """Who calls whom."""
    span = span_of(request)
    found = await services(request).trace_search.dependencies(span.start_ns, span.end_ns)
    shown = [trace_json.ShownDependency(*msgspec.structs.astuple(one)) for one in found]
    return answer(trace_json.Dependencies(shown))


async def rates(request: Request) -> Response:
    """Requests, failures and durations by service, or with `by=operation` by operation."""
    span, params = span_of(request), request.query_params
    by = params.get("by") or "service"
    if by not in ("service", "operation"):
        raise Rejected("by is service or operation")
    found = await services(request).trace_search.rates(
        span.start_ns,
        span.end_ns,
        service=params.get("service", ""),
        by_operation=by == "operation",
    )
    shown = [trace_json.ShownRate(**msgspec.structs.asdict(one)) for one in found]
    return answer(trace_json.Rates(shown))


async def over_time(request: Request) -> Response:
    """The same by step, in whole minutes: `step` in seconds."""
    span, params = span_of(request), request.query_params
    step = number_of(request, "step", 0, 31_536_000) or max(60, step_for(span))
    found = await services(request).trace_search.over_time(
        span.start_ns,
        span.end_ns,
        step,
        service=params.get("service", ""),
        operation=params.get("operation", ""),
    )
    shown = [
        trace_json.ShownPoint(
            one.start_s,
            one.service,
            one.requests,
            one.failures,
            one.p50_ns,
            one.p95_ns,
            one.p99_ns,
        )
        for one in found
    ]
    return answer(trace_json.Points(step, shown))


async def heat(request: Request) -> Response:
    """Spans that answer a question, by step and duration."""
    span = span_of(request)
    step = number_of(request, "step", 0, 31_536_000) or step_for(span)
    found = await services(request).trace_search.heat(asked_in(request, span), step)
    return answer(trace_json.cells(step, found))


async def fields(request: Request) -> Response:
    """The names of attributes; those of resources begin with `resource.`."""
    span = span_of(request)
    limit = number_of(request, "limit", 200, 1000)
    found = await services(request).trace_search.tags(span.start_ns, span.end_ns, limit)
    return answer(trace_json.values(found))


async def values(request: Request) -> Response:
    """The most frequent values of `field` among the spans that answer a question."""
    field = request.query_params.get("field", "")
    if not field:
        raise Rejected("name the field whose values are wanted: field=http.route")
    limit = number_of(request, "limit", 20, 1000)
    asked = asked_in(request, span_of(request))
    found = await services(request).trace_search.values(asked, field, limit)
    return answer(trace_json.values(found))


async def matches(request: Request) -> Response:
    """Ids of the spans of one trace that answer the question in `q`."""
    found = await services(request).trace_search.matching(
        request.path_params["id"], request.query_params.get("q", "")
    )
    return answer(trace_json.Matches(found))


ADDRESSES: Addresses = (
    Address("/api/traces/search", search, Access.READ, answer=ShownTraces),
    Address("/api/traces/services", service_names, Access.READ, answer=trace_json.Services),
    Address("/api/traces/operations", operations, Access.READ, answer=trace_json.Operations),
    Address("/api/traces/dependencies", dependencies, Access.READ, answer=trace_json.Dependencies),
    Address("/api/traces/rates", rates, Access.READ, answer=trace_json.Rates),
    Address("/api/traces/over-time", over_time, Access.READ, answer=trace_json.Points),
    Address("/api/traces/heat", heat, Access.READ, answer=trace_json.Cells),
    Address("/api/traces/fields", fields, Access.READ, answer=Names),
    Address("/api/traces/values", values, Access.READ, answer=Names),
    Address("/api/traces/{id}/matches", matches, Access.READ, answer=trace_json.Matches),
    Address("/api/traces/{id}", trace, Access.READ, answer=ShownTrace),
)
