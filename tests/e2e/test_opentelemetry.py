"""OpenTelemetry's SDK exports metrics over HTTP and gRPC; they get Prometheus's names."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpExporter,
)
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from tests.e2e.product import Product

pytestmark = pytest.mark.slow

_NEVER_MS = 3_600_000


class Telling(MetricExporter):
    """Passes on to a real exporter and remembers what that reported."""

    def __init__(self, inner: MetricExporter) -> None:
        super().__init__()
        self.inner = inner
        self.results: list[MetricExportResult] = []

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        result = self.inner.export(metrics_data, timeout_millis=timeout_millis)
        self.results.append(result)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self.inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        self.inner.shutdown(timeout_millis=timeout_millis)


def _work(exporter: Telling, instance: str) -> None:
    """A small service's life: some requests, then the orderly end that exports once more."""
    resource = Resource.create(
        {"service.name": "checkout", "service.namespace": "shop", "service.instance.id": instance}
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=_NEVER_MS)
    provider = MeterProvider([reader], resource=resource)
    meter = provider.get_meter("shop.checkout", "2.1")
    tags = {"payment.method": "card"}

    def workers(_options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(4, tags)

    meter.create_counter("checkout.orders", unit="{order}", description="Orders.").add(3, tags)
    meter.create_up_down_counter("checkout.carts").add(-2, tags)
    meter.create_observable_gauge("checkout.workers", [workers])
    sizes = meter.create_counter("checkout.payload", unit="By")
    sizes.add(1024, tags)
    waits = meter.create_histogram(
        "checkout.duration", unit="ms", explicit_bucket_boundaries_advisory=[5.0, 50.0, 500.0]
    )
    for value in (2, 40, 40, 900):
        waits.record(value, tags)
    provider.force_flush()
    provider.shutdown()
    assert exporter.results == [MetricExportResult.SUCCESS] * 2


def _found(tocsin: Product, instance: str) -> dict[str, float]:
    """The instance's samples by name, buckets as `name{le}`."""
    selector = f'{{instance="{instance}",job="shop/checkout"}}'
    found = {}
    for labels, value in tocsin.client.query(selector).items():
        pairs = dict(labels)
        le = pairs.get("le")
        found[pairs["__name__"] + (f"{{{le}}}" if le else "")] = value
        assert pairs["__name__"] == "target_info" or pairs["payment_method"] == "card"
    return found


EXPECTED = {
    "checkout_orders_total": 3.0,
    "checkout_carts": -2.0,
    "checkout_workers": 4.0,
    "checkout_payload_bytes_total": 1024.0,
    "checkout_duration_milliseconds_bucket{5}": 1.0,
    "checkout_duration_milliseconds_bucket{50}": 3.0,
    "checkout_duration_milliseconds_bucket{500}": 3.0,
    "checkout_duration_milliseconds_bucket{+Inf}": 4.0,
    "checkout_duration_milliseconds_count": 4.0,
    "checkout_duration_milliseconds_sum": 982.0,
    "target_info": 1.0,
}


@pytest.mark.parametrize(
    "compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate]
)
@pytest.mark.parametrize("port", ["its own port", "the main port", "Prometheus's path"])
def test_metrics_over_http_arrive_once_however_compressed(
    tocsin: Product, compression: Compression, port: str
) -> None:
    address = {
        "its own port": f"{tocsin.otlp_http}/v1/metrics",
        "the main port": f"{tocsin.http}/v1/metrics",
        "Prometheus's path": f"{tocsin.http}/api/v1/otlp/v1/metrics",
    }[port]
    instance = uuid.uuid4().hex[:8]
    _work(Telling(HttpExporter(address, compression=compression)), instance)
    assert _found(tocsin, instance) == EXPECTED


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_metrics_over_grpc_arrive_once_however_compressed(
    tocsin: Product, compression: grpc.Compression
) -> None:
    instance = uuid.uuid4().hex[:8]
    _work(Telling(GrpcExporter(tocsin.otlp_grpc, insecure=True, compression=compression)), instance)
    assert _found(tocsin, instance) == EXPECTED


def test_metadata_of_otlp_metrics_is_told_under_the_new_names(tocsin: Product) -> None:
    _work(Telling(HttpExporter(f"{tocsin.otlp_http}/v1/metrics")), uuid.uuid4().hex[:8])
    told = tocsin.client.get("/api/v1/metadata", metric="checkout_orders_total").json["data"]
    assert told == {"checkout_orders_total": [{"type": "counter", "help": "Orders.", "unit": ""}]}


def test_json_with_numbers_where_protobuf_has_texts_is_read_as_node_writes_it(
    tocsin: Product,
) -> None:
    """Node's exporter writes 64-bit numbers as JSON numbers, times as texts, enums as numbers."""
    now, instance = str(time.time_ns()), uuid.uuid4().hex[:8]
    tags = [{"key": "lane", "value": {"intValue": 7}}]
    point = {"attributes": tags, "startTimeUnixNano": now, "timeUnixNano": now}
    buckets = {"count": 3, "sum": 1.75, "bucketCounts": [1, 1, 1], "explicitBounds": [0.1, 0.5]}
    body = {
        "resourceMetrics": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "node-shop"}},
                        {"key": "service.instance.id", "value": {"stringValue": instance}},
                        {
                            "key": "process.command_args",
                            "value": {"arrayValue": {"values": [{"stringValue": "node"}]}},
                        },
                    ],
                    "droppedAttributesCount": 0,
                },
                "scopeMetrics": [
                    {
                        "scope": {"name": "web", "version": ""},
                        "metrics": [
                            {
                                "descriptor": {"name": "jobs", "valueType": 1},
                                "name": "jobs",
                                "unit": "",
                                "sum": {
                                    "aggregationTemporality": 2,
                                    "isMonotonic": True,
                                    "dataPoints": [{**point, "asDouble": 5}],
                                },
                            },
                            {
                                "name": "wait",
                                "unit": "s",
                                "histogram": {
                                    "aggregationTemporality": 2,
                                    "dataPoints": [{**point, **buckets}],
                                },
                            },
                        ],
                    }
                ],
            }
        ]
    }
    answer = tocsin.client.post_json("/v1/metrics", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found = tocsin.client.values(f'{{instance="{instance}",lane="7",le=~"|[+]Inf"}}')
    assert found == {
        "jobs_total": 5.0,
        "wait_seconds_bucket": 3.0,
        "wait_seconds_count": 3.0,
        "wait_seconds_sum": 1.75,
    }


def test_deltas_are_added_up_and_exponential_histograms_get_classic_buckets(
    tocsin: Product,
) -> None:
    instance = uuid.uuid4().hex[:8]
    exporter = HttpExporter(
        f"{tocsin.otlp_http}/v1/metrics",
        preferred_temporality=dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA),
        preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()},
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=_NEVER_MS)
    resource = Resource({"service.name": "delta", "service.instance.id": instance})
    provider = MeterProvider([reader], resource=resource)
    jobs = provider.get_meter("m").create_counter("delta.jobs")
    waits = provider.get_meter("m").create_histogram("delta.wait", unit="s")
    for _ in range(3):
        jobs.add(2)
        waits.record(0.25)
        waits.record(20)
        provider.force_flush()
    provider.shutdown()

    of = f'instance="{instance}"'
    assert tocsin.client.values(f'{{__name__=~"delta_.*",{of},le=~"|[+]Inf"}}') == {
        "delta_jobs_total": 6.0,
        "delta_wait_seconds_bucket": 6.0,
        "delta_wait_seconds_count": 6.0,
        "delta_wait_seconds_sum": 60.75,
    }
    buckets = tocsin.client.values(f"delta_wait_seconds_bucket{{{of}}}", "le")
    assert {value for le, value in buckets.items() if 1 <= float(le) <= 10} == {3.0}


def test_the_trace_of_a_measurement_is_found_as_its_exemplar(tocsin: Product) -> None:
    instance = uuid.uuid4().hex[:8]
    reader = PeriodicExportingMetricReader(
        HttpExporter(f"{tocsin.otlp_http}/v1/metrics"), export_interval_millis=_NEVER_MS
    )
    provider = MeterProvider([reader], resource=Resource({"service.instance.id": instance}))
    waits = provider.get_meter("m").create_histogram("traced.wait", unit="s")
    with TracerProvider().get_tracer("t").start_as_current_span("checkout") as span:
        waits.record(0.3)
    provider.shutdown()

    now = time.time()
    selector = f'traced_wait_seconds_bucket{{instance="{instance}"}}'
    asked = [("query", selector), ("start", f"{now - 60}"), ("end", f"{now + 60}")]
    found = tocsin.client.form("/api/v1/query_exemplars", asked).json["data"]
    exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
    context = span.get_span_context()
    assert {exemplar["labels"]["trace_id"] for exemplar in exemplars} == {
        f"{context.trace_id:032x}"
    }
    assert {exemplar["labels"]["span_id"] for exemplar in exemplars} == {f"{context.span_id:016x}"}


def test_an_answer_to_protobuf_is_protobuf_and_empty(tocsin: Product) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    answer = tocsin.client.send("POST", "/v1/metrics", b"", headers)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
