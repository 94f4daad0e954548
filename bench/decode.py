"""How many samples a second of CPU do the decoders take in? Run: python -m bench.decode"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from tests.ingest import write_messages
from tocsin.ingest.config import OtlpConfig
from tocsin.ingest.protocols.otlp_metrics import OtlpMetrics
from tocsin.ingest.protocols.remote_write import RemoteWrite
from tocsin.ingest.protocols.remote_write_v2 import RemoteWriteV2
from tocsin.kit.clock import FakeClock
from tocsin.model.samples import Interner, SampleBatch

SERIES = 2_000
SECONDS = 2.0
NOW = 1_700_000_000_000


def _labels(number: int) -> dict[str, str]:
    return {
        "__name__": f"http_requests_{number % 20}_total",
        "code": "200",
        "handler": f"/api/v1/items/{number % 50}",
        "instance": f"10.0.0.{number % 250}:9090",
        "job": "api",
        "method": "GET",
        "region": "eu-central-1",
        "series": str(number),
    }


def _measure(name: str, decode: Callable[[bytes], SampleBatch], bodies: list[bytes]) -> None:
    cold = time.process_time()
    samples = len(decode(bodies[0]))
    cold = time.process_time() - cold
    best = 0.0
    end = time.process_time() + SECONDS
    at = 0
    while time.process_time() < end:
        at = (at + 1) % len(bodies)
        begin = time.process_time()
        decode(bodies[at])
        best = max(best, samples / (time.process_time() - begin))
    print(f"{name:34} {best / 1e6:6.2f} M samples/s known, {samples / cold / 1e6:5.2f} M/s new")


def _otlp(round_number: int) -> bytes:
    """Sums of the same series, and histograms of 16 buckets for every tenth of them."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    metrics = group.scope_metrics.add().metrics
    at = (NOW + round_number * 15_000) * 1_000_000
    total = metrics.add(name="http.requests", unit="1")
    total.sum.is_monotonic = True
    total.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    latency = metrics.add(name="http.duration", unit="s")
    latency.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    for number in range(SERIES):
        attributes = [total.sum.data_points.add(as_double=number, time_unix_nano=at).attributes]
        if number % 10 == 0:
            histogram = latency.histogram.data_points.add(time_unix_nano=at, count=16, sum=9.5)
            histogram.explicit_bounds.extend(range(1, 16))
            histogram.bucket_counts.extend([1] * 16)
            attributes.append(histogram.attributes)
        for into in attributes:
            for name, value in list(_labels(number).items())[1:]:
                into.add(key=name).value.string_value = value
    return request.SerializeToString()


def main() -> None:
    """Print one line a protocol: the best rate seen within two seconds of CPU."""
    v1, v2 = [], []
    for round_number in range(4):
        rows = [
            (_labels(number), [(NOW + round_number * 15_000, number + 0.5 + round_number)])
            for number in range(SERIES)
        ]
        v1.append(write_messages.v1(rows))
        v2.append(write_messages.v2([(labels, samples, {}) for labels, samples in rows]))
    _measure("remote write 1.0", RemoteWrite(Interner()).decode, v1)
    _measure("remote write 2.0", RemoteWriteV2(Interner()).decode, v2)
    otlp = OtlpMetrics(Interner(), OtlpConfig(), FakeClock())
    _measure(
        "OTLP protobuf, a tenth histograms",
        lambda body: otlp.decode(ExportMetricsServiceRequest.FromString(body)),
        [_otlp(round_number) for round_number in range(4)],
    )


if __name__ == "__main__":
    main()
