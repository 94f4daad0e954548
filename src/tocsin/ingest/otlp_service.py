"""What does one OTLP export do, and what is answered, whatever carried it?"""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace

from tocsin.ingest.intake import Intake
from tocsin.ingest.protocols import otlp_metrics

Request = (
    metrics.ExportMetricsServiceRequest
    | logs.ExportLogsServiceRequest
    | trace.ExportTraceServiceRequest
)
Response = (
    metrics.ExportMetricsServiceResponse
    | logs.ExportLogsServiceResponse
    | trace.ExportTraceServiceResponse
)


async def export(intake: Intake, request: Request, sender: str) -> Response:
    """Keep what can be kept; the answer says what was not and why.

    Raises Temporary when nothing can be kept now.
    """
    match request:
        case metrics.ExportMetricsServiceRequest():
            return await _metrics(intake, request, sender)
        case logs.ExportLogsServiceRequest():
            answer = logs.ExportLogsServiceResponse()
            records = sum(
                len(scope.log_records) for r in request.resource_logs for scope in r.scope_logs
            )
            if records:
                answer.partial_success.rejected_log_records = records
                answer.partial_success.error_message = _not_yet("logs")
            return answer
        case _:
            reply = trace.ExportTraceServiceResponse()
            spans = sum(len(scope.spans) for r in request.resource_spans for scope in r.scope_spans)
            if spans:
                reply.partial_success.rejected_spans = spans
                reply.partial_success.error_message = _not_yet("traces")
            return reply


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


def _not_yet(signal: str) -> str:
    return f"Tocsin does not store {signal} yet; set OTEL_{signal.upper()}_EXPORTER=none"
