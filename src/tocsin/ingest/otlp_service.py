"""What does one OTLP export do, and what is answered, whatever carried it?"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace

from tocsin.ingest.intake import Intake
from tocsin.ingest.logs.intake import LogIntake, key_of
from tocsin.ingest.protocols import otlp_logs, otlp_metrics, otlp_traces
from tocsin.ingest.traces.intake import SpanIntake
from tocsin.model.logs import LogRecord
from tocsin.model.span_table import SpanTable


@dataclass(frozen=True, slots=True)
class TraceBody:
    """An ExportTraceServiceRequest as it came: it is read where spans are."""

    body: bytes
    is_json: bool = False


Request = metrics.ExportMetricsServiceRequest | logs.ExportLogsServiceRequest | TraceBody
Response = (
    metrics.ExportMetricsServiceResponse
    | logs.ExportLogsServiceResponse
    | trace.ExportTraceServiceResponse
)


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where each kind of telemetry is kept."""

    metrics: Intake
    logs: LogIntake
    spans: SpanIntake


async def export(sinks: Sinks, request: Request, sender: str) -> Response:
    """Keep what can be kept; the answer says what was not and why.

    Raises Rejected when it cannot be read, Temporary when nothing can be kept now.
    """
    match request:
        case metrics.ExportMetricsServiceRequest():
            return await _metrics(sinks.metrics, request, sender)
        case logs.ExportLogsServiceRequest():
            return await _logs(sinks.logs, request, sender)
        case TraceBody():
            return await _traces(sinks.spans, request, sender)


async def _metrics(
    intake: Intake, request: metrics.ExportMetricsServiceRequest, sender: str
) -> metrics.ExportMetricsServiceResponse:
    batch = intake.decoders.otlp_metrics.decode(request)
    accepted = await intake.accept("otlp", batch, sender=sender)
    answer = metrics.ExportMetricsServiceResponse()
    if accepted.refused:
        # A histogram's point is many samples: never claim more points than were sent.
        left_out = min(sum(accepted.refused.values()), otlp_metrics.points_of(request))
        answer.partial_success.rejected_data_points = left_out
        answer.partial_success.error_message = accepted.reasons()
    return answer


async def _logs(
    intake: LogIntake, request: logs.ExportLogsServiceRequest, sender: str
) -> logs.ExportLogsServiceResponse:
    now_ns = intake.now_ns()

    def decoded() -> tuple[list[LogRecord], int]:
        records, carries_times = otlp_logs.decode(request, now_ns=now_ns)
        body = request.SerializeToString(deterministic=True)
        return records, key_of(body, carries_times=carries_times, now_ns=now_ns, place="otlp")

    records, key = await intake.decoded(decoded, request.ByteSize())
    answer = logs.ExportLogsServiceResponse()
    if not records:
        return answer
    taken = await intake.take(records, protocol="otlp", key=key, sender=sender)
    if taken.refused:
        answer.partial_success.rejected_log_records = len(taken.refused)
        answer.partial_success.error_message = "; ".join(
            f"{count} lines: {why}" for why, count in taken.reasons().items()
        )
    return answer


async def _traces(
    intake: SpanIntake, request: TraceBody, sender: str
) -> trace.ExportTraceServiceResponse:
    now_ns, body = intake.now_ns(), request.body

    def decoded() -> tuple[SpanTable, int]:
        key = key_of(body, carries_times=True, now_ns=now_ns, place="otlp-traces")
        return otlp_traces.decode(body, now_ns=now_ns, is_json=request.is_json), key

    spans, key = await intake.decoded(decoded, len(body))
    answer = trace.ExportTraceServiceResponse()
    if not spans:
        return answer
    taken = await intake.take(spans, protocol="otlp", key=key, sender=sender, size_bytes=len(body))
    if taken.refused:
        answer.partial_success.rejected_spans = taken.refused.total()
        answer.partial_success.error_message = taken.reasons()
    return answer
