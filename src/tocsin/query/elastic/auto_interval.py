"""How long are the buckets of an `auto_date_histogram`? So long that no more come than are wanted.

https://www.elastic.co/docs/reference/aggregations/search-aggregations-bucket-autodatehistogram-aggregation
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tocsin.query.elastic import option
from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.calendar import rounding_of
from tocsin.query.elastic.values import MILLIS
from tocsin.query.logs.search import LogSearch

KIND = "auto_date_histogram"
_BUCKETS = 10
_FIXED = (
    *("1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m"),
    *("1h", "3h", "12h", "1d", "7d"),
)
_OF_CALENDAR = ("1M", "1q", "1y")


async def with_interval(search: LogSearch, where: str, agg: Aggregation) -> Aggregation:
    """The aggregation with the shortest interval that makes few enough buckets of these lines."""
    most = option.whole(agg.body, "buckets", _BUCKETS, least=1)
    sql = f"SELECT count(), min({MILLIS}), max({MILLIS}) FROM logs WHERE {where}"
    rows: list[list[Any]] = await search.ask(sql, list)
    count, first, last = (int(one) for one in rows[0])
    rest = {name: value for name, value in agg.body.items() if name != "buckets"}
    for kind, names in (("fixed_interval", _FIXED), ("calendar_interval", _OF_CALENDAR)):
        for name in names:
            body = {**rest, kind: name}
            rounding = rounding_of(body, search.now_ns())
            begin, end = rounding.start(first), rounding.start(last)
            if not count or len(rounding.between(begin, end, most + 1)) <= most:
                return replace(agg, body=body)
    return replace(agg, body={**rest, "calendar_interval": _OF_CALENDAR[-1]})
