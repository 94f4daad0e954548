"""What one operation of a request was, and how long it took: the rows of the spans table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""By OpenTelemetry's number (trace.proto, Span.SpanKind)."""
STATUSES = ("unset", "ok", "error")
"""By OpenTelemetry's number (trace.proto, Status.StatusCode)."""


class SpanEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at one moment of a span, such as an exception."""

    ts_ns: int
    name: str
    attributes: dict[str, str] = {}


class SpanLink(msgspec.Struct, frozen=True, kw_only=True):
    """Another span that this one belongs with, of this trace or of another."""

    trace_id: str
    span_id: str
    attributes: dict[str, str] = {}


class Span(msgspec.Struct, gc=False, kw_only=True):
    """One operation. Changed in place by the steps that take it in, and by nobody afterwards.

    `ts_ns` is its begin, nanoseconds since the epoch, UTC. `trace_id` has 32 lower-case hexadecimal
    digits, `span_id` and `parent_id` 16; `parent_id` is empty for a root. `kind` and `status` are
    numbers, see KINDS and STATUSES. Attributes of the resource and of the span are apart, as
    senders keep them apart; nested ones have dotted names. `weight` is for how many spans it
    stands where only one of several was kept.
    """

    ts_ns: int
    duration_ns: int
    trace_id: str
    span_id: str
    name: str
    parent_id: str = ""
    service: str = ""
    environment: str = ""
    host: str = ""
    kind: int = 0
    status: int = 0
    status_message: str = ""
    scope: str = ""
    trace_state: str = ""
    user_id: str = ""
    weight: int = 1
    attributes: dict[str, str] = {}
    resource: dict[str, str] = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()


class SpanBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Spans that came in one request, mostly a `SpanTable`. `key` names the request among those of
    the last minutes, so that a repeated one is recognised. `taken_ms` is when it came,
    milliseconds."""

    spans: Sequence[Span]
    key: int
    taken_ms: int
