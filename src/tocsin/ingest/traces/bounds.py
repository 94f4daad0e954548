"""Which spans are refused, and what is left out of those that are too large?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import TypeVar

import msgspec

from tocsin.ingest.traces.config import TracesConfig
from tocsin.kit import gauge
from tocsin.model.span_table import SpanTable, table_of
from tocsin.model.spans import Span, SpanEvent, SpanLink

_cut = gauge.counter("span_values_cut", "Attributes of spans that were too long and were cut.")

GIVEN_TIME = "tocsin.time"
"""The attribute that holds the time of a span whose own could not be, in nanoseconds."""
LEFT_OUT = "tocsin.left_out"
"""How many attributes (events, links) were too many: this, and `….events`, `….links`."""
_LONGEST_NAME = 1_000
_LONGEST_MESSAGE = 16_000
_LONGEST_ID = 512
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
_DIGITS = re.compile("[0-9a-f]*")
_LATEST_NS = (1 << 63) - 1

Detail = TypeVar("Detail", SpanEvent, SpanLink)


def checked(
    table: SpanTable, config: TracesConfig, *, now_ns: int, past_seconds: float
) -> tuple[SpanTable, Counter[str]]:
    """The spans that can be kept, and how many cannot for what reason.

    One from the future gets the present as its end.
    """
    oldest = now_ns - round(past_seconds * 1e9)
    newest = now_ns + config.max_future.ms * 1_000_000
    if _can_be_kept(table, oldest, newest):
        return table, Counter()
    kept, refused = _each_checked(table, (oldest, now_ns, newest), past_seconds)
    return table_of(kept), refused


def _can_be_kept(table: SpanTable, oldest: int, newest: int) -> bool:
    """Whether all spans can, as they are: that is usual, and quickly seen."""
    if not table:
        return True
    return (
        oldest <= min(table.ts_ns)
        and max(table.ts_ns) <= newest
        and max(table.ts_ns) + max(table.duration_ns) <= _LATEST_NS
        and _are_ids(table.trace_id, 32)
        and _are_ids(table.span_id, 16)
    )


def _are_ids(texts: Sequence[str], size: int) -> bool:
    return (
        set(map(len, texts)) == {size}
        and _DIGITS.fullmatch("".join(texts)) is not None
        and "0" * size not in texts
    )


def _each_checked(
    spans: Iterable[Span], times: tuple[int, int, int], past_seconds: float
) -> tuple[list[Span], Counter[str]]:
    oldest, now_ns, newest = times
    kept: list[Span] = []
    refused: Counter[str] = Counter()
    for span in spans:
        if not _TRACE_ID.fullmatch(span.trace_id):
            refused["the trace id is not 16 bytes, or all of them are zero"] += 1
        elif not _SPAN_ID.fullmatch(span.span_id):
            refused["the span id is not 8 bytes, or all of them are zero"] += 1
        elif span.ts_ns < oldest:
            refused[f"the span is older than {past_seconds:.0f} s, the time spans are kept"] += 1
        else:
            if span.ts_ns > newest:
                span.attributes = {**span.attributes, GIVEN_TIME: str(span.ts_ns)}
                span.ts_ns = now_ns - min(span.duration_ns, now_ns - oldest)
            # The end of a trace is a time that the store can hold.
            span.duration_ns = min(span.duration_ns, _LATEST_NS - span.ts_ns)
            kept.append(span)
    return kept, refused


def bound(table: SpanTable, texts: Set[str], config: TracesConfig) -> SpanTable:
    """The spans without what is too much and with what is too long cut; `texts` are the values of
    their attributes."""
    if _is_bounded(table, texts, config):
        return table
    spans = list(table)
    _bound(spans, config)
    return table_of(spans)


def _is_bounded(table: SpanTable, texts: Set[str], config: TracesConfig) -> bool:
    """Whether nothing has to be done, as is usual."""
    most, longest = config.max_attributes, int(config.max_value)
    own: tuple[tuple[Iterable[str], int], ...] = (
        (texts, longest),
        (table.name, _LONGEST_NAME),
        (table.status_message, _LONGEST_MESSAGE),
        (table.trace_state, _LONGEST_ID),
        (table.user_id, _LONGEST_ID),
    )
    return (
        all(max(map(len, some), default=0) <= limit for some, limit in own)
        and max(map(len, table.names), default=0) <= most
        and all(max(map(len, some)) <= config.max_events for some in (table.events, table.links))
        and all(
            len(one) <= most and max(map(len, one.values()), default=0) <= longest
            for one in maps_beside(table)
        )
    )


def maps_beside(table: SpanTable) -> Iterator[dict[str, str]]:
    """The attributes of resources, each once, of events and of links."""
    yield from {id(one): one for one in table.resource}.values()
    for event in chain.from_iterable(filter(None, table.events)):
        yield event.attributes
    for link in chain.from_iterable(filter(None, table.links)):
        yield link.attributes


def _bound(spans: Sequence[Span], config: TracesConfig) -> None:
    """Cut what is too long and leave out what is too much, in place."""
    most, longest = config.max_attributes, int(config.max_value)
    resources: dict[int, dict[str, str]] = {}
    for span in spans:
        resource = resources.get(id(span.resource))
        if resource is None:
            resource = resources[id(span.resource)] = _bounded(span.resource, most, longest)
        span.resource = resource
        if len(span.events) > config.max_events:
            _mark(span, "events", len(span.events) - config.max_events)
            span.events = span.events[: config.max_events]
        if len(span.links) > config.max_events:
            _mark(span, "links", len(span.links) - config.max_events)
            span.links = span.links[: config.max_events]
        span.attributes = _bounded(span.attributes, most, longest)
        span.events = _details(span.events, most, longest)
        span.links = _details(span.links, most, longest)
        span.name = span.name[:_LONGEST_NAME]
        span.status_message = span.status_message[:_LONGEST_MESSAGE]
        span.trace_state = span.trace_state[:_LONGEST_ID]
        span.user_id = span.user_id[:_LONGEST_ID]


def _mark(span: Span, what: str, count: int) -> None:
    span.attributes = {f"{LEFT_OUT}.{what}": str(count), **span.attributes}


def _details(details: tuple[Detail, ...], most: int, longest: int) -> tuple[Detail, ...]:
    if not details:
        return details
    found = [_bounded(one.attributes, most, longest) for one in details]
    if all(new is one.attributes for new, one in zip(found, details, strict=True)):
        return details
    return tuple(
        msgspec.structs.replace(one, attributes=new)
        for one, new in zip(details, found, strict=True)
    )


def _bounded(attributes: dict[str, str], most: int, longest: int) -> dict[str, str]:
    """The same, or another one within the bounds."""
    if len(attributes) > most:
        kept = dict(list(attributes.items())[:most])
        kept[LEFT_OUT] = str(len(attributes) - len(kept))
        attributes = kept
    if attributes and max(map(len, attributes.values())) > longest:
        _cut.inc()
        return {
            name: value if len(value) <= longest else f"{value[:longest]} … [cut]"
            for name, value in attributes.items()
        }
    return attributes
