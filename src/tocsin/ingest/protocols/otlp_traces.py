"""OTLP traces: every span of every scope of every resource.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tocsin.ingest.logs.fields import flattened
from tocsin.ingest.otlp_labels import plain_of, text_of
from tocsin.ingest.traces.conventions import Origin, origin_of, weight_of
from tocsin.model.span_names import USERS, first
from tocsin.model.spans import KINDS, STATUSES, Span, SpanEvent, SpanLink

_LATEST_NS = 9_223_372_036_000_000_000
_NO_ATTRIBUTES: dict[str, str] = {}
_NO_PARENT = b"\0" * 8
_MAY_BE_USERS = frozenset(USERS)


def decode(request: ExportTraceServiceRequest, *, now_ns: int) -> list[Span]:
    """The spans, in the request's order; a span whose ids are no ids has none."""
    spans: list[Span] = []
    for of_resource in request.resource_spans:
        resource = attributes_of(of_resource.resource.attributes)
        origin = origin_of(resource)
        for of_scope in of_resource.scope_spans:
            shared = _scope_attributes(of_scope.scope)
            name = of_scope.scope.name
            spans += [_span(one, resource, origin, name, shared, now_ns) for one in of_scope.spans]
    return spans


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as texts; those of maps have dotted names."""
    found: dict[str, str] = {}
    for pair in pairs:
        value = pair.value
        text = value.string_value
        if text:
            found[pair.key] = text
            continue
        kind = value.WhichOneof("value")
        if kind == "int_value":
            found[pair.key] = str(value.int_value)
        elif kind == "kvlist_value":
            found.update(_inner(pair.key, value))
        else:
            found[pair.key] = text_of(value)
    return found


def _inner(key: str, value: AnyValue) -> dict[str, str]:
    fields = plain_of(value)
    return flattened({key: fields}) if fields else {key: ""}


def _scope_attributes(scope: InstrumentationScope) -> dict[str, str]:
    found = attributes_of(scope.attributes)
    if scope.version:
        found["otel.scope.version"] = scope.version
    return found


def _span(
    one: OtlpSpan,
    resource: dict[str, str],
    origin: Origin,
    scope: str,
    shared: Mapping[str, str],
    now_ns: int,
) -> Span:
    attributes = attributes_of(one.attributes)
    if shared:
        attributes = {**shared, **attributes}
    begin, end = one.start_time_unix_nano, one.end_time_unix_nano
    if not 0 < begin <= _LATEST_NS:
        begin = end if 0 < end <= _LATEST_NS else now_ns
    trace_id, parent = one.trace_id.hex(), one.parent_span_id
    state = one.trace_state
    span = Span(
        ts_ns=begin,
        duration_ns=max(0, end - begin),
        trace_id=trace_id,
        span_id=one.span_id.hex(),
        parent_id=parent.hex() if parent != _NO_PARENT else "",
        name=one.name,
        service=origin.service,
        environment=origin.environment,
        host=origin.host,
        kind=one.kind if 0 <= one.kind < len(KINDS) else 0,
        scope=scope,
        trace_state=state,
        user_id=_user(attributes) or origin.user_id,
        weight=weight_of(state, trace_id) if state else 1,
        attributes=attributes,
        resource=resource,
    )
    _add_status(span, one)
    if one.events:
        span.events = tuple(_event(event, begin) for event in one.events)
    if one.links:
        span.links = tuple(_link(link) for link in one.links)
    return span


def _add_status(span: Span, one: OtlpSpan) -> None:
    if one.HasField("status"):
        code = one.status.code
        span.status = code if 0 <= code < len(STATUSES) else 0
        span.status_message = one.status.message
    if one.dropped_attributes_count:
        span.attributes["otel.dropped_attributes_count"] = str(one.dropped_attributes_count)
    if one.dropped_events_count:
        span.attributes["otel.dropped_events_count"] = str(one.dropped_events_count)
    if one.dropped_links_count:
        span.attributes["otel.dropped_links_count"] = str(one.dropped_links_count)


def _user(attributes: Mapping[str, str]) -> str:
    return "" if _MAY_BE_USERS.isdisjoint(attributes) else first(attributes, USERS)


def _event(event: OtlpSpan.Event, begin: int) -> SpanEvent:
    at = event.time_unix_nano
    attributes = attributes_of(event.attributes) if event.attributes else _NO_ATTRIBUTES
    return SpanEvent(
        ts_ns=at if 0 < at <= _LATEST_NS else begin, name=event.name, attributes=attributes
    )


def _link(link: OtlpSpan.Link) -> SpanLink:
    return SpanLink(
        trace_id=link.trace_id.hex(),
        span_id=link.span_id.hex(),
        attributes=attributes_of(link.attributes) if link.attributes else _NO_ATTRIBUTES,
    )
