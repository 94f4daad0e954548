"""How do traces, rates and dependencies look to programs?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.model.shown_trace import (
    ShownEvent,
    ShownLink,
    ShownShare,
    ShownSpan,
    ShownSummary,
    ShownTrace,
)
from tocsin.model.spans import KINDS, STATUSES
from tocsin.query.traces.answers import HeatCell, Operation, Trace, TraceSummary, ValueCount
from tocsin.query.traces.tree import Node, tree
from tocsin.web.api.log_json import Named, Names, time_text


class Services(msgspec.Struct, frozen=True):
    """Names of services."""

    services: list[str]


class OperationName(msgspec.Struct, frozen=True):
    """A name of spans and their kind."""

    name: str
    kind: str


class Operations(msgspec.Struct, frozen=True):
    """Names of a service's spans."""

    operations: list[OperationName]


class ShownDependency(msgspec.Struct, frozen=True):
    """How often a service called another; `kind` as in the guide."""

    parent: str
    child: str
    calls: int
    failures: int
    kind: str
    p95_ns: int


class Dependencies(msgspec.Struct, frozen=True):
    """Who calls whom, the most frequent first."""

    dependencies: list[ShownDependency]


class ShownRate(msgspec.Struct, frozen=True):
    """Requests, failures and durations of a service or an operation."""

    service: str
    name: str
    kind: str
    requests: int
    failures: int
    total_ns: int
    p50_ns: int
    p95_ns: int
    p99_ns: int


class Rates(msgspec.Struct, frozen=True):
    """The busiest first."""

    rates: list[ShownRate]


class ShownPoint(msgspec.Struct, frozen=True):
    """The same of a service in the step from `start`, seconds since the epoch."""

    start: int
    service: str
    requests: int
    failures: int
    p50_ns: int
    p95_ns: int
    p99_ns: int


class Points(msgspec.Struct, frozen=True):
    """Steps without spans are left out."""

    step: int
    points: list[ShownPoint]


class ShownCell(msgspec.Struct, frozen=True):
    """Spans that began in the step from `start` and lasted from `low_ns` to less than `high_ns`."""

    start: int
    low_ns: int
    high_ns: int
    spans: int
    failures: int


class Cells(msgspec.Struct, frozen=True):
    """Durations over time; cells without spans are left out."""

    step: int
    cells: list[ShownCell]


class Matches(msgspec.Struct, frozen=True):
    """Ids of spans."""

    spans: list[str]


def word_of(words: Sequence[str], number: int) -> str:
    """The word of a number, the first for one that is unknown."""
    return words[number] if number < len(words) else words[0]


def shown_trace(trace: Trace) -> ShownTrace:
    """A whole trace; takes some 50 ms for 20,000 spans."""
    return ShownTrace(
        trace_id=trace.trace_id,
        time=time_text(trace.began_ns),
        duration_ns=trace.duration_ns,
        root_service=trace.root.service,
        root_name=trace.root.name,
        services=list(trace.services),
        errors=trace.errors,
        spans_total=trace.total,
        missing_parents=list(trace.missing_parents),
        spans=[shown_span(node, trace.began_ns) for node in tree(trace.spans)],
    )


def shown_span(node: Node, began_ns: int) -> ShownSpan:
    """A span at its place."""
    span = node.span
    return ShownSpan(
        span_id=span.span_id,
        name=span.name,
        service=span.service,
        time=time_text(span.ts_ns),
        offset_ns=span.ts_ns - began_ns,
        duration_ns=span.duration_ns,
        own_ns=node.own_ns,
        parent_id=span.parent_id,
        depth=node.depth,
        kind=word_of(KINDS, span.kind),
        status=word_of(STATUSES, span.status),
        status_message=span.status_message,
        parent_missing=node.is_lost,
        critical=list(node.critical),
        host=span.host,
        environment=span.environment,
        scope=span.scope,
        user_id=span.user_id,
        trace_state=span.trace_state,
        weight=span.weight,
        attributes=span.attributes,
        resource=span.resource,
        events=[ShownEvent(time_text(one.ts_ns), one.name, one.attributes) for one in span.events],
        links=[ShownLink(one.trace_id, one.span_id, one.attributes) for one in span.links],
    )


def shown_summary(one: TraceSummary) -> ShownSummary:
    """A trace in a list."""
    return ShownSummary(
        trace_id=one.trace_id,
        time=time_text(one.began_ns),
        duration_ns=one.duration_ns,
        root_service=one.root_service,
        root_name=one.root_name,
        has_root=one.has_root,
        spans=one.spans,
        errors=one.errors,
        services=[ShownShare(part.service, part.spans, part.errors) for part in one.services],
        matched=one.matched,
        match_id=one.match_id,
        match_service=one.match_service,
        match_name=one.match_name,
        match_ns=one.match_ns,
    )


def operations(found: Sequence[Operation]) -> Operations:
    """Names and kinds."""
    return Operations([OperationName(one.name, one.kind) for one in found])


def cells(step: int, found: Sequence[HeatCell]) -> Cells:
    """Buckets by their ends."""
    return Cells(
        step,
        [
            ShownCell(one.start_s, *bucket_ends(one.bucket), one.spans, one.failures)
            for one in found
        ],
    )


def bucket_ends(bucket: int) -> tuple[int, int]:
    """From which duration to below which a bucket is, nanoseconds."""
    return round(2 ** (bucket / 4)), round(2 ** ((bucket + 1) / 4))


def values(found: Sequence[ValueCount]) -> Names:
    """Values with their counts."""
    return Names([Named(one.value, one.spans) for one in found])
