"""How does a trace become OpenTelemetry's messages again?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tocsin.model.span_names import SERVICE
from tocsin.model.spans import Span
from tocsin.query.traces.answers import Trace
from tocsin.web.api.span_values import typed

_VERSION = "otel.scope.version"


def traces_data(trace: Trace) -> TracesData:
    """The trace, its spans by resource and scope."""
    data = TracesData()
    resources: dict[tuple[tuple[str, str], ...], ResourceSpans] = {}
    scopes: dict[tuple[int, str, str], ScopeSpans] = {}
    for span in trace.spans:
        whole = {SERVICE: span.service, **span.resource}
        key = tuple(whole.items())
        resource = resources.get(key)
        if resource is None:
            resource = resources[key] = data.resource_spans.add()
            resource.resource.attributes.extend(_pairs(whole))
        version = span.attributes.get(_VERSION, "")
        scope = scopes.get((id(resource), span.scope, version))
        if scope is None:
            scope = scopes[id(resource), span.scope, version] = resource.scope_spans.add()
            scope.scope.name, scope.scope.version = span.scope, version
        _fill(scope.spans.add(), span)
    return data


def as_json(data: TracesData) -> dict[str, Any]:  # an object of JSON
    """As Tempo writes it: by protobuf's rules, ids in base64."""
    return json_format.MessageToDict(data)


def _fill(one: OtlpSpan, span: Span) -> None:
    one.trace_id = bytes.fromhex(span.trace_id)
    one.span_id = bytes.fromhex(span.span_id)
    one.parent_span_id = _id(span.parent_id)
    one.trace_state = span.trace_state
    one.name = span.name
    one.kind = span.kind  # type: ignore[assignment]  # an enum's number
    one.start_time_unix_nano = span.ts_ns
    one.end_time_unix_nano = span.ts_ns + span.duration_ns
    one.attributes.extend(_pairs(span.attributes))
    one.status.code = span.status  # type: ignore[assignment]  # an enum's number
    one.status.message = span.status_message
    for event in span.events:
        told = one.events.add()
        told.time_unix_nano, told.name = event.ts_ns, event.name
        told.attributes.extend(_pairs(event.attributes))
    for link in span.links:
        other = one.links.add()
        other.trace_id, other.span_id = _id(link.trace_id), _id(link.span_id)
        other.attributes.extend(_pairs(link.attributes))


def _pairs(attributes: Mapping[str, str]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=_value(text)) for key, text in attributes.items() if key != _VERSION
    ]


def _value(text: str) -> AnyValue:
    value = typed(text)
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=value)


def _id(text: str) -> bytes:
    """Links come from senders unchecked: what is no id is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
