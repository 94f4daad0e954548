"""OTLP traces: every span of every scope of every resource, as a table.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

from tocsin.ingest.otlp_traces import json_text, protobuf
from tocsin.model.span_table import SpanTable


def decode(body: bytes, *, now_ns: int, is_json: bool = False) -> SpanTable:
    """The spans of an ExportTraceServiceRequest, in its order; a span whose ids are no ids has
    none. Raises Rejected."""
    read = json_text.decode if is_json else protobuf.decode
    return read(body, now_ns=now_ns)
