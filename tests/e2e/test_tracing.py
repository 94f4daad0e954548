"""OpenTelemetry's SDK exports spans over HTTP and gRPC; they are found again in every way."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import SpanKind, set_span_in_context

from tests.e2e.client import labels
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = pytest.mark.slow


class Telling(SpanExporter):
    """Passes on to a real exporter and remembers what that reported."""

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner
        self.results: list[SpanExportResult] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.inner.export(spans)
        self.results.append(result)
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        self.inner.shutdown()


def _provider(exporter: Telling, service: str) -> TracerProvider:
    resource = Resource.create(
        {
            "service.name": service,
            "deployment.environment.name": "e2e",
            "host.name": "web-1",
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _pay(web: Telling, bank: Telling, name: str) -> str:
    """A shop asks a bank, which declines; the trace's id."""
    shop, other = _provider(web, f"shop-{name}"), _provider(bank, f"bank-{name}")
    tracer = shop.get_tracer("shop.http", "2.1")
    with tracer.start_as_current_span(
        "POST /pay",
        kind=SpanKind.SERVER,
        attributes={"http.request.method": "POST", "http.response.status_code": 500},
    ) as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as call:
            context = set_span_in_context(call)
            with other.get_tracer("bank").start_as_current_span(
                "charge", context, kind=SpanKind.SERVER
            ) as charge:
                charge.set_attribute("user.id", "u1")
                charge.set_attribute("card", "password=hunter22")
                with (
                    pytest.raises(ValueError, match="declined"),
                    tracer.start_as_current_span("check", set_span_in_context(charge)),
                ):
                    raise ValueError("card declined")
    for provider in (shop, other):
        provider.force_flush()
        provider.shutdown()
    assert [*web.results, *bank.results] == [SpanExportResult.SUCCESS] * 2
    return trace_id


def _exporters(tocsin: Product, way: str) -> Telling:
    if way == "gRPC":
        compression = grpc.Compression.Gzip
        return Telling(GrpcExporter(tocsin.otlp_grpc, insecure=True, compression=compression))
    base = tocsin.http if way == "the main port" else tocsin.otlp_http
    packed = Compression.Gzip if way == "the main port" else Compression.NoCompression
    return Telling(HttpExporter(f"{base}/v1/traces", compression=packed))


def _by_name(trace: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    services = {key: one["serviceName"] for key, one in trace["processes"].items()}
    return {
        (services[span["processID"]].partition("-")[0], span["operationName"]): span
        for span in trace["spans"]
    }


@pytest.mark.parametrize("way", ["HTTP", "the main port", "gRPC"])
def test_a_trace_of_two_services_arrives_whole(tocsin: Product, way: str) -> None:
    name = uuid.uuid4().hex[:8]
    trace_id = _pay(_exporters(tocsin, way), _exporters(tocsin, way), name)
    (trace,) = tocsin.client.get(f"/jaeger/api/traces/{trace_id}").json["data"]
    spans = _by_name(trace)
    assert set(spans) == {
        ("shop", "POST /pay"), ("shop", "charge"), ("bank", "charge"), ("shop", "check")
    }  # fmt: skip
    tags = {tag["key"]: tag["value"] for tag in spans["shop", "POST /pay"]["tags"]}
    assert tags["http.response.status_code"] == 500
    assert tags["span.kind"] == "server"
    assert tags["otel.scope.name"] == "shop.http"
    card = {tag["key"]: tag["value"] for tag in spans["bank", "charge"]["tags"]}
    assert card["card"] == "password=[password]"
    (log,) = spans["shop", "check"]["logs"]
    said = {field["key"]: field["value"] for field in log["fields"]}
    assert (said["event"], said["exception.message"]) == ("exception", "card declined")
    called = spans["bank", "charge"]["references"][0]
    assert called["spanID"] == spans["shop", "charge"]["spanID"]
    question = f'{{ resource.service.name = "shop-{name}" && status = error }}'
    found = tocsin.client.get("/tempo/api/search", q=question).json["traces"]
    assert [one["traceID"] for one in found] == [trace_id]


def test_rules_and_dashboards_have_series_of_the_spans(tocsin: Product) -> None:
    name = uuid.uuid4().hex[:8]
    trace_id = _pay(_exporters(tocsin, "HTTP"), _exporters(tocsin, "HTTP"), name)
    calls = f'traces_spanmetrics_calls_total{{service="shop-{name}",span_name="POST /pay"}}'
    found = eventually(lambda: tocsin.client.query(calls))
    own = {"environment": "e2e", "service": f"shop-{name}", "span_name": "POST /pay"}
    own |= {"span_kind": "SPAN_KIND_SERVER", "status_code": "STATUS_CODE_UNSET"}
    assert found == {labels(name="traces_spanmetrics_calls_total", **own): 1.0}
    edge = f'traces_service_graph_request_total{{client="shop-{name}",server="bank-{name}"}}'
    assert list(eventually(lambda: tocsin.client.query(edge)).values()) == [1.0]
    growth = f'sum(increase(traces_spanmetrics_latency_count{{service="shop-{name}"}}[5m]))'
    assert eventually(lambda: tocsin.client.query(growth))
    asked = {"query": f'traces_spanmetrics_latency_bucket{{service="shop-{name}"}}'}
    asked |= {"start": str(time.time() - 600), "end": str(time.time() + 60)}
    told = eventually(lambda: tocsin.client.get("/api/v1/query_exemplars", **asked).json["data"])
    assert {one["labels"]["trace_id"] for each in told for one in each["exemplars"]} == {trace_id}


def test_a_zipkin_sender_is_answered_and_found(tocsin: Product) -> None:
    name, trace_id = uuid.uuid4().hex[:8], uuid.uuid4().hex[:16]
    span = {
        "traceId": trace_id,
        "id": "352bff9a74ca9ad2",
        "kind": "SERVER",
        "name": "get /",
        "timestamp": time.time_ns() // 1000,
        "duration": 1431,
        "localEndpoint": {"serviceName": f"zipkin-{name}"},
        "tags": {"error": "timeout"},
    }
    answer = tocsin.client.post_json("/api/v2/spans", [span])
    assert (answer.status, answer.body) == (202, b"")
    asked = {"service": f"zipkin-{name}", "tags": json.dumps({"error": "true"})}
    (trace,) = tocsin.client.get("/jaeger/api/traces", **asked).json["data"]
    assert trace["traceID"] == trace_id
    names = tocsin.client.get("/jaeger/api/services").json["data"]
    assert f"zipkin-{name}" in names
