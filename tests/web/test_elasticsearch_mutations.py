"""Whatever a body of `_search` is changed into, it is answered, or refused in its words."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.log_site import NOW_NS, LogSite, log_site
from tocsin.model.logs import LogRecord
from tocsin.store.client import Store
from tocsin.web.api.elasticsearch_search import ADDRESSES

RECORDS = [
    LogRecord(
        ts_ns=NOW_NS - n * 60 * 10**9,
        body=f"request {n} served",
        service="shop",
        level=9 + 4 * (n % 3),
        severity=("info", "warn", "error")[n % 3],
        source="shop-logs",
        attributes={"ms": str(n * 10), "user": f"u{n % 4}"},
    )
    for n in range(20)
]
Json = Any  # a request of a stranger
QUERIES: tuple[Json, ...] = (
    {"match_all": {}},
    {"term": {"severity": {"value": "error", "case_insensitive": True, "boost": 1}}},
    {"term": {"_id": "a"}},
    {"terms": {"ms": [50, "70", True, 1.5]}},
    {"match": {"message": {"query": "a b", "operator": "and", "minimum_should_match": "75%"}}},
    {"match_phrase": {"message": {"query": "request served"}}},
    {"match_phrase_prefix": {"user": {"query": "request ser"}}},
    {"multi_match": {"query": "a b", "fields": ["message^2", "user"], "type": "phrase"}},
    {"range": {"@timestamp": {"gte": "now-5m/m", "lt": 1, "time_zone": "+01:00", "format": "x"}}},
    {"range": {"ms": {"from": 1, "to": 5, "include_lower": False}}},
    {"range": {"level": {"gte": "warn"}}},
    {"exists": {"field": "ms"}},
    {"prefix": {"user": {"value": "u"}}},
    {"wildcard": {"user": {"value": "u*"}}},
    {"regexp": {"user": {"value": "u[1-3]"}}},
    {"fuzzy": {"user": {"value": "u1"}}},
    {"ids": {"values": ["1700000000000000000-1-1", "b"]}},
    {"query_string": {"query": "a OR user:u1", "fields": ["user"], "default_operator": "AND"}},
    {"simple_query_string": {"query": "a +b -c", "fields": ["user^2"]}},
    {"constant_score": {"filter": {"term": {"pattern": "5"}}}},
    {"dis_max": {"queries": [{"match": {"message": "request"}}]}},
    {"function_score": {"query": {"match_all": {}}}},
    {"bool": {"must": [{"term": {"user": 1}}], "should": {"match_all": {}},
              "must_not": [], "filter": [{"exists": {"field": "ms"}}],
              "minimum_should_match": 1}},
)  # fmt: skip
AGGREGATIONS: tuple[Json, ...] = (
    {"terms": {"field": "user", "size": 2, "min_doc_count": 1, "missing": "?",
               "order": [{"_count": "desc"}, {"inner": "asc"}], "include": "u.*",
               "exclude": ["u3"]},
     "aggs": {"inner": {"avg": {"field": "ms"}}}, "meta": {"a": 1}},
    {"date_histogram": {"field": "@timestamp", "fixed_interval": "5m", "offset": "1m",
                        "time_zone": "Europe/Berlin", "format": "yyyy-MM-dd HH:mm XXX",
                        "min_doc_count": 0, "extended_bounds": {"min": "now-1h", "max": "now"},
                        "order": {"_key": "desc"}, "keyed": True}},
    {"date_histogram": {"field": "@timestamp", "calendar_interval": "1d", "offset": "+6h"}},
    {"auto_date_histogram": {"field": "@timestamp", "buckets": 10}},
    {"histogram": {"field": "ms", "interval": 50, "offset": 5, "min_doc_count": 0,
                   "extended_bounds": {"min": 0, "max": 100}}},
    {"filter": {"term": {"user": "u1"}}, "aggs": {"n": {"value_count": {"field": "ms"}}}},
    {"filters": {"filters": {"a": {"match_all": {}}}, "other_bucket": True,
                 "other_bucket_key": "rest"}},
    {"filters": {"filters": [{"match_all": {}}]}},
    {"range": {"field": "ms", "ranges": [{"from": 1, "to": 50, "key": "few"}, {"from": 50}],
               "keyed": True}},
    {"date_range": {"field": "@timestamp", "ranges": [{"from": "now-1h", "to": "now"}]}},
    {"missing": {"field": "user"}},
    {"global": {}, "aggs": {"n": {"stats": {"field": "ms"}}}},
    {"percentiles": {"field": "ms", "percents": [50, 99.9], "keyed": False}},
    {"percentile_ranks": {"field": "ms", "values": [50, 100]}},
    {"extended_stats": {"field": "ms"}},
    {"cardinality": {"field": "user"}},
    {"median_absolute_deviation": {"field": "ms"}},
    {"min": {"field": "@timestamp"}},
)  # fmt: skip
REST: tuple[Json, ...] = (
    {"size": 5, "from": 1, "track_total_hits": True},
    {"sort": [{"@timestamp": {"order": "desc", "format": "strict_date_optional_time_nanos"}},
              {"ms": "asc"}, "_doc"],
     "search_after": [1_700_000_000_000, 5, "1700000000000000000-1-1"]},
    {"sort": [{"level": "asc"}, {"user": {"order": "asc"}}], "search_after": [5, "u1"]},
    {"sort": "user:desc"},
    {"_source": {"includes": ["m*"], "excludes": ["user"]}, "track_total_hits": 5,
     "fields": ["user", {"field": "@timestamp", "format": "epoch_millis"}],
     "docvalue_fields": [{"field": "@timestamp"}]},
    {"_source": ["ms"], "post_filter": {"term": {"user": "u1"}}},
)  # fmt: skip
BODIES: tuple[Json, ...] = (
    *({"query": one} for one in QUERIES),
    *({"size": 0, "aggs": {"it": one}} for one in AGGREGATIONS),
    *REST,
)
JUNK: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 1, 10**9, 10**18, 10**30, 0.5, -1e300, 1e308, "", "a", "*"]
    ),
    st.sampled_from(["-5", "1.5", "nan", "inf", "1e999", "now", "now/y", "now-999999y"]),
    st.sampled_from(
        ["(", "[", "a{9}{9}", "\\", "'", "\0", "\ud83d", "{{}}", "%", "||", "a:", ">1"]
    ),
    st.sampled_from(["9999-12-31", "0001-01-01", "2023-02-30", "+99:99", "XXX", "'", "GGG%", "²"]),
    st.sampled_from(["@timestamp", "level", "message", "_id", "pattern", "severity", "_count"]),
    st.sampled_from([[], {}, [[]], [{}], {"": {}}, [None], {"a": []}, [1, "a"], {"match_all": {}}]),
    st.text(max_size=6),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
)


def places(content: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a body can be changed."""
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield (*path, key)
            yield from places(content[key], (*path, key))


@st.composite
def mutations(draw: st.DrawFn) -> Json:
    """A valid body with one to three places that hold something else, another name or nothing."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(body))
        if not known:
            break
        *path, last = draw(st.sampled_from(known))
        part = body
        for key in path:
            part = part[key]
        change = draw(st.sampled_from(["junk", "junk", "junk", "gone", "renamed", "within"]))
        if change == "junk":
            part[last] = copy.deepcopy(draw(JUNK))
        elif change == "within":
            part[last] = [part[last]]
        elif change == "renamed" and isinstance(part, dict):
            part[draw(st.text(max_size=4) | st.sampled_from(["field", "ms", "level"]))] = part.pop(
                last
            )
        else:
            del part[last]
    return body


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with log_site(store, tmp_path, ADDRESSES, RECORDS) as found:
        yield found


async def test_the_bodies_that_are_changed_are_right(site: LogSite) -> None:
    for body in BODIES:
        answer = await site.post("/elasticsearch/_search", body)
        assert {"took", "hits", "_shards"} <= set(answer)
        assert answer["_shards"]["failed"] == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=mutations())
async def test_any_body_is_answered_or_refused(site: LogSite, body: Json) -> None:
    try:
        raw = msgspec.json.encode(body)
    except UnicodeEncodeError:
        raw = repr(body).encode("utf-8", "replace")
    answer = await site.call("POST", "/elasticsearch/_search", raw)
    assert answer.status in (200, 400, 413), answer.body
    found = answer.json()
    if answer.status != 200:
        assert found["error"]["type"], found
        assert found["error"]["root_cause"][0]["reason"], found
