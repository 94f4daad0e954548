"""OTLP traces in protobuf: every span of every scope of every resource, as a table.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tocsin.ingest.otlp_traces.columns import DROPPED, SCOPE_VERSION, Given, Shared, add
from tocsin.ingest.otlp_traces.lean import TraceRequest
from tocsin.ingest.otlp_traces.pairs import ProtobufPairs
from tocsin.ingest.traces.conventions import origin_of
from tocsin.kit.fault import Rejected
from tocsin.model.span_table import SpanTable
from tocsin.model.spans import SpanEvent, SpanLink

_LONGEST_STATUS = 200
_NO_PARENT = b"\0" * 8
_pairs = ProtobufPairs()

Lean = Any  # messages of classes that are made at the start


def decode(body: bytes, *, now_ns: int) -> SpanTable:
    """The spans, in the request's order; a span whose ids are no ids has none. Raises Rejected."""
    table = SpanTable()
    try:
        for of_resource in TraceRequest.FromString(body).resource_spans:
            resource = _pairs.mapped(of_resource.resource.attributes[:])
            origin = origin_of(resource)
            for of_scope in of_resource.scope_spans:
                shared = Shared(resource, origin, of_scope.scope.name)
                add(table, shared, _given(of_scope), now_ns=now_ns)
    except (DecodeError, UnicodeDecodeError) as error:
        name = ExportTraceServiceRequest.__name__
        raise Rejected(f"the body is no {name}: {error}") from error
    return table


def _given(of_scope: Lean) -> Given:
    spans = list(of_scope.spans)
    names, values = _pairs.columns(_attributes(of_scope.scope, spans))
    return Given(
        trace_id=[one.trace_id.hex() for one in spans],
        span_id=[one.span_id.hex() for one in spans],
        parent_id=[_parent(one.parent_span_id) for one in spans],
        trace_state=[one.trace_state for one in spans],
        name=[one.name for one in spans],
        kind=[one.kind for one in spans],
        begin=[one.start_time_unix_nano for one in spans],
        end=[one.end_time_unix_nano for one in spans],
        status=[_status(one.status) for one in spans],
        names=names,
        values=values,
        events=[_events(found) if (found := one.events) else () for one in spans],
        links=[_links(found) if (found := one.links) else () for one in spans],
    )


def _attributes(scope: Lean, spans: Sequence[Lean]) -> list[list[bytes]]:
    """The attributes of each span, those of its scope before them; a span's own count."""
    raws = [one.attributes[:] for one in spans]
    shared = scope.attributes[:]
    if scope.version:
        shared.append(_attribute(SCOPE_VERSION, scope.version))
    if shared:
        raws = [shared + own for own in raws]
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
    pair = KeyValue(key=name, value=AnyValue(string_value=text))
    return pair.SerializeToString()


def _parent(raw: bytes) -> str:
    return "" if raw == _NO_PARENT else raw.hex()


def _status(raw: bytes) -> tuple[int, str]:
    return _known_status(raw) if len(raw) <= _LONGEST_STATUS else _read_status(raw)


def _read_status(raw: bytes) -> tuple[int, str]:
    status = Status.FromString(raw)
    return status.code, status.message


_known_status = lru_cache(maxsize=1_024)(_read_status)


def _events(events: Lean) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(
            ts_ns=one.time_unix_nano, name=one.name, attributes=_pairs.mapped(one.attributes[:])
        )
        for one in events
    )


def _links(links: Lean) -> tuple[SpanLink, ...]:
    return tuple(
        SpanLink(
            trace_id=one.trace_id.hex(),
            span_id=one.span_id.hex(),
            attributes=_pairs.mapped(one.attributes[:]),
        )
        for one in links
    )
