"""`/v1/logs`: what OpenTelemetry's records become, and how exporters are answered."""

from __future__ import annotations

import json

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from tests.ingest.asgi import site

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
NOW = 1_700_000_000
AT_NS = (NOW - 20) * 1_000_000_000


def otlp_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    for name, value in (("service.name", "checkout"), ("deployment.environment", "prod")):
        resource.resource.attributes.add(key=name).value.string_value = value
    scope = resource.scope_logs.add()
    scope.scope.name = "shop.pay"
    record = scope.log_records.add(
        time_unix_nano=AT_NS, severity_number=17, severity_text="ERROR", trace_id=b"\x0a" * 16
    )
    record.span_id = b"\x0b" * 8
    record.body.string_value = "card declined"
    record.attributes.add(key="order.id").value.int_value = 7
    mapped = scope.log_records.add(observed_time_unix_nano=AT_NS + 1)
    pair = mapped.body.kvlist_value.values.add(key="message")
    pair.value.string_value = "from a map"
    mapped.body.kvlist_value.values.add(key="n").value.double_value = 0.5
    listed = scope.log_records.add(time_unix_nano=AT_NS + 2, severity_text="warn")
    listed.body.array_value.values.add().bool_value = True
    scope.log_records.add(time_unix_nano=5).body.string_value = "too old"
    return request


async def test_records_have_their_resource_scope_and_ids() -> None:
    here = site()
    answer = await here.call(
        "POST", "/v1/logs", otlp_request().SerializeToString(), content_type=PROTOBUF
    )
    told = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, told.rejected_log_records) == (200, 1)
    assert "older" in told.error_message
    first, mapped, listed = here.lines.records
    assert (first.body, first.service, first.environment) == (
        "card declined",
        "checkout",
        "prod",
    )
    assert (first.level, first.severity) == (17, "ERROR")
    assert (first.trace_id, first.span_id) == ("0a" * 16, "0b" * 8)
    assert first.attributes["order.id"] == "7"
    assert first.attributes["scope.name"] == "shop.pay"
    assert (mapped.body, mapped.attributes["n"]) == ("from a map", "0.5")
    assert json.loads(mapped.original) == {"message": "from a map", "n": 0.5}
    assert (listed.body, listed.level) == ("[true]", 13)


async def test_json_is_read_and_answered_as_json() -> None:
    here = site()
    record = {
        "timeUnixNano": str(AT_NS),
        "body": {"stringValue": "hello"},
        "traceId": "0a" * 16,
        "attributes": [{"key": "n", "value": {"intValue": 3}}],
        "flags": 257,
    }
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    answer = await here.call("POST", "/v1/logs", json.dumps(body).encode(), content_type=JSON)
    assert (answer.status, answer.json()) == (200, {})
    (kept,) = here.lines.records
    assert (kept.body, kept.trace_id, kept.attributes) == ("hello", "0a" * 16, {"n": "3"})


async def test_the_same_export_is_kept_once() -> None:
    here = site()
    for _ in range(2):
        body = otlp_request().SerializeToString()
        await here.call("POST", "/v1/logs", body, content_type=PROTOBUF)
    assert len(here.lines.records) == 3
