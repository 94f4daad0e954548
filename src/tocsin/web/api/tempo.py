"""`/tempo/api/…`: what Grafana's Tempo data source asks.

https://grafana.com/docs/tempo/latest/api_docs/
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.query.logs.ast import All, Compare, Everything, Field, Query, Wildcard
from tocsin.query.traces.answers import Trace, TraceAsked, TraceSummary, ValueCount
from tocsin.query.traces.go_duration import go_duration_ns
from tocsin.query.traces.search import TraceSearch
from tocsin.query.traces.traceql import parse
from tocsin.web.api.otlp_trace import as_json, traces_data
from tocsin.web.api.span_values import typed
from tocsin.web.body import answering
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_PROTOBUF = "application/protobuf"
_HOUR_NS = 3_600_000_000_000
_LIMIT, _MOST = 20, 1_000
_MOST_TAGS, _MOST_VALUES = 1_000, 1_000
_INTRINSICS = {
    "duration": "duration",
    "kind": "kind",
    "name": "name",
    "status": "status",
    "statusMessage": "status_message",
}
_OF_RESOURCE = "resource."
_WORDS = {
    "status": ("error", "ok", "unset"),
    "kind": ("unspecified", "internal", "server", "client", "producer", "consumer"),
}


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


async def _echo(request: Request) -> Response:
    """Grafana asks whether somebody is there."""
    return PlainTextResponse("echo")


async def _build(request: Request) -> Response:
    """Grafana asks for the version, to know which parts of the API there are."""
    version = services(request).config.version
    return JSONResponse({"version": version, "revision": "", "branch": "", "goVersion": ""})


async def _trace(request: Request) -> Response:
    """One trace: protobuf for who accepts that, else JSON."""
    trace = await _found(request)
    if _wants_protobuf(request):
        body = await asyncio.to_thread(lambda: traces_data(trace).SerializeToString())
        return Response(body, media_type=_PROTOBUF)
    return await _written(lambda: {"batches": as_json(traces_data(trace)).get("resourceSpans", [])})


async def _trace_v2(request: Request) -> Response:
    """The same within a message that says whether it is the whole trace."""
    trace = await _found(request)
    message = _cut(trace)
    if _wants_protobuf(request):
        body = await asyncio.to_thread(lambda: traces_data(trace).SerializeToString())
        return Response(_response_v2(body, message), media_type=_PROTOBUF)
    partial = {"status": "PARTIAL", "message": message} if message else {}
    return await _written(lambda: {"trace": as_json(traces_data(trace)), "metrics": {}, **partial})


async def _written(make: Callable[[], dict[str, object]]) -> Response:
    """JSON that is made and written in a thread: a trace can have 20,000 spans."""
    body = await asyncio.to_thread(lambda: msgspec.json.encode(make()))
    return Response(body, media_type="application/json")


async def _search(request: Request) -> Response:
    """Traces with a span that is as asked: in TraceQL (`q`), or by `tags` and durations."""
    params = request.query_params
    limit = _number(request, "limit") or _LIMIT
    from_ns, until_ns = _range(request)
    asked = TraceAsked(
        from_ns=from_ns,
        until_ns=until_ns,
        min_duration_ns=go_duration_ns(params.get("minDuration") or "0"),
        max_duration_ns=go_duration_ns(params.get("maxDuration") or "0"),
        query=_query(request),
        limit=min(limit, _MOST),
    )
    found = await _searched(request).find(asked)
    return JSONResponse({"traces": [_summary(one) for one in found], "metrics": {}})


async def _tags(request: Request) -> Response:
    """Names of attributes."""
    names = await _names(request)
    scope = request.query_params.get("scope", "")
    chosen = names.get(scope, []) if scope else sorted({*names["resource"], *names["span"]})
    return JSONResponse({"tagNames": chosen, "metrics": {}})


async def _tags_v2(request: Request) -> Response:
    """Names of attributes, by what they belong to."""
    names = await _names(request)
    scope = request.query_params.get("scope", "")
    scopes = [
        {"name": name, "tags": tags}
        for name, tags in names.items()
        if scope in ("", "all", "none", name)
    ]
    return JSONResponse({"scopes": scopes, "metrics": {}})


async def _values(request: Request) -> Response:
    """The most frequent values of an attribute, named without what it belongs to."""
    tag = str(request.path_params["tag"])
    found = await _frequent(request, _INTRINSICS.get(tag, tag))
    return JSONResponse({"tagValues": [one.value for one in found], "metrics": {}})


async def _values_v2(request: Request) -> Response:
    """The same with types, of an attribute as TraceQL names it: `resource.service.name`."""
    tag = str(request.path_params["tag"])
    field = _INTRINSICS.get(tag, tag)
    if field in _WORDS:
        values = [{"type": "keyword", "value": word} for word in _WORDS[field]]
    elif field == "duration":
        values = []
    else:
        values = [_typed_value(one) for one in await _frequent(request, field)]
    return JSONResponse({"tagValues": values, "metrics": {}})


async def _refused(request: Request) -> Response:
    """Metrics of TraceQL are PromQL here."""
    raise Rejected(
        "TraceQL's metrics are not computed here; ask for traces_spanmetrics_… in PromQL"
        " (Grafana: turn off the data source's TraceQL metrics)"
    )


async def _found(request: Request) -> Trace:
    try:
        return await _searched(request).trace(str(request.path_params["trace_id"]))
    except NotFound as error:
        raise NotFound(f"trace not found: {error}") from error


def _wants_protobuf(request: Request) -> bool:
    return _PROTOBUF in request.headers.get("accept", "")


def _cut(trace: Trace) -> str:
    if not trace.is_cut:
        return ""
    return f"the trace has {trace.total:,} spans, of which {len(trace.spans):,} are here"


def _response_v2(trace: bytes, message: str) -> bytes:
    """Tempo's TraceByIDResponse: the trace is field 1, the status 3 (1 is partial), words 4.

    https://github.com/grafana/tempo/blob/main/pkg/tempopb/tempo.proto
    """
    said = message.encode()
    end = b"\x18\x01\x22" + _varint(len(said)) + said if said else b""
    return b"\x0a" + _varint(len(trace)) + trace + end


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _query(request: Request) -> Query:
    params = request.query_params
    parts = [parse(params.get("q", ""))]
    try:
        pairs = [one.partition("=") for one in shlex.split(params.get("tags", ""))]
    except ValueError as error:
        raise Rejected(f"'tags' is no list of key=value: {error}") from error
    for name, equals, value in pairs:
        if not equals:
            raise Rejected(f"'tags' is a list of key=value, got {name[:40]!r}")
        field = _INTRINSICS.get(name, name)
        is_word = field in (*_WORDS, "error")
        exact = Field(field, Compare.EXACT, value)
        parts.append(exact if is_word else Wildcard(field, f"*{_escaped(value)}*"))
    asked = [one for one in parts if not isinstance(one, Everything)]
    if not asked:
        return Everything()
    return asked[0] if len(asked) == 1 else All(tuple(asked))


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "*?\\" else one for one in text)


def _summary(one: TraceSummary) -> dict[str, object]:
    attributes = [{"key": "service.name", "value": {"stringValue": one.match_service}}]
    span = {
        "spanID": one.match_id,
        "name": one.match_name,
        "startTimeUnixNano": str(one.match_began_ns),
        "durationNanos": str(one.match_ns),
        "attributes": attributes,
    }
    spans = {"spans": [span], "matched": one.matched}
    return {
        "traceID": one.trace_id,
        "rootServiceName": one.root_service if one.has_root else "<root span not yet received>",
        "rootTraceName": one.root_name if one.has_root else "",
        "startTimeUnixNano": str(one.began_ns),
        "durationMs": one.duration_ns // 1_000_000,
        "spanSet": spans,
        "spanSets": [spans],
        "serviceStats": {
            share.service: {"spanCount": share.spans, "errorCount": share.errors}
            for share in one.services
        },
    }


async def _names(request: Request) -> dict[str, list[str]]:
    found = await _searched(request).tags(*_range(request), limit=_MOST_TAGS)
    names = [one.value for one in found]
    of_resource = {one.removeprefix(_OF_RESOURCE) for one in names if one.startswith(_OF_RESOURCE)}
    return {
        "resource": sorted(of_resource | {"service.name"}),
        "span": sorted(one for one in names if not one.startswith(_OF_RESOURCE)),
        "intrinsic": sorted(_INTRINSICS),
    }


async def _frequent(request: Request, field: str) -> Sequence[ValueCount]:
    from_ns, until_ns = _range(request)
    asked = TraceAsked(from_ns=from_ns, until_ns=until_ns, query=_query(request))
    return await _searched(request).values(asked, field, limit=_MOST_VALUES)


def _typed_value(one: ValueCount) -> dict[str, str]:
    kinds = {bool: "bool", int: "int", float: "float", str: "string"}
    return {"type": kinds[type(typed(one.value))], "value": one.value}


def _range(request: Request) -> tuple[int, int]:
    until = _number(request, "end") * 1_000_000_000 or _searched(request).now_ns() + 1
    return _number(request, "start") * 1_000_000_000 or max(0, until - _HOUR_NS), until


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    whole = text.partition(".")[0]
    if text and not (whole.isdecimal() and whole.isascii() and len(whole) <= 10):
        raise Rejected(f"invalid {name}: {text[:40]!r} is no number of seconds (or traces)")
    return int(whole or 0)


def _searched(request: Request) -> TraceSearch:
    return services(request).trace_search


ADDRESSES: Addresses = (
    get("/tempo/api/echo", answering(_echo, _refuse), Access.READ),
    get("/tempo/api/status/buildinfo", answering(_build, _refuse), Access.READ),
    get("/tempo/api/traces/{trace_id}", answering(_trace, _refuse), Access.READ),
    get("/tempo/api/v2/traces/{trace_id}", answering(_trace_v2, _refuse), Access.READ),
    get("/tempo/api/search", answering(_search, _refuse), Access.READ),
    get("/tempo/api/search/tags", answering(_tags, _refuse), Access.READ),
    get("/tempo/api/v2/search/tags", answering(_tags_v2, _refuse), Access.READ),
    get("/tempo/api/search/tag/{tag:path}/values", answering(_values, _refuse), Access.READ),
    get("/tempo/api/v2/search/tag/{tag:path}/values", answering(_values_v2, _refuse), Access.READ),
    get("/tempo/api/metrics/query_range", answering(_refused, _refuse), Access.READ),
    get("/tempo/api/metrics/query", answering(_refused, _refuse), Access.READ),
)
