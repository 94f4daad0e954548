"""`/jaeger/api/…`: what Jaeger's page and Grafana's Jaeger data source ask.

https://www.jaegertracing.io/docs/latest/apis/#internal-http-json
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.query.traces.answers import Trace, TraceAsked
from tocsin.query.traces.go_duration import go_duration_ns
from tocsin.query.traces.search import TraceSearch
from tocsin.web.api.jaeger_json import Json, trace_json
from tocsin.web.body import answering
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_HOUR_NS = 3_600_000_000_000
_DAY_NS = 24 * _HOUR_NS
_LOOKBACK_NS = 48 * _HOUR_NS
_LIMIT, _MOST = 20, 200
_MOST_IDS = 100


def _answer(data: object, total: int = 0) -> Response:
    content = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": None}
    return Response(msgspec.json.encode(content), media_type="application/json")


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    error: Json = {"code": status, "msg": str(fault)}
    if trace_id := request.path_params.get("trace_id"):
        error["traceID"] = trace_id
    content = {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [error]}
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _services(request: Request) -> Response:
    """Names of services that sent spans."""
    found = await _search(request).services(*_kept(request))
    return _answer(found, len(found))


async def _operations(request: Request) -> Response:
    """Names of a service's spans with their kinds."""
    service = request.query_params.get("service", "")
    if not service:
        raise Rejected("parameter 'service' is required")
    kind = request.query_params.get("spanKind", "")
    found = await _search(request).operations(service, kind, *_kept(request))
    told = [{"name": one.name, "spanKind": one.kind} for one in found]
    return _answer(told, len(told))


async def _operations_of(request: Request) -> Response:
    """Names of a service's spans."""
    service = str(request.path_params["service"])
    found = await _search(request).operations(service, "", *_kept(request))
    names = list(dict.fromkeys(one.name for one in found))
    return _answer(names, len(names))


async def _traces(request: Request) -> Response:
    """Whole traces, by their ids or by what one of their spans is."""
    ids = request.query_params.getlist("traceID")
    search = _search(request)
    if ids:
        if len(ids) > _MOST_IDS:
            raise Rejected(f"at most {_MOST_IDS} traces are answered at once")
        found = await search.traces(ids)
    else:
        summaries = await search.find(_asked(request))
        found = await search.traces([one.trace_id for one in summaries])
    return await _told(found, _missing(ids, found) or None)


def _missing(ids: Sequence[str], found: Sequence[Trace]) -> list[Json]:
    known = {one.trace_id for one in found}
    return [
        {"code": 404, "msg": "trace not found", "traceID": one}
        for one in ids
        if one.lower().zfill(32) not in known
    ]


async def _trace(request: Request) -> Response:
    """One trace."""
    try:
        trace = await _search(request).trace(str(request.path_params["trace_id"]))
    except NotFound as error:
        raise NotFound("trace not found") from error
    return await _told([trace])


async def _dependencies(request: Request) -> Response:
    """Which services call which, and how often."""
    params = request.query_params
    until = _number(request, "endTs") * 1_000_000 or _search(request).now_ns()
    lookback = _number(request, "lookback") * 1_000_000 or _DAY_NS
    if "endTs" not in params:
        raise Rejected("parameter 'endTs' is required: milliseconds since the epoch")
    found = await _search(request).dependencies(until - lookback, until)
    told = [
        {"parent": one.parent, "child": one.child, "callCount": one.calls}
        for one in found
        if one.parent != one.child
    ]
    return _answer(told, len(told))


def _asked(request: Request) -> TraceAsked:
    params = request.query_params
    service = params.get("service", "")
    if not service:
        raise Rejected("parameter 'service' is required")
    until = _number(request, "end") * 1000 or _search(request).now_ns() + 1
    begin = _number(request, "start") * 1000 or until - _lookback(params.get("lookback", ""))
    limit = _number(request, "limit") or _LIMIT
    if limit > _MOST:
        raise Rejected(f"'limit' can be {_MOST} at the most: the traces are answered whole")
    return TraceAsked(
        from_ns=begin,
        until_ns=until,
        service=service,
        operation=params.get("operation", ""),
        min_duration_ns=go_duration_ns(params.get("minDuration") or "0"),
        max_duration_ns=go_duration_ns(params.get("maxDuration") or "0"),
        tags=_tags(request),
        limit=limit,
    )


def _lookback(text: str) -> int:
    """Jaeger's page says `2d` or `custom` beside the times."""
    if text.endswith("d") and text[:-1].isdecimal() and len(text) < 6:
        return int(text[:-1]) * _DAY_NS
    return _LOOKBACK_NS if text in ("", "custom") else go_duration_ns(text)


def _tags(request: Request) -> dict[str, str]:
    params = request.query_params
    found: dict[str, str] = {}
    for one in params.getlist("tag"):
        name, colon, value = one.partition(":")
        if not colon:
            raise Rejected(f"malformed 'tag' parameter, expecting key:value, received: {one[:80]}")
        found[name] = value
    for text in params.getlist("tags"):
        try:
            found.update(msgspec.json.decode(text, type=dict[str, str], strict=False))
        except msgspec.DecodeError as error:
            raise Rejected(f"malformed 'tags' parameter, expecting a map: {error}") from error
    return found


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if text and not (text.isdecimal() and text.isascii() and len(text) <= 18):
        raise Rejected(f"unable to parse param '{name}': {text[:40]!r} is no whole number")
    return int(text or 0)


def _kept(request: Request) -> tuple[int, int]:
    """The whole range in which there can be spans."""
    until = _search(request).now_ns() + _HOUR_NS
    days = services(request).retention.config.traces_days + 1
    return max(0, until - days * _DAY_NS), until


async def _told(traces: Sequence[Trace], errors: Sequence[Json] | None = None) -> Response:
    """Whole traces, made and written in a thread: they can have 20,000 spans each."""

    def written() -> bytes:
        data = [trace_json(one) for one in traces]
        content = {"data": data, "total": 0, "limit": 0, "offset": 0, "errors": errors}
        return msgspec.json.encode(content)

    return Response(await asyncio.to_thread(written), media_type="application/json")


def _search(request: Request) -> TraceSearch:
    return services(request).trace_search


ADDRESSES: Addresses = (
    get("/jaeger/api/services", answering(_services, _refuse), Access.READ),
    get("/jaeger/api/operations", answering(_operations, _refuse), Access.READ),
    get(
        "/jaeger/api/services/{service:path}/operations",
        answering(_operations_of, _refuse),
        Access.READ,
    ),
    get("/jaeger/api/traces", answering(_traces, _refuse), Access.READ),
    get("/jaeger/api/traces/{trace_id}", answering(_trace, _refuse), Access.READ),
    get("/jaeger/api/dependencies", answering(_dependencies, _refuse), Access.READ),
)
