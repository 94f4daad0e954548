"""Which traces have a span that answers a question? First their ids, then what each is."""

from __future__ import annotations

import msgspec

from tocsin.query.logs.ast import Query
from tocsin.query.traces.answers import ERROR, ServiceShare, TraceAsked, TraceSummary
from tocsin.query.traces.asking import Asking
from tocsin.query.traces.sql import asked_condition, within
from tocsin.query.traces.whole import bounds, listed

_FIRST_SHARE = 64
"""The newest are looked for in the last part of the range first."""
_SPANS_EACH = 20
"""How many spans are looked at for each trace that is wanted, before all are grouped."""
_MINUTE_NS = 60_000_000_000


class _Id(msgspec.Struct, frozen=True, array_like=True):
    trace_id: str


class _Row(msgspec.Struct, frozen=True, array_like=True):
    trace_id: str
    root: tuple[int, str, str, str]
    began_ns: int
    ended_ns: int
    spans: int
    errors: int
    services: tuple[ServiceShare, ...]
    matched: int
    match: tuple[str, str, str, int, int]


async def found(asking: Asking, asked: TraceAsked, query: Query, now_ns: int) -> list[TraceSummary]:
    """The traces, in the order asked for."""
    where = asked_condition(asked, query, now_ns)
    ids = await _ids(asking, asked, where)
    around = await bounds(asking, ids) if ids else None
    if around is None:
        return []
    rows = await asking.rows(_summaries(asked, where, ids, around), _Row)
    if asked.order == "slowest":
        rows.sort(key=lambda row: (-row.match[3], row.trace_id))
    else:
        rows.sort(key=lambda row: (-row.began_ns, row.trace_id))
    return [_summary(row) for row in rows]


async def _ids(asking: Asking, asked: TraceAsked, where: str) -> list[str]:
    length = asked.until_ns - asked.from_ns
    starts = [asked.from_ns]
    if asked.order == "newest" and length // _FIRST_SHARE > _MINUTE_NS:
        starts.insert(0, asked.until_ns - length // _FIRST_SHARE)
    ids: list[str] = []
    for start in starts:
        ids = await _ids_within(asking, asked, f"{within(start, asked.until_ns)} AND {where}")
        if len(ids) == asked.limit:
            break
    return ids


async def _ids_within(asking: Asking, asked: TraceAsked, where: str) -> list[str]:
    """The first spans are sorted out quickly; only where they are of few traces, all spans are
    grouped."""
    by = "duration_ns" if asked.order == "slowest" else "ts"
    most = asked.limit * _SPANS_EACH
    sql = f"SELECT trace_id FROM spans WHERE {where} ORDER BY {by} DESC LIMIT {most}"
    rows = await asking.rows(sql, _Id)
    ids = list(dict.fromkeys(row.trace_id for row in rows))
    if len(ids) < asked.limit and len(rows) == most:
        sql = (
            f"SELECT trace_id FROM spans WHERE {where} GROUP BY trace_id"
            f" ORDER BY max({by}) DESC LIMIT {asked.limit}"
        )
        ids = [row.trace_id for row in await asking.rows(sql, _Id)]
    return ids[: asked.limit]


def _summaries(asked: TraceAsked, where: str, ids: list[str], around: tuple[int, int]) -> str:
    matches = f"({within(asked.from_ns, asked.until_ns)} AND {where})"
    first = "-toInt64(duration_ns)" if asked.order == "slowest" else "toUnixTimestamp64Nano(ts)"
    # Spans without a parent go before all others.
    rank = "(parent_id != '', toUnixTimestamp64Nano(ts))"
    nothing = "('', '', '', toUInt64(0), toInt64(0))"
    by_service = (
        "SELECT trace_id, service,"
        f" min({rank}) AS rank, argMin((parent_id = '', service, name, span_id), {rank}) AS root,"
        " min(toUnixTimestamp64Nano(ts)) AS began,"
        " max(toUnixTimestamp64Nano(ts) + toInt64(duration_ns)) AS ended,"
        f" count() AS spans, countIf(status = {ERROR}) AS errors,"
        f" countIf({matches}) AS matched, minIf({first}, {matches}) AS match_rank,"
        f" argMinIf((span_id, service, name, duration_ns, toUnixTimestamp64Nano(ts)),"
        f" {first}, {matches}) AS match"
        f" FROM spans WHERE {listed(ids)} AND {within(*around)} GROUP BY trace_id, service"
    )
    return (
        "SELECT trace_id, argMin(root, rank), min(began), max(ended), sum(spans) AS s, sum(errors),"
        " arrayMap(x -> (x.2, x.3, x.4),"
        " arraySort(groupArray((began, service, spans, errors)))),"
        f" sum(matched), if(s > 0, argMinIf(match, match_rank, matched > 0), {nothing})"
        f" FROM ({by_service}) GROUP BY trace_id"
    )


def _summary(row: _Row) -> TraceSummary:
    has_root, service, name, span_id = row.root
    match_id, match_service, match_name, match_ns, match_began_ns = row.match
    return TraceSummary(
        trace_id=row.trace_id,
        root_service=service,
        root_name=name,
        root_id=span_id,
        has_root=bool(has_root),
        began_ns=row.began_ns,
        duration_ns=row.ended_ns - row.began_ns,
        spans=row.spans,
        errors=row.errors,
        services=row.services,
        matched=row.matched,
        match_id=match_id,
        match_service=match_service,
        match_name=match_name,
        match_ns=match_ns,
        match_began_ns=match_began_ns,
    )
