"""What does Elasticsearch's `_search` answer over log lines?

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.kit.clock import Clock
from tocsin.query.elastic import document, option
from tocsin.query.elastic.aggregation import Aggregation, aggregations_of
from tocsin.query.elastic.dsl import Json, query_of
from tocsin.query.elastic.faults import ElasticFault, illegal, no_index, parsing
from tocsin.query.elastic.gather import gathered
from tocsin.query.elastic.order import Order, after_sql, orders_of
from tocsin.query.logs.ast import Query
from tocsin.query.logs.bounds import bounds
from tocsin.query.logs.search import COLUMNS, Line, LogSearch, Span, within
from tocsin.query.logs.sql import condition
from tocsin.store.literal import literal

_MOST_HITS = 10_000
_ALL_HITS = 1 << 62
_AHEAD_NS = 2 * 86_400 * 10**9
SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_IGNORED = frozenset(
    (
        *("timeout", "version", "seq_no_primary_term", "stored_fields", "explain", "profile"),
        *("highlight", "indices_boost", "min_score", "script_fields", "runtime_mappings"),
        *("ext", "stats", "terminate_after", "collapse", "rescore", "suggest", "preference"),
        *("batched_reduce_size", "slice", "knn", "rank", "track_scores", "keep_alive"),
    )
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    query: Query
    where: str
    """What totals and aggregations are over, but for `post`."""
    post: str
    """What hits and their total must be besides."""
    span: Span
    orders: Sequence[Order]
    after: str
    size: int
    offset: int
    shape: document.Shape
    aggs: Sequence[Aggregation]
    track: int
    """Up to which number hits are counted; 0 not at all."""


def asked_of(body: Json, index: str, now_ns: int, *, with_tie: bool = False) -> Asked:
    """Read a request. Raises ElasticFault in Elasticsearch's words."""
    known = {"query", "post_filter", "sort", "from", "size", "search_after", "_source", "aggs"}
    known |= {"aggregations", "track_total_hits", "fields", "docvalue_fields", "pit"} | _IGNORED
    for name in body:
        if name not in known:
            raise parsing(f"unknown key for a value or an object in [{str(name)[:100]}].")
    query = query_of(body["query"], now_ns) if body.get("query") else query_of({"match_all": {}}, 0)
    first, last = bounds(query, now_ns)
    # Nothing is kept of the far future, so the newest lines are looked for from here on.
    last = min(last, max(now_ns, first) + _AHEAD_NS)
    span = Span(first, max(first + 1, last))
    where = f"{within(span)} AND {condition(query, now_ns)}{of_index(index)}"
    orders = orders_of(body.get("sort"), with_tie=with_tie)
    size, offset = option.whole(body, "size", 10), option.whole(body, "from", 0)
    if size + offset > _MOST_HITS:
        raise illegal(
            "Result window is too large, from + size must be less than or equal to:"
            f" [{_MOST_HITS}] but was [{size + offset}]. See the scroll api for a more efficient"
            " way to request large data sets. This limit can be set by changing the"
            " [index.max_result_window] index level setting."
        )
    post = body.get("post_filter")
    aggs = aggregations_of(body.get("aggs", body.get("aggregations")))
    return Asked(
        query,
        where,
        f" AND {condition(query_of(post, now_ns), now_ns)}" if post else "",
        span,
        orders,
        _after(body, orders, now_ns),
        size,
        offset,
        document.shape_of(body),
        aggs,
        _tracked(body.get("track_total_hits", True)),
    )


def _after(body: Json, orders: Sequence[Order], now_ns: int) -> str:
    if body.get("search_after") is None:
        return ""
    if not orders:
        raise illegal("Sort must contain at least one field when using search_after.")
    return after_sql(orders, option.listed(body, "search_after"), now_ns)


def _tracked(given: object) -> int:
    if given in (True, "true", None):
        return _ALL_HITS
    if given in (False, "false"):
        return 0
    wanted = option.whole({"track_total_hits": given}, "track_total_hits", 0, least=-1)
    return _ALL_HITS if wanted < 0 else wanted


def of_index(index: str) -> str:
    """That a line came into one of the indices that a path names, with `*` and `-`."""
    wanted, out = [], []
    for name in index.split(","):
        bare = name.removeprefix("-")
        if not bare:
            continue
        if "*" in bare:
            pattern = ".*".join(re.escape(part) for part in bare.split("*"))
            way = f"match(source, {literal(f'^(?:{pattern})$')})"
        else:
            way = f"source = {literal(bare)}"
        if name.startswith("-"):
            out.append(f"NOT {way}")
        else:
            wanted.append("1" if bare in ("_all", "*") else way)
    parts = ([f"({' OR '.join(wanted)})"] if wanted and "1" not in wanted else []) + out
    return "".join(f" AND {one}" for one in parts)


class ElasticSearch:
    """Elasticsearch's questions, asked of the lines. Raises ElasticFault, and as LogSearch does."""

    def __init__(self, search: LogSearch, clock: Clock) -> None:
        self._search = search
        self._clock = clock

    async def search(self, body: Json, index: str, *, with_tie: bool = False) -> Json:
        """The whole answer of `_search`."""
        began = self._clock.monotonic()
        asked = asked_of(body, index, self._search.now_ns(), with_tie=with_tie)
        lines, total, found = await asyncio.gather(
            self._lines(asked), self._total(asked), self._aggregated(asked)
        )
        if total == 0 and not lines:
            await self.check_index(index)
        hits: Json = {"max_score": 1.0 if lines and not asked.orders else None}
        if asked.track:
            is_exact = total <= asked.track
            hits["total"] = {
                "value": min(total, asked.track),
                "relation": "eq" if is_exact else "gte",
            }
        hits["hits"] = [document.hit(line, asked.shape, asked.orders) for line in lines]
        took = int((self._clock.monotonic() - began) * 1000)
        answer: Json = {"took": took, "timed_out": False, "_shards": SHARDS, "hits": hits}
        if asked.aggs:
            answer["aggregations"] = found
        return answer

    async def count(self, body: Json, index: str) -> Json:
        """The answer of `_count`."""
        for name in body:
            if name != "query":
                raise parsing(f"request does not support [{str(name)[:100]}]")
        asked = asked_of({**body, "size": 0}, index, self._search.now_ns())
        total = await self._total(asked)
        if not total:
            await self.check_index(index)
        return {"count": total, "_shards": SHARDS}

    async def check_index(self, index: str) -> None:
        """Raises ElasticFault 404 for a name without `*` that no line came with."""
        for name in index.split(","):
            if not name or "*" in name or name in ("_all",) or name.startswith("-"):
                continue
            sql = f"SELECT 1 FROM logs WHERE source = {literal(name)} LIMIT 1"
            if not await self._search.ask(sql, list):
                raise no_index(name)

    async def _total(self, asked: Asked) -> int:
        if not asked.track:
            return -1
        rows: list[list[Any]] = await self._search.ask(
            f"SELECT sum(weight) FROM logs WHERE {asked.where}{asked.post}", list
        )
        return int(rows[0][0])

    async def _aggregated(self, asked: Asked) -> Json:
        if not asked.aggs:
            return {}
        found, nothing = await gathered(self._search, asked.where, asked.aggs)
        return found.get((), nothing[()])

    async def _lines(self, asked: Asked) -> list[Line]:
        if not asked.size:
            return []
        where = asked.where + asked.post + (f" AND {asked.after}" if asked.after else "")
        if all(one.is_tie or one.field in ("@timestamp", "timestamp") for one in asked.orders):
            newest = not asked.orders or asked.orders[0].is_descending
            return await self._search.in_order(
                where, asked.span, asked.size, newest_first=newest, offset=asked.offset
            )
        order = ", ".join(one.sql() for one in asked.orders)
        return await self._search.ask(
            f"SELECT {COLUMNS} FROM logs WHERE {where} ORDER BY {order}"
            f" LIMIT {asked.size} OFFSET {asked.offset}",
            Line,
        )


__all__ = ["Asked", "ElasticFault", "ElasticSearch", "asked_of"]
