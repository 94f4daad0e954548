"""How is a tree of aggregations computed? One statement for each level: GROUP BY all keys above."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tocsin.query.elastic import auto_interval, metrics
from tocsin.query.elastic import buckets as kinds
from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.buckets import MOST_BUCKETS, Key
from tocsin.query.logs.search import LogSearch
from tocsin.store.literal import literal

Path = tuple[Key, ...]
Shown = dict[str, Any]  # a part of the answer by the aggregation's name


async def gathered(
    search: LogSearch, where: str, aggs: Sequence[Aggregation], above: Sequence[str] = ()
) -> tuple[dict[Path, Shown], dict[Path, Shown]]:
    """What the aggregations find in each bucket above them, by the keys of those; and what they
    show in a bucket without lines, under the empty path.

    Raises ElasticFault for what cannot be asked, or more than `MOST_BUCKETS` buckets.
    """
    found: dict[Path, Shown] = defaultdict(dict)
    nothing: Shown = {}
    numbers = [one for one in aggs if one.is_metric]
    jobs = [_one(search, where, agg, above) for agg in aggs if not agg.is_metric]
    if numbers:
        jobs.insert(0, _numbers(search, where, numbers, above))
    for parts, empty in await asyncio.gather(*jobs):
        for path, shown in parts.items():
            found[path].update(shown)
        nothing.update(empty)
    for shown in found.values():
        for name, empty_part in nothing.items():
            shown.setdefault(name, empty_part)
    ordered = {
        path: {agg.name: _noted(agg, shown[agg.name]) for agg in aggs}
        for path, shown in found.items()
    }
    return ordered, {(): {agg.name: _noted(agg, nothing[agg.name]) for agg in aggs}}


def _noted(agg: Aggregation, shown: Shown) -> Shown:
    return {"meta": agg.meta, **shown} if agg.meta else shown


async def _numbers(
    search: LogSearch, where: str, aggs: Sequence[Aggregation], above: Sequence[str]
) -> tuple[dict[Path, Shown], Shown]:
    columns = [metrics.expressions(agg) for agg in aggs]
    rows = await _grouped(search, where, above, [one for part in columns for one in part])
    found: dict[Path, Shown] = {}
    for row in rows:
        path, values = tuple(row[: len(above)]), row[len(above) :]
        shown, at = {}, 0
        for agg, part in zip(aggs, columns, strict=True):
            shown[agg.name] = metrics.shown(agg, values[at : at + len(part)])
            at += len(part)
        found[path] = shown
    return found, {agg.name: _no_number(agg) for agg in aggs}


def _no_number(agg: Aggregation) -> Shown:
    match agg.kind:
        case "value_count" | "cardinality":
            return {"value": 0}
        case "sum":
            return {"value": 0.0}
        case "percentiles" | "percentile_ranks":
            return {"values": {}}
        case "stats" | "extended_stats":
            return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    return {"value": None}


async def _one(
    search: LogSearch, where: str, agg: Aggregation, above: Sequence[str]
) -> tuple[dict[Path, Shown], Shown]:
    now_ns = search.now_ns()
    scope = "1" if agg.kind == "global" else where
    if agg.kind == auto_interval.KIND:
        agg = await auto_interval.with_interval(search, scope, agg)
    key = kinds.key_sql(agg, now_ns)
    below = [*above, key]
    rows = await _grouped(search, scope, below, ["sum(weight)"], frequent="terms" in agg.kind)
    inside, empty = (
        await gathered(search, _narrowed(scope, agg, above, key, rows), agg.inside, below)
        if agg.inside
        else ({}, {(): {}})
    )
    counts: dict[Path, dict[Key, int]] = defaultdict(dict)
    for row in rows:
        if row[-2] is not None and row[-2] != "":
            counts[tuple(row[:-2])][row[-2]] = int(row[-1])

    def of(path: Path) -> Shown:
        known = counts.get(path, {})

        def make(key: Key) -> Shown:
            return {"doc_count": known.get(key, 0), **inside.get((*path, key), empty[()])}

        return kinds.shown(agg, list(known.items()), make, now_ns)

    found = {path: {agg.name: of(path)} for path in counts}
    return found, {agg.name: of(("\0nothing",))}


def _narrowed(
    where: str,
    agg: Aggregation,
    above: Sequence[str],
    key: str,
    rows: Sequence[Sequence[Any]],  # as the engine gave them
) -> str:
    """Only the most frequent terms are looked into, when those are what is shown."""
    if above or agg.kind != "terms" or "order" in agg.body:
        return where
    chosen = [str(row[0]) for row in rows if row[0] != ""][: kinds.terms_shown(agg)]
    return f"{where} AND {key} IN ({', '.join(map(literal, chosen))})" if chosen else where


async def _grouped(
    search: LogSearch,
    where: str,
    keys: Sequence[str],
    columns: Sequence[str],
    *,
    frequent: bool = False,
) -> list[list[Any]]:  # as the engine gives them
    """Rows of keys and columns; only the most frequent when there are too many of them."""
    names = [f"k{number}" for number in range(len(keys))]
    selected = [f"{sql} AS {name}" for sql, name in zip(keys, names, strict=True)]
    group = f" GROUP BY {', '.join(names)}" if names else ""
    sql = (
        f"SELECT {', '.join([*selected, *columns])} FROM logs WHERE {where}{group}"
        f"{f' ORDER BY sum(weight) DESC, {names[-1]}' if frequent else ''} LIMIT {MOST_BUCKETS + 1}"
    )
    rows: list[list[Any]] = await search.ask(sql, list)
    if len(rows) > MOST_BUCKETS and not frequent:
        raise kinds.too_many()
    return rows
