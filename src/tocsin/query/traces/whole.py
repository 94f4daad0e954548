"""All spans of a trace, sought in its minutes alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from tocsin.model.spans import Span, SpanEvent, SpanLink
from tocsin.query.traces.answers import MOST_SPANS, Trace
from tocsin.query.traces.asking import Asking
from tocsin.query.traces.sql import within
from tocsin.store.literal import literal

_MOST_TOGETHER = 200_000
"""Spans of all traces that are asked for at once."""
_COLUMNS = (
    "toUnixTimestamp64Nano(ts), duration_ns, trace_id, span_id, name, parent_id, service,"
    " environment, host, kind, status, status_message, scope, trace_state, user_id, weight,"
    " attributes, resource, events, links"
)
_events = msgspec.json.Decoder(tuple[SpanEvent, ...])
_links = msgspec.json.Decoder(tuple[SpanLink, ...])


class _Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    ts_ns: int
    duration_ns: int
    trace_id: str
    span_id: str
    name: str
    parent_id: str
    service: str
    environment: str
    host: str
    kind: int
    status: int
    status_message: str
    scope: str
    trace_state: str
    user_id: str
    weight: int
    attributes: dict[str, str]
    resource: dict[str, str]
    events: str
    links: str


class _Bounds(msgspec.Struct, frozen=True, array_like=True):
    began_ns: int
    ended_ns: int
    traces: int


class _Count(msgspec.Struct, frozen=True, array_like=True):
    trace_id: str
    spans: int


def listed(trace_ids: Sequence[str]) -> str:
    """That a row is of one of these traces, in SQL."""
    return f"trace_id IN ({', '.join(literal(one) for one in trace_ids)})"


async def bounds(asking: Asking, trace_ids: Sequence[str]) -> tuple[int, int] | None:
    """The begin of the first and the end of the last of them, None when none is kept."""
    sql = (
        "SELECT toUnixTimestamp64Nano(min(began)), toUnixTimestamp64Nano(max(ended)),"
        f" uniqExact(trace_id) FROM traces WHERE {listed(trace_ids)}"
    )
    (found,) = await asking.rows(sql, _Bounds)
    return (found.began_ns, found.ended_ns + 1) if found.traces else None


async def whole(asking: Asking, trace_ids: Sequence[str]) -> list[Trace]:
    """The traces of these ids, as they are kept, in this order; unknown ones are left out."""
    ids = list(dict.fromkeys(trace_ids))
    around = await bounds(asking, ids) if ids else None
    if around is None:
        return []
    where = f"{listed(ids)} AND {within(*around)}"
    sql = (
        f"SELECT {_COLUMNS} FROM spans WHERE {where} ORDER BY ts, span_id"
        f" LIMIT {MOST_SPANS} BY trace_id LIMIT {_MOST_TOGETHER}"
    )
    rows = await asking.rows(sql, _Row)
    spans = await asyncio.to_thread(_by_trace, rows)
    totals = {trace_id: len(found) for trace_id, found in spans.items()}
    if len(rows) == _MOST_TOGETHER or any(count >= MOST_SPANS for count in totals.values()):
        counting = f"SELECT trace_id, count() FROM spans WHERE {where} GROUP BY trace_id"
        for one in await asking.rows(counting, _Count):
            totals[one.trace_id] = max(one.spans, totals.get(one.trace_id, 0))
    return [
        Trace(trace_id=one, spans=tuple(spans[one]), total=totals[one])
        for one in ids
        if one in spans
    ]


def _by_trace(rows: Sequence[_Row]) -> dict[str, list[Span]]:
    """A span that came twice is the same in all that names it, and is taken once."""
    found: dict[str, dict[tuple[str, int, int], Span]] = {}
    for row in rows:
        of_trace = found.setdefault(row.trace_id, {})
        of_trace.setdefault((row.span_id, row.kind, row.ts_ns), _span(row))
    return {trace_id: list(spans.values()) for trace_id, spans in found.items()}


def _span(row: _Row) -> Span:
    return Span(
        ts_ns=row.ts_ns,
        duration_ns=row.duration_ns,
        trace_id=row.trace_id,
        span_id=row.span_id,
        name=row.name,
        parent_id=row.parent_id,
        service=row.service,
        environment=row.environment,
        host=row.host,
        kind=row.kind,
        status=row.status,
        status_message=row.status_message,
        scope=row.scope,
        trace_state=row.trace_state,
        user_id=row.user_id,
        weight=row.weight,
        attributes=row.attributes,
        resource=row.resource,
        events=_events.decode(row.events) if row.events else (),
        links=_links.decode(row.links) if row.links else (),
    )
