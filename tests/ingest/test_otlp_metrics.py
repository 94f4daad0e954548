"""OTLP metrics: protobuf, JSON and gRPC in, Prometheus series out."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from tests.ingest.asgi import Site, site
from tocsin.ingest import exponential, otlp_naming
from tocsin.ingest.config import IngestConfig, OtlpConfig
from tocsin.ingest.limits import LimitsConfig
from tocsin.ingest.otlp_grpc import OtlpGrpc
from tocsin.ingest.otlp_service import Sinks
from tocsin.kit.fault import Temporary
from tocsin.model.samples import STALE_BITS

PROTOBUF = "application/x-protobuf"
NOW = 1_700_000_000
NS = f"{NOW}000000000"

RESOURCE = [
    {"key": "service.name", "value": {"stringValue": "shop"}},
    {"key": "service.namespace", "value": {"stringValue": "eu"}},
    {"key": "service.instance.id", "value": {"stringValue": "a-1"}},
    {"key": "host.name", "value": {"stringValue": "web"}},
]


def attributes(**of: str) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in of.items()]


def request(*metrics: dict[str, Any], resource: Any = RESOURCE) -> ExportMetricsServiceRequest:
    data = {
        "resourceMetrics": [
            {
                "resource": {"attributes": resource},
                "scopeMetrics": [{"scope": {"name": "lib"}, "metrics": list(metrics)}],
            }
        ]
    }
    return json_format.ParseDict(data, ExportMetricsServiceRequest())


def total(name: str, value: Any, *, at: str = NS, temporality: int = 2, **more: Any) -> Any:
    point = {"timeUnixNano": at, "asDouble": value, **more}
    return {
        "name": name,
        "sum": {"isMonotonic": True, "aggregationTemporality": temporality, "dataPoints": [point]},
    }


async def send(at: Site, *metrics: dict[str, Any], resource: Any = RESOURCE) -> Any:
    body = request(*metrics, resource=resource).SerializeToString()
    return await at.call("POST", "/v1/metrics", body, content_type=PROTOBUF)


ORIGIN = 'instance="a-1", job="eu/shop"'


async def test_sums_gauges_and_their_origin_become_series() -> None:
    here = site()
    answer = await send(
        here,
        total("http.requests", 5.0, attributes=attributes(**{"http.method": "GET"})),
        {"name": "cpu.load", "unit": "1", "gauge": {"dataPoints": [{"asInt": "3"}]}},
        {"name": "queue", "sum": {"dataPoints": [{"timeUnixNano": NS, "asInt": "-2"}]}},
    )
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF
    assert here.values() == {
        f'http_requests_total{{http_method="GET", {ORIGIN}}}': 5.0,
        f"cpu_load_ratio{{{ORIGIN}}}": 3.0,
        f"queue{{{ORIGIN}}}": -2.0,
        f'target_info{{host_name="web", {ORIGIN}}}': 1.0,
    }
    assert here.metadata()["http_requests_total"].type == "counter"
    assert here.metadata()["queue"].type == "gauge"


async def test_a_histogram_becomes_classic_buckets_with_exemplars() -> None:
    here = site()
    point = {
        "timeUnixNano": NS,
        "count": "3",
        "sum": 1.75,
        "bucketCounts": ["1", "1", "0", "1"],
        "explicitBounds": [0.1, 0.5, 1],
        "exemplars": [{"timeUnixNano": NS, "asDouble": 0.2, "traceId": "ABEiM0RVZneImaq7zN3u/w=="}],
    }
    metric = {
        "name": "latency",
        "unit": "s",
        "description": "How long.",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
    }
    await send(here, metric, resource=[])
    assert here.values() == {
        'latency_seconds_bucket{le="0.1"}': 1,
        'latency_seconds_bucket{le="0.5"}': 2,
        'latency_seconds_bucket{le="1"}': 2,
        'latency_seconds_bucket{le="+Inf"}': 3,
        "latency_seconds_count": 3,
        "latency_seconds_sum": 1.75,
    }
    exemplar = here.exemplars()[0]
    assert exemplar.labels == (("trace_id", "00112233445566778899aabbccddeeff"),)
    assert ("le", "0.5") in here.registry.labels(exemplar.ref)
    assert here.metadata()["latency_seconds"].unit == "seconds"


async def test_a_summary_becomes_quantiles() -> None:
    here = site()
    point = {
        "timeUnixNano": NS,
        "count": "4",
        "sum": 8,
        "quantileValues": [{"quantile": 0.5, "value": 2.0}, {"quantile": 1, "value": 4}],
    }
    await send(here, {"name": "s", "summary": {"dataPoints": [point]}}, resource=[])
    assert here.values() == {
        's{quantile="0.5"}': 2.0,
        's{quantile="1"}': 4.0,
        "s_sum": 8.0,
        "s_count": 4.0,
    }


async def test_no_recorded_value_is_a_staleness_marker() -> None:
    here = site()
    await send(here, total("c", 0, flags=1), resource=[])
    assert here.kept.batches[0].values.view("u8").tolist() == [STALE_BITS]


async def test_deltas_are_added_up_and_a_repeated_request_adds_nothing() -> None:
    here = site()
    for second, value in ((0, 5), (1, 7), (1, 7), (2, 1)):
        await send(
            here, total("c", value, at=f"{NOW + second}000000000", temporality=1), resource=[]
        )
    values = [value for _, value in here.samples()["c_total"]]
    assert values == [5.0, 12.0, 12.0, 13.0]
    late = await send(here, total("c", 1, at=NS, temporality=1), resource=[])
    told = ExportMetricsServiceResponse.FromString(late.body).partial_success
    assert told.rejected_data_points == 1
    assert "older" in told.error_message


async def test_delta_histograms_stay_rising_while_their_range_moves() -> None:
    here = site()
    for second, offset in ((0, 0), (1, 6), (2, -4)):
        point = {
            "timeUnixNano": f"{NOW + second}000000000",
            "count": "2",
            "sum": 1,
            "scale": 0,
            "zeroCount": "0",
            "positive": {"offset": offset, "bucketCounts": ["1", "1"]},
        }
        metric = {
            "name": "h",
            "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [point]},
        }
        await send(here, metric, resource=[])
    last = {
        float(name.split('"')[1]): rows[-1][1]
        for name, rows in here.samples().items()
        if name.startswith("h_bucket") and rows[-1][0] == (NOW + 2) * 1000
    }
    ordered = [last[bound] for bound in sorted(last)]
    assert ordered == sorted(ordered)
    assert ordered[-1] == 6
    assert here.values()["h_count"] == 6


async def test_settings_promote_attributes_and_keep_deltas() -> None:
    otlp = OtlpConfig(
        promote_resource_attributes=("host.name",),
        scope_labels=True,
        target_info=False,
        delta_to_cumulative=False,
    )
    here = site(IngestConfig(otlp=otlp))
    for second in (0, 1):
        await send(here, total("c", 5, at=f"{NOW + second}000000000", temporality=1))
    labels = f'host_name="web", {ORIGIN}, otel_scope_name="lib"'
    assert here.samples() == {f"c_total{{{labels}}}": [(NOW * 1000, 5.0), ((NOW + 1) * 1000, 5.0)]}


async def test_what_a_limit_refuses_is_told_and_the_rest_is_kept() -> None:
    here = site(IngestConfig(limits=LimitsConfig(max_series=1)))
    answer = await send(here, total("a", 1), total("b", 1), resource=[])
    told = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    assert told.rejected_data_points == 1
    assert "max_series" in told.error_message
    assert here.values() == {"a_total": 1.0}


async def test_json_with_numbers_for_integers_and_hex_ids_means_the_same() -> None:
    here = site()
    point = {
        "timeUnixNano": NS,
        "count": 3,
        "sum": 1.5,
        "bucketCounts": [1, 2],
        "explicitBounds": [1],
        "attributes": [{"key": "n", "value": {"intValue": 7}}],
        "exemplars": [{"asDouble": 0.5, "traceId": "00112233445566778899aabbccddeeff"}],
        "fieldOfTheFuture": {"x": [1]},
    }
    metric = {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}}
    data = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    answer = await here.call(
        "POST",
        "/v1/metrics",
        gzip.compress(json.dumps(data).encode()),
        content_type="application/json; charset=utf-8",
        content_encoding="gzip",
    )
    assert (answer.status, answer.json()) == (200, {})
    assert here.values()['h_bucket{le="1", n="7"}'] == 1
    assert here.exemplars()[0].labels == (("trace_id", "00112233445566778899aabbccddeeff"),)


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        pytest.param(b"\xff\xff\xff", PROTOBUF, 400, id="bytes that are no message"),
        pytest.param(b"{", "application/json", 400, id="half an object"),
        pytest.param(b"[1]", "application/json", 400, id="a list"),
        pytest.param(b"[" * 100_000, "application/json", 400, id="a deep list"),
        pytest.param(b'{"resourceMetrics": 5}', "application/json", 400, id="a wrong type"),
        pytest.param(b"x", "text/plain", 415, id="another type"),
    ],
)
async def test_errors_come_as_a_status_in_the_requests_encoding(
    body: bytes, media: str, status: int
) -> None:
    answer = await site().call("POST", "/v1/metrics", body, content_type=media)
    assert answer.status == status
    if media == "application/json":
        assert answer.json()["message"]
        assert answer.json()["code"] == 3
    else:
        assert answer.body[:2] == b"\x08\x03"


async def test_a_full_store_asks_to_come_again() -> None:
    here = site()
    here.kept.busy = True
    answer = await send(here, total("c", 1))
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


@given(body=st.binary(max_size=300))
async def test_any_bytes_are_taken_or_refused_in_protobuf_and_json(body: bytes) -> None:
    here = site()
    for media in (PROTOBUF, "application/json"):
        answer = await here.call("POST", "/v1/metrics", body, content_type=media)
        assert answer.status in (200, 400)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("harness.orders", "", "counter", "harness_orders_total"),
        ("orders.total", "{order}", "counter", "orders_total"),
        ("total.orders", "", "counter", "orders_total"),
        ("http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds"),
        ("request_duration_seconds", "s", "histogram", "request_duration_seconds"),
        ("net.io", "By/s", "gauge", "net_io_bytes_per_second"),
        ("cpu.utilization", "1", "gauge", "cpu_utilization_ratio"),
        ("hits", "1", "counter", "hits_total"),
        ("disk.used", "%", "gauge", "disk_used_percent"),
        ("2xx..responses", "", "counter", "_2xx_responses_total"),
        ("rate", "req/{s}", "gauge", "rate_req"),
        ("äöü", "", "gauge", ""),
    ],
)
def test_names_follow_the_compatibility_specification(
    name: str, unit: str, kind: str, expected: str
) -> None:
    assert otlp_naming.metric_name(name, unit, kind) == expected


@given(
    scale=st.integers(-10, 20),
    zero=st.integers(0, 5),
    offset=st.integers(-2000, 2000),
    counts=st.lists(st.integers(0, 9), max_size=160),
)
def test_exponential_buckets_lose_nothing_and_stay_few(
    scale: int, zero: int, offset: int, counts: list[int]
) -> None:
    found = exponential.of(scale, zero, 0.0, (offset, counts), (offset, counts))
    rising = found.cumulative()
    bounds = [bound for bound, _ in rising]
    assert bounds == sorted(bounds)
    assert len(rising) <= exponential.MAX_BUCKETS + 4
    assert all(so_far <= zero + 2 * sum(counts) for _, so_far in rising)
    assert found.zero + found.positive.total() + found.negative.total() == zero + 2 * sum(counts)


def test_exponential_bounds_hold_their_values() -> None:
    found = exponential.of(3, 2, 0.0, (0, [0] * 7 + [4]), (0, []))
    assert found.cumulative() == [(0.0, 2), (math.sqrt(2), 2), (2.0, 6)]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("wrong", grpc.StatusCode.UNAUTHENTICATED),
        ("away", grpc.StatusCode.UNAVAILABLE),
        ("good", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_strangers_grpc_message_is_not_even_read(key: str, code: grpc.StatusCode) -> None:
    async def authorize(metadata: Any) -> str | None:
        if metadata["authorization"] == "away":
            raise Temporary("the database is away")
        return "key" if metadata["authorization"] == "good" else None

    stranger = site()
    server = OtlpGrpc(
        Sinks(stranger.intake, stranger.logs, stranger.spans),
        IngestConfig().body,
        authorize=authorize,
    )
    port = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            export = channel.unary_unary(
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
            )
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await export(b"\xff no message", timeout=60, metadata=(("authorization", key),))
        assert refused.value.code() is code
    finally:
        await server.stop(grace_seconds=1)


async def test_the_grpc_services_answer_sdks_and_close_gracefully() -> None:
    here = site()

    async def authorize(metadata: Any) -> str | None:
        return "key" if metadata.get("authorization") == "Bearer good" else None

    server = OtlpGrpc(
        Sinks(here.intake, here.logs, here.spans), IngestConfig().body, authorize=authorize
    )
    port = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", compression=grpc.Compression.Gzip
        ) as channel:
            export = channel.unary_unary(
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=ExportMetricsServiceResponse.FromString,
            )
            sent = request(total("c", 2), resource=[])
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await export(sent, timeout=60)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            metadata = (("authorization", "Bearer good"),)
            answer = await export(sent, timeout=60, metadata=metadata)
            assert answer.partial_success.rejected_data_points == 0
            here.kept.busy = True
            with pytest.raises(grpc.aio.AioRpcError) as busy:
                await export(sent, timeout=60, metadata=metadata)
            assert busy.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        await server.stop(grace_seconds=1)
    assert here.values() == {"c_total": 2.0}
    assert here.intake.senders[0].name == "key"
