"""OTLP logs: every record of every scope of every resource.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as OtlpRecord
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tocsin.ingest.logs.fields import flattened
from tocsin.ingest.otlp_labels import plain_of, text_of
from tocsin.model.logs import LogRecord, level_of

_SERVICE, _HOST, _USER = "service.name", "host.name", ("user.id", "enduser.id", "user_id")
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_MESSAGES = ("message", "msg", "body", "event")
_MOST_LEVEL = 24
_LATEST_NS = 9_223_372_036_000_000_000


def decode(request: ExportLogsServiceRequest, *, now_ns: int) -> tuple[list[LogRecord], bool]:
    """The lines, and whether all of them carry a time of their own."""
    records: list[LogRecord] = []
    for of_resource in request.resource_logs:
        resource = _attributes_of(of_resource.resource)
        for scope in of_resource.scope_logs:
            shared = {**resource, **_scope_attributes(scope)}
            records.extend(_record(one, shared, now_ns) for one in scope.log_records)
    return records, all(one.ts_ns != now_ns for one in records)


def _attributes_of(resource: Resource) -> dict[str, str]:
    return {one.key: text_of(one.value) for one in resource.attributes}


def _scope_attributes(scope: ScopeLogs) -> dict[str, str]:
    found = {one.key: text_of(one.value) for one in scope.scope.attributes}
    if scope.scope.name:
        found["scope.name"] = scope.scope.name
    if scope.scope.version:
        found["scope.version"] = scope.scope.version
    return found


def _record(one: OtlpRecord, shared: Mapping[str, str], now_ns: int) -> LogRecord:
    attributes = dict(shared)
    for pair in one.attributes:
        attributes[pair.key] = text_of(pair.value)
    body, original = _body(one, attributes)
    if one.event_name:
        attributes["event.name"] = one.event_name
    level = one.severity_number if 0 < one.severity_number <= _MOST_LEVEL else 0
    at = one.time_unix_nano or one.observed_time_unix_nano
    environment = next((attributes[n] for n in _ENVIRONMENTS if attributes.get(n)), "")
    return LogRecord(
        ts_ns=at if 0 < at <= _LATEST_NS else now_ns,
        body=body,
        original=original,
        service=attributes.pop(_SERVICE, ""),
        level=level or level_of(one.severity_text),
        severity=one.severity_text,
        host=attributes.pop(_HOST, ""),
        environment=environment,
        source="otlp",
        trace_id=one.trace_id.hex() if any(one.trace_id) else "",
        span_id=one.span_id.hex() if any(one.span_id) else "",
        user_id=next((attributes[name] for name in _USER if attributes.get(name)), ""),
        attributes=attributes,
    )


def _body(one: OtlpRecord, attributes: dict[str, str]) -> tuple[str, str]:
    """The text, and the whole where the body is a map whose message alone is the text."""
    kind = one.body.WhichOneof("value")
    if kind is None:
        return one.event_name, ""
    text = text_of(one.body)
    if kind != "kvlist_value":
        return text, ""
    fields = plain_of(one.body)
    if isinstance(fields, dict):
        flat = flattened(fields)
        message = next((flat.pop(name) for name in _MESSAGES if flat.get(name)), "")
        for name, value in flat.items():
            attributes.setdefault(name, value)
        if message:
            return message, text
    return text, ""
