"""OTLP traces in JSON, as SDKs write it: the same table as of protobuf.

What is written in another of the ways that protobuf's JSON allows (snake_case, names of enums,
numbers as fractions) is read by protobuf's own reader, which takes twenty times as long.
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tocsin.ingest import otlp_json
from tocsin.ingest.otlp_traces import protobuf
from tocsin.ingest.otlp_traces.columns import DROPPED, SCOPE_VERSION, Given, Shared, add
from tocsin.ingest.otlp_traces.pairs import Pair, Pairs, pairs_in
from tocsin.ingest.traces.conventions import origin_of
from tocsin.model.span_table import SpanTable
from tocsin.model.spans import SpanEvent, SpanLink

_MOST_UINT64, _MOST_INT64 = (1 << 64) - 1, (1 << 63) - 1
_SURROGATE = b"\\ud"
"""Half a character may be written so, which only protobuf's reader knows what to do with."""
_NO_PARENT = "0" * 16
_DECIMALS = 20

Number = int | str


class _Given(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A message; other fields than these are for the other reader."""


class _Event(_Given):
    time_unix_nano: Number = 0
    name: str = ""
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0


class _Link(_Given):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0
    flags: int = 0


class _Status(_Given):
    message: str = ""
    code: int = 0


class _Span(_Given):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    parent_span_id: str | None = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    start_time_unix_nano: Number = 0
    end_time_unix_nano: Number = 0
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0
    events: list[_Event] = []
    dropped_events_count: int = 0
    links: list[_Link] = []
    dropped_links_count: int = 0
    status: _Status | None = None


class _Scope(_Given):
    name: str = ""
    version: str = ""
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0


class _OfScope(_Given):
    scope: _Scope | None = None
    spans: list[_Span] = []
    schema_url: str = ""


class _Resource(_Given):
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0


class _OfResource(_Given):
    resource: _Resource | None = None
    scope_spans: list[_OfScope] = []
    schema_url: str = ""


class _Request(_Given):
    resource_spans: list[_OfResource] = []


class _Unusual(Exception):
    """Only the other reader knows what this is, or what is wrong with it."""


_request = msgspec.json.Decoder(_Request)
_pair = msgspec.json.Decoder(dict[str, str | dict[str, msgspec.Raw]])


def decode(body: bytes, *, now_ns: int) -> SpanTable:
    """The spans, in the request's order; a span whose ids are no ids has none. Raises Rejected."""
    try:
        return _decoded(body, now_ns)
    except (_Unusual, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = otlp_json.parse(body, ExportTraceServiceRequest())
        return protobuf.decode(message.SerializeToString(), now_ns=now_ns)


def _decoded(body: bytes, now_ns: int) -> SpanTable:
    if _SURROGATE in body.lower():
        raise _Unusual
    table = SpanTable()
    for of_resource in _request.decode(body).resource_spans:
        resource = _mapped(of_resource.resource.attributes if of_resource.resource else ())
        origin = origin_of(resource)
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope or _Scope()
            given = _given(scope, of_scope.spans)
            add(table, Shared(resource, origin, scope.name), given, now_ns=now_ns)
    return table


def _given(scope: _Scope, spans: Sequence[_Span]) -> Given:
    names, values = _pairs.columns(_attributes(scope, spans))
    return Given(
        trace_id=_ids([one.trace_id for one in spans]),
        span_id=_ids([one.span_id for one in spans]),
        parent_id=[
            "" if one == _NO_PARENT else one
            for one in _ids([span.parent_span_id or "" for span in spans])
        ],
        trace_state=[one.trace_state for one in spans],
        name=[one.name for one in spans],
        kind=[one.kind for one in spans],
        begin=[_nanoseconds(one.start_time_unix_nano) for one in spans],
        end=[_nanoseconds(one.end_time_unix_nano) for one in spans],
        status=[(one.status.code, one.status.message) if one.status else (0, "") for one in spans],
        names=names,
        values=values,
        events=[_events(one.events) if one.events else () for one in spans],
        links=[_links(one.links) if one.links else () for one in spans],
    )


def _attributes(scope: _Scope, spans: Sequence[_Span]) -> list[list[bytes]]:
    """The attributes of each span, those of its scope before them; a span's own count."""
    shared = list(map(bytes, scope.attributes))
    if scope.version:
        shared.append(_attribute(SCOPE_VERSION, scope.version))
    raws = [shared + list(map(bytes, one.attributes)) for one in spans]
    for own, one in zip(raws, spans, strict=True):
        if one.dropped_attributes_count or one.dropped_events_count or one.dropped_links_count:
            counts = (
                one.dropped_attributes_count,
                one.dropped_events_count,
                one.dropped_links_count,
            )
            told = zip(DROPPED, counts, strict=True)
            own += [_attribute(name, str(count)) for name, count in told if count]
    return raws


def _attribute(name: str, text: str) -> bytes:
    return msgspec.json.encode({"key": name, "value": {"stringValue": text}})


def _events(events: Iterable[_Event]) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(
            ts_ns=_nanoseconds(one.time_unix_nano),
            name=one.name,
            attributes=_mapped(one.attributes),
        )
        for one in events
    )


def _links(links: Iterable[_Link]) -> tuple[SpanLink, ...]:
    return tuple(
        SpanLink(
            trace_id=_ids([one.trace_id])[0],
            span_id=_ids([one.span_id])[0],
            attributes=_mapped(one.attributes),
        )
        for one in links
    )


def _mapped(attributes: Iterable[msgspec.Raw]) -> dict[str, str]:
    return _pairs.mapped(list(map(bytes, attributes)))


def _ids(texts: list[str]) -> list[str]:
    try:
        return [bytes.fromhex(one).hex() for one in texts]
    except ValueError as error:
        raise _Unusual from error


def _nanoseconds(given: Number) -> int:
    if isinstance(given, str):
        if not (given.isascii() and given.isdecimal()) or len(given) > _DECIMALS:
            raise _Unusual
        given = int(given)
    if not 0 <= given <= _MOST_UINT64:
        raise _Unusual
    return given


def _pairs_of(raw: bytes) -> Iterable[Pair]:
    """The attributes that a KeyValue in JSON is."""
    try:
        given = _pair.decode(raw)
    except msgspec.DecodeError as error:
        raise _Unusual from error
    key, value = given.get("key"), given.get("value")
    if len(given) == 2 and isinstance(key, str) and isinstance(value, dict) and len(value) == 1:
        ((kind, own),) = value.items()
        text = _text(kind, bytes(own))
        if text is not None:
            return ((key, text),)
    return _read(raw)


def _text(kind: str, raw: bytes) -> str | None:
    """The value as text; None when it is of an unusual kind, or written unusually."""
    value = msgspec.json.decode(raw)
    if kind == "stringValue" and isinstance(value, str):
        return value
    if kind == "boolValue" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "intValue" and type(value) is int and -_MOST_INT64 <= value <= _MOST_INT64:
        return str(value)
    return None


def _read(raw: bytes) -> Iterable[Pair]:
    try:
        return pairs_in(json_format.Parse(raw, KeyValue(), ignore_unknown_fields=True))
    except (json_format.ParseError, RecursionError, TypeError, ValueError) as error:
        raise _Unusual from error


_pairs = Pairs(_pairs_of)
