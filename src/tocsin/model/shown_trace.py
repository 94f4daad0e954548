"""How does a trace look to programs? What the API answers, and what the command line reads."""

from __future__ import annotations

import msgspec


class ShownEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened at one moment of a span; `time` is RFC 3339 with nanoseconds."""

    time: str
    name: str
    attributes: dict[str, str] = {}


class ShownLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another span that this one belongs with."""

    trace_id: str
    span_id: str
    attributes: dict[str, str] = {}


class ShownSpan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One span. `offset_ns` is how long after the begin of the trace it began; `own_ns` how long it
    did not wait for a child; `depth` its level; `critical` the parts of it, from and to in
    nanoseconds since the begin of the trace, that decided how long the trace took. Parents come
    before their children. `parent_missing` says that its parent did not come."""

    span_id: str
    name: str
    service: str
    time: str
    offset_ns: int
    duration_ns: int
    own_ns: int
    parent_id: str = ""
    depth: int = 0
    kind: str = "unspecified"
    status: str = "unset"
    status_message: str = ""
    parent_missing: bool = False
    critical: list[tuple[int, int]] = []
    host: str = ""
    environment: str = ""
    scope: str = ""
    user_id: str = ""
    trace_state: str = ""
    weight: int = 1
    attributes: dict[str, str] = {}
    resource: dict[str, str] = {}
    events: list[ShownEvent] = []
    links: list[ShownLink] = []


class ShownTrace(msgspec.Struct, frozen=True):
    """A trace. `spans_total` are kept, of which the first 20,000 are in `spans`."""

    trace_id: str
    time: str
    duration_ns: int
    root_service: str
    root_name: str
    services: list[str]
    errors: int
    spans_total: int
    missing_parents: list[str]
    spans: list[ShownSpan]


class ShownShare(msgspec.Struct, frozen=True):
    """Spans of one service within a trace."""

    service: str
    spans: int
    errors: int


class ShownSummary(msgspec.Struct, frozen=True):
    """A trace in a list. `matched` of its spans answer the question; `match_id` names the first,
    or the slowest where these are asked for, which took `match_ns`."""

    trace_id: str
    time: str
    duration_ns: int
    root_service: str
    root_name: str
    has_root: bool
    spans: int
    errors: int
    services: list[ShownShare]
    matched: int
    match_id: str
    match_service: str
    match_name: str
    match_ns: int


class ShownTraces(msgspec.Struct, frozen=True):
    """Traces, and the range that was searched, in nanoseconds."""

    traces: list[ShownSummary]
    from_ns: int
    to_ns: int
