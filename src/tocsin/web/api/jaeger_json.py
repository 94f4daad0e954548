"""How does a trace look in Jaeger's JSON?

https://www.jaegertracing.io/docs/latest/apis/#internal-http-json; tags as its collector makes them
of OpenTelemetry's spans: https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tocsin.model.span_names import SERVICE
from tocsin.model.spans import KINDS, STATUSES, Span
from tocsin.query.traces.answers import Trace
from tocsin.web.api.span_values import typed

Json = dict[str, Any]  # objects of JSON
_ERROR = STATUSES.index("error")
_NAMES = {bool: "bool", int: "int64", float: "float64", str: "string"}


def trace_json(trace: Trace) -> Json:
    """One trace, with the processes that its spans name."""
    processes: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    told: dict[str, Json] = {}
    spans = []
    for span in trace.spans:
        key = span.service, tuple(span.resource.items())
        name = processes.get(key)
        if name is None:
            name = processes[key] = f"p{len(processes) + 1}"
            told[name] = {"serviceName": span.service, "tags": _tags_of(span.resource, (SERVICE,))}
        spans.append(_span_json(span, name))
    warnings = None
    if trace.is_cut:
        warnings = [f"the trace has {trace.total:,} spans, of which {len(spans):,} are here"]
    return {
        "traceID": id_of(trace.trace_id),
        "spans": spans,
        "processes": told,
        "warnings": warnings,
    }


def id_of(trace_id: str) -> str:
    """Jaeger writes ids of 8 bytes with 16 digits."""
    return trace_id[16:] if trace_id.startswith("0" * 16) else trace_id


def _span_json(span: Span, process: str) -> Json:
    trace_id = id_of(span.trace_id)
    references = []
    if span.parent_id:
        references.append({"refType": "CHILD_OF", "traceID": trace_id, "spanID": span.parent_id})
    references += [
        {"refType": "FOLLOWS_FROM", "traceID": id_of(link.trace_id), "spanID": link.span_id}
        for link in span.links
    ]
    return {
        "traceID": trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": references,
        "startTime": span.ts_ns // 1000,
        "duration": span.duration_ns // 1000,
        "tags": _span_tags(span),
        "logs": [
            {
                "timestamp": event.ts_ns // 1000,
                "fields": [_tag("event", event.name), *_tags_of(event.attributes)],
            }
            for event in span.events
        ],
        "processID": process,
        "warnings": None,
    }


def _span_tags(span: Span) -> list[Json]:
    tags = _tags_of(span.attributes, ("span.kind", "error"))
    if span.kind:
        tags.append(_tag("span.kind", KINDS[span.kind]))
    if span.status:
        tags.append(_tag("otel.status_code", STATUSES[span.status].upper()))
    if span.status == _ERROR:
        tags.append(_tag("error", True))
    if span.status_message:
        tags.append(_tag("otel.status_description", span.status_message))
    if span.scope:
        tags.append(_tag("otel.scope.name", span.scope))
    if span.trace_state:
        tags.append(_tag("w3c.tracestate", span.trace_state))
    return tags


def _tags_of(attributes: Mapping[str, str], without: Iterable[str] = ()) -> list[Json]:
    return [_tag(key, typed(value)) for key, value in attributes.items() if key not in without]


def _tag(key: str, value: str | float) -> Json:
    return {"key": key, "type": _NAMES[type(value)], "value": value}
