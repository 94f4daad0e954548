"""OpenTelemetry's spans are taken over HTTP and gRPC, within limits, without secrets, once."""

from __future__ import annotations

import zlib
from typing import Any

import grpc
import grpc.aio
import msgspec
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.ingest.asgi import Answer, Site, site
from tests.ingest.traces.made import TRACE, span
from tocsin.ingest import otlp_json
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.logs.scrub import ScrubConfig
from tocsin.ingest.otlp_grpc import OtlpGrpc
from tocsin.ingest.otlp_service import Sinks
from tocsin.ingest.traces.config import SpanDrop, SpanLimit, TracesConfig
from tocsin.ingest.traces.conventions import weight_of
from tocsin.kit.fault import Rejected, TooMuch
from tocsin.kit.quantity import Size
from tocsin.model.span_names import same_as
from tocsin.model.spans import Span

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def request(here: Site, *spans: dict[str, Any], resource: tuple[Any, ...] = ()) -> dict[str, Any]:
    """What node's SDK writes: ids in hexadecimal, numbers as numbers, times as texts."""
    now = here.clock.now_ms() * 1_000_000
    whole = {
        "traceId": TRACE,
        "spanId": "eee19b7ec3c1b174",
        "name": "POST /pay",
        "kind": 2,
        "startTimeUnixNano": str(now - 5_000_000),
        "endTimeUnixNano": str(now),
        "status": {"code": 0},
    }
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [text("service.name", "shop"), *resource]},
                "scopeSpans": [
                    {
                        "scope": {"name": "shop.http", "version": "2.1"},
                        "spans": [{**whole, **one} for one in spans],
                    }
                ],
            }
        ]
    }


async def send(here: Site, document: dict[str, Any], media: str = JSON) -> Answer:
    body = msgspec.json.encode(document)
    if media == PROTOBUF:
        body = otlp_json.parse(body, ExportTraceServiceRequest()).SerializeToString()
    return await here.call("POST", "/v1/traces", body, content_type=media)


def told(answer: Answer, media: str) -> tuple[int, str]:
    """How many spans were rejected, and why."""
    if media == PROTOBUF:
        found = ExportTraceServiceResponse.FromString(answer.body)
    else:
        found = json_format.Parse(answer.body, ExportTraceServiceResponse())
    return found.partial_success.rejected_spans, found.partial_success.error_message


@pytest.mark.parametrize("media", [JSON, PROTOBUF])
async def test_a_span_is_kept_with_all_that_it_says(media: str) -> None:
    here = site()
    now = here.clock.now_ms() * 1_000_000
    sent = {
        "parentSpanId": "aaaaaaaaaaaaaaaa",
        "traceState": "ot=th:c",
        "status": {"code": 2, "message": "declined"},
        "attributes": [
            {"key": "http.response.status_code", "value": {"intValue": 500}},
            {"key": "ok", "value": {"boolValue": False}},
            {"key": "share", "value": {"doubleValue": 0.5}},
            text("user.id", "u1"),
            {"key": "cart", "value": {"kvlistValue": {"values": [text("id", "7")]}}},
            {"key": "ids", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
        ],
        "droppedAttributesCount": 2,
        "events": [
            {
                "timeUnixNano": str(now - 1),
                "name": "exception",
                "attributes": [text("exception.type", "ValueError")],
            }
        ],
        "links": [{"traceId": "b" * 32, "spanId": "c" * 16}],
    }
    origin = (text("host.name", "web-1"), text("deployment.environment.name", "prod"))
    answer = await send(here, request(here, sent, resource=origin), media)
    assert (answer.status, told(answer, media)) == (200, (0, ""))
    (found,) = here.kept_spans.spans
    assert (found.ts_ns, found.duration_ns) == (now - 5_000_000, 5_000_000)
    assert (found.trace_id, found.span_id, found.parent_id) == (TRACE, "eee19b7ec3c1b174", "a" * 16)
    assert (found.name, found.service, found.host) == ("POST /pay", "shop", "web-1")
    assert (found.environment, found.user_id, found.scope) == ("prod", "u1", "shop.http")
    assert (found.kind, found.status, found.status_message) == (2, 2, "declined")
    assert found.weight == 4
    assert found.attributes == {
        "http.response.status_code": "500",
        "ok": "false",
        "share": "0.5",
        "user.id": "u1",
        "cart.id": "7",
        "ids": '["a"]',
        "otel.scope.version": "2.1",
        "otel.dropped_attributes_count": "2",
    }
    assert found.resource["deployment.environment.name"] == "prod"
    (event,), (link,) = found.events, found.links
    assert (event.name, event.ts_ns, event.attributes) == (
        *("exception", now - 1),
        {"exception.type": "ValueError"},
    )
    assert (link.trace_id, link.span_id) == ("b" * 32, "c" * 16)


@pytest.mark.parametrize("media", [JSON, PROTOBUF])
async def test_what_cannot_be_kept_is_told_and_the_rest_is_kept(media: str) -> None:
    here = site()
    answer = await send(
        here,
        request(
            here,
            {},
            {"traceId": "00"},
            {"spanId": "0" * 16},
            {"startTimeUnixNano": "1000000000000000000"},
        ),
        media,
    )
    count, why = told(answer, media)
    assert (answer.status, count) == (200, 3)
    assert "trace id" in why
    assert "span id" in why
    assert "older than 1209600 s" in why
    assert len(here.kept_spans.spans) == 1


async def test_nothing_sent_is_answered_with_nothing() -> None:
    answer = await site().call("POST", "/v1/traces", b"", content_type=PROTOBUF)
    assert (answer.status, answer.body) == (200, b"")


async def test_a_repeated_request_is_kept_once() -> None:
    here = site()
    for _ in range(2):
        assert (await send(here, request(here, {}))).status == 200
    await send(here, request(here, {"spanId": "1" * 16}))
    assert len(here.kept_spans.spans) == 2


async def test_a_full_store_asks_to_come_again() -> None:
    here = site()
    here.kept_spans.busy = True
    answer = await send(here, request(here, {}), PROTOBUF)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


async def test_secrets_are_not_kept_wherever_they_are() -> None:
    here = site()
    key = "Bearer abcdefghijklmnop1234"
    sent = {
        "status": {"code": 2, "message": "refused: password=hunter22"},
        "attributes": [text("http.request.header.authorization", "x1"), text("note", key)],
        "events": [{"name": "exception", "attributes": [text("exception.message", key)]}],
        "links": [{"traceId": "b" * 32, "spanId": "c" * 16, "attributes": [text("n", key)]}],
    }
    await send(here, request(here, sent, resource=(text("api_key", "k"), text("cmd", key))))
    (found,) = here.kept_spans.spans
    assert found.status_message == "refused: password=[password]"
    assert found.attributes["http.request.header.authorization"] == "[field]"
    assert found.attributes["note"] == "[bearer]"
    assert found.events[0].attributes == {"exception.message": "[bearer]"}
    assert found.links[0].attributes == {"n": "[bearer]"}
    assert found.resource == {"service.name": "shop", "api_key": "[field]", "cmd": "[bearer]"}


async def test_what_is_too_large_is_cut_with_a_mark() -> None:
    limits = TracesConfig(max_attributes=3, max_value=Size(10), max_events=1)
    here = site(traces=limits)
    sent = {
        "attributes": [text(f"a{number}", "x" * 20) for number in range(5)],
        "events": [{"name": "one"}, {"name": "two"}, {"name": "three"}],
    }
    await send(here, request(here, sent))
    (found,) = here.kept_spans.spans
    assert found.attributes["tocsin.left_out"] == "4"
    assert found.attributes["tocsin.left_out.events"] == "2"
    assert found.attributes["a0"] == "x" * 10 + " … [cut]"
    assert [event.name for event in found.events] == ["one"]


async def test_a_span_from_the_future_ends_now_and_says_what_it_said() -> None:
    here = site()
    now = here.clock.now_ms() * 1_000_000
    ahead = now + 3_600_000_000_000
    times = {"startTimeUnixNano": str(ahead), "endTimeUnixNano": str(ahead + 7_000_000)}
    await send(here, request(here, times))
    (found,) = here.kept_spans.spans
    assert (found.ts_ns, found.duration_ns) == (now - 7_000_000, 7_000_000)
    assert found.attributes["tocsin.time"] == str(ahead)


async def test_unwanted_spans_are_dropped_and_nobody_is_told() -> None:
    here = site(traces=TracesConfig(drop=(SpanDrop(name="GET /health*"),)))
    answer = await send(here, request(here, {"name": "GET /healthz"}, {"name": "GET /"}))
    assert told(answer, JSON) == (0, "")
    assert [found.name for found in here.kept_spans.spans] == ["GET /"]
    with pytest.raises(Rejected):
        SpanDrop()


async def test_a_key_that_sends_too_much_is_asked_to_wait() -> None:
    here = site(traces=TracesConfig(limits={"ci": SpanLimit(spans_per_second=1)}))
    many = [span(here.clock, span_id=f"{n:016x}") for n in range(1, 101)]
    await here.spans.take(many, protocol="otlp", key=1, sender="ci")
    with pytest.raises(TooMuch, match="1 spans/s"):
        await here.spans.take(many, protocol="otlp", key=2, sender="ci")
    await here.spans.take(many, protocol="otlp", key=3, sender="other")


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        pytest.param("", 1, id="none"),
        pytest.param("ot=th:0", 1, id="all are kept"),
        pytest.param("ot=th:8", 2, id="half"),
        pytest.param("rojo=1,ot=rv:0123456789abcd;th:f", 16, id="one of sixteen, among others"),
        pytest.param("ot=th:xyz", 1, id="no number"),
        pytest.param("other=th:8", 1, id="somebody else's"),
    ],
)
def test_a_span_stands_for_those_that_sampling_left_out(state: str, weight: int) -> None:
    assert weight_of(state, TRACE) == weight


def test_weights_that_are_no_whole_numbers_are_right_in_sum() -> None:
    weights = [weight_of("ot=th:6", f"{zlib.crc32(bytes([n % 256, n // 256])):032x}")
               for n in range(20_000)]  # fmt: skip
    assert set(weights) == {1, 2}
    assert abs(sum(weights) / 20_000 - 1.6) < 0.02


def test_old_and_new_names_of_an_attribute_mean_the_same() -> None:
    assert same_as("http.status_code") == ("http.status_code", "http.response.status_code")
    assert same_as("http.response.status_code")[0] == "http.response.status_code"
    assert same_as("shop.cart") == ("shop.cart",)


async def test_grpc_answers_what_was_rejected() -> None:
    here = site()
    server = OtlpGrpc(Sinks(here.intake, here.logs, here.spans), IngestConfig().body)
    port = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            export = channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                request_serializer=ExportTraceServiceRequest.SerializeToString,
                response_deserializer=ExportTraceServiceResponse.FromString,
            )
            body = msgspec.json.encode(request(here, {}, {"traceId": ""}))
            answer = await export(otlp_json.parse(body, ExportTraceServiceRequest()), timeout=60)
        assert answer.partial_success.rejected_spans == 1
    finally:
        await server.stop(grace_seconds=1)
    assert len(here.kept_spans.spans) == 1


async def test_those_who_watch_see_each_span_once_after_it_was_kept() -> None:
    here = site()
    seen: list[Span] = []

    class Watch:
        async def saw(self, batch: Any) -> None:
            assert here.kept_spans.batches[-1] is batch
            seen.extend(batch.spans)

    here.spans.watched_by(Watch())
    for _ in range(2):
        await send(here, request(here, {}, {"spanId": "1" * 16}))
    assert len(seen) == 2


async def test_other_limits_hold_from_a_reload_on() -> None:
    here = site()
    await send(here, request(here, {"attributes": [text("note", "password=hunter22")]}))
    here.spans.configure(
        TracesConfig(drop=(SpanDrop(service="shop"),)),
        scrubbed=ScrubConfig(enabled=False),
        retention_seconds=60.0,
    )
    await send(here, request(here, {"spanId": "1" * 16}))
    here.spans.configure(
        TracesConfig(), scrubbed=ScrubConfig(enabled=False), retention_seconds=60.0
    )
    sent = {"spanId": "2" * 16, "attributes": [text("note", "password=hunter22")]}
    old = {"startTimeUnixNano": str(here.clock.now_ms() * 1_000_000 - 61_000_000_000)}
    answer = await send(here, request(here, sent, old))
    assert told(answer, JSON)[0] == 1
    kept = [found.attributes["note"] for found in here.kept_spans.spans]
    assert kept == ["password=[password]", "password=hunter22"]


@given(body=st.binary(max_size=300))
async def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    here = site()
    for media in (PROTOBUF, JSON):
        answer = await here.call("POST", "/v1/traces", body, content_type=media)
        assert answer.status in (200, 400)
