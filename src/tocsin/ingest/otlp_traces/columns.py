"""What do the spans of one scope say, whether they came in protobuf or in JSON?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.ingest.traces.conventions import Origin, weight_of
from tocsin.model.span_names import USERS
from tocsin.model.span_table import SpanTable, Texts, places
from tocsin.model.spans import KINDS, STATUSES, SpanEvent, SpanLink

_LATEST_NS = 9_223_372_036_000_000_000
SCOPE_VERSION = "otel.scope.version"
DROPPED = tuple(f"otel.dropped_{what}_count" for what in ("attributes", "events", "links"))
"""Attributes that say what a scope's version is, and how much a sender left out of a span."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the spans of a scope share: its name, and where they come from."""

    resource: dict[str, str]
    origin: Origin
    scope: str


@dataclass(slots=True, kw_only=True)
class Given:
    """Spans as they were sent: ids in hexadecimal, times as they are, attributes as in a table."""

    trace_id: list[str]
    span_id: list[str]
    parent_id: list[str]
    trace_state: list[str]
    name: list[str]
    kind: list[int]
    begin: list[int]
    end: list[int]
    status: list[tuple[int, str]]
    names: list[Texts]
    values: list[str]
    events: list[tuple[SpanEvent, ...]]
    links: list[tuple[SpanLink, ...]]


def add(table: SpanTable, shared: Shared, given: Given, *, now_ns: int) -> None:
    """Add them to the table."""
    count = len(given.name)
    if not count:
        return
    begins = _begins(given, now_ns)
    table.names += given.names
    table.values += given.values
    table.ts_ns += begins
    table.duration_ns += [
        end - begin if end > begin else 0 for begin, end in zip(begins, given.end, strict=True)
    ]
    table.trace_id += given.trace_id
    table.span_id += given.span_id
    table.parent_id += given.parent_id
    table.trace_state += given.trace_state
    table.name += given.name
    table.kind += _known(given.kind, len(KINDS))
    table.status += _known([code for code, _ in given.status], len(STATUSES))
    table.status_message += [message for _, message in given.status]
    table.scope += [shared.scope] * count
    table.resource += [shared.resource] * count
    origin = shared.origin
    table.service += [origin.service] * count
    table.environment += [origin.environment] * count
    table.host += [origin.host] * count
    table.user_id += _users(given, origin.user_id)
    table.weight += _weights(given)
    table.events += [
        _timed(*one) if one[0] else () for one in zip(given.events, begins, strict=True)
    ]
    table.links += given.links


def _begins(given: Given, now_ns: int) -> list[int]:
    """When each began; one that does not say so, when it ended."""
    begins = given.begin
    if min(begins) > 0 and max(begins) <= _LATEST_NS:
        return begins
    return [
        begin if 0 < begin <= _LATEST_NS else end if 0 < end <= _LATEST_NS else now_ns
        for begin, end in zip(begins, given.end, strict=True)
    ]


def _known(numbers: list[int], count: int) -> list[int]:
    """Numbers that nobody has given a meaning mean nothing."""
    if min(numbers) >= 0 and max(numbers) < count:
        return numbers
    return [one if 0 <= one < count else 0 for one in numbers]


def _weights(given: Given) -> list[int]:
    if not any(given.trace_state):
        return [1] * len(given.name)
    return [
        weight_of(state, trace_id) if state else 1
        for state, trace_id in zip(given.trace_state, given.trace_id, strict=True)
    ]


def _timed(events: Sequence[SpanEvent], begin: int) -> tuple[SpanEvent, ...]:
    """The events; one without a time was at the span's begin."""
    return tuple(
        one
        if 0 < one.ts_ns <= _LATEST_NS
        else SpanEvent(ts_ns=begin, name=one.name, attributes=one.attributes)
        for one in events
    )


def _users(given: Given, otherwise: str) -> list[str]:
    """Who each was for: the resource's user where a span names none."""
    values, at = given.values, 0
    found: list[str] = []
    for names in given.names:
        user = otherwise
        for place in places(names, USERS):
            if values[at + place]:
                user = values[at + place]
                break
        found.append(user)
        at += len(names)
    return found
