"""What log tools ask of Elasticsearch is answered over lines, in its words."""

from __future__ import annotations

import base64
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.web.log_site import NOW_NS, LogSite, log_site
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.client import Store
from tocsin.web.api.elasticsearch_search import ADDRESSES

SECOND = 10**9
LEVELS = ("info", "info", "warn", "error")


def record(n: int) -> LogRecord:
    level = LEVELS[n % 4]
    document = {
        "@timestamp": "2023-11-14T22:14:00Z",
        "message": f"request {n} served" if n % 10 else f"payment failed: card_declined {n}",
        "severity": level,
        "fields": {"run": str(n % 3), "ms": n * 10},
    }
    return LogRecord(
        ts_ns=NOW_NS - n * 60 * SECOND,
        body=str(document["message"]),
        service="shop",
        level={"info": 9, "warn": 13, "error": 17}[level],
        severity=level,
        source="shop-logs" if n % 2 else "web-logs",
        attributes={"run": str(n % 3), "ms": str(n * 10)},
        original=msgspec.json.encode(document).decode(),
    )


PAYMENTS = set(range(0, 100, 10))
RECORDS = [record(n) for n in range(100)]


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with log_site(store, tmp_path, ADDRESSES, RECORDS) as found:
        yield found


def numbers(found: Any) -> list[int]:  # an answer
    return [hit["_source"]["fields"]["ms"] // 10 for hit in found["hits"]["hits"]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        pytest.param({"match_all": {}}, set(range(100)), id="everything"),
        pytest.param({"match_none": {}}, set(), id="nothing"),
        pytest.param({"term": {"severity": "error"}}, set(range(3, 100, 4)), id="a term"),
        pytest.param({"term": {"fields.ms": {"value": 50}}}, {5}, id="a number"),
        pytest.param({"terms": {"fields.ms": [50, 70]}}, {5, 7}, id="several terms"),
        pytest.param({"match": {"message": "payment nothing"}}, PAYMENTS, id="any"),
        pytest.param(
            {"match": {"message": {"query": "payment nothing", "operator": "and"}}},
            set(),
            id="every word",
        ),
        pytest.param({"match_phrase": {"message": "failed: card"}}, PAYMENTS, id="phrase"),
        pytest.param({"range": {"@timestamp": {"gte": "now-5m"}}}, set(range(6)), id="date math"),
        pytest.param({"range": {"@timestamp": {"lt": "now-97m"}}}, {98, 99}, id="older than"),
        pytest.param({"range": {"fields.ms": {"gt": 970, "lte": 990}}}, {98, 99}, id="a range"),
        pytest.param({"exists": {"field": "fields.ms"}}, set(range(100)), id="exists"),
        pytest.param({"exists": {"field": "nothing"}}, set(), id="does not exist"),
        pytest.param({"prefix": {"severity": "err"}}, set(range(3, 100, 4)), id="prefix"),
        pytest.param({"wildcard": {"message": "pay*"}}, PAYMENTS, id="wildcard"),
        pytest.param({"regexp": {"severity": "w.rn"}}, set(range(2, 100, 4)), id="regexp"),
        pytest.param({"query_string": {"query": "payment OR served"}}, set(range(100)), id="or"),
        pytest.param({"query_string": {"query": "payment nothing"}}, PAYMENTS, id="default or"),
        pytest.param(
            {"query_string": {"query": "+payment -severity:error"}},
            {n for n in range(0, 100, 10) if n % 4 != 3},
            id="lucene",
        ),
        pytest.param(
            {"simple_query_string": {"query": "payment + -served"}},
            PAYMENTS,
            id="simple",
        ),
        pytest.param(
            {
                "bool": {
                    "must": [{"match": {"message": "payment"}}],
                    "filter": {"range": {"@timestamp": {"gte": "now-1h"}}},
                    "must_not": [{"term": {"fields.run": "0"}}],
                }
            },
            {10, 20, 40, 50},
            id="all sides of bool",
        ),
        pytest.param(
            {
                "bool": {
                    "should": [
                        {"term": {"fields.run": "1"}},
                        {"term": {"severity": "warn"}},
                        {"range": {"fields.ms": {"lt": 100}}},
                    ],
                    "minimum_should_match": 2,
                }
            },
            {n for n in range(100) if (n % 3 == 1) + (n % 4 == 2) + (n < 10) >= 2},
            id="two of three",
        ),
        pytest.param(
            {"constant_score": {"filter": {"term": {"level": "warn"}}}},
            set(range(2, 100, 4)),
            id="a level",
        ),
    ],
)
async def test_a_query_finds_its_lines(site: LogSite, query: object, wanted: set[int]) -> None:
    found = await site.post("/elasticsearch/_search", {"query": query, "size": 1000})
    assert set(numbers(found)) == wanted
    assert found["hits"]["total"] == {"value": len(wanted), "relation": "eq"}
    counted = await site.post("/elasticsearch/_count", {"query": query})
    assert counted["count"] == len(wanted)


async def test_pages_follow_each_other_by_search_after_and_by_scroll(site: LogSite) -> None:
    body: dict[str, Any] = {"size": 30, "sort": [{"@timestamp": "asc"}, "_doc"]}
    seen: list[int] = []
    while True:
        found = await site.post("/elasticsearch/_search", body)
        hits = found["hits"]["hits"]
        if not hits:
            break
        seen += numbers(found)
        body["search_after"] = hits[-1]["sort"]
    assert seen == list(range(99, -1, -1))
    found = await site.post("/elasticsearch/_search?scroll=1m", {"size": 40})
    total = numbers(found)
    while found["hits"]["hits"]:
        found = await site.post("/elasticsearch/_search/scroll", {"scroll_id": found["_scroll_id"]})
        total += numbers(found)
    assert sorted(total) == list(range(100))


async def test_hits_are_sorted_by_fields_and_show_what_is_asked(site: LogSite) -> None:
    body = {
        "size": 3,
        "from": 1,
        "sort": [{"fields.ms": {"order": "desc"}}],
        "_source": ["fields.ms"],
        "fields": ["severity", {"field": "@timestamp", "format": "epoch_millis"}],
    }
    found = await site.post("/elasticsearch/shop-logs,web-*/_search", body)
    assert [hit["sort"] for hit in found["hits"]["hits"]] == [[980], [970], [960]]
    first = found["hits"]["hits"][0]
    assert first["_source"] == {"fields": {"ms": 980}}
    assert first["fields"] == {
        "severity": ["warn"],
        "@timestamp": [str((NOW_NS - 98 * 60 * SECOND) // 10**6)],
    }


async def test_an_index_is_its_source_and_a_missing_one_is_told(site: LogSite) -> None:
    found = await site.post("/elasticsearch/shop-logs/_count", {})
    assert found["count"] == 50
    missing = await site.post("/elasticsearch/nothing/_search", {}, 404)
    assert missing["error"]["type"] == "index_not_found_exception"
    answer = await site.call("POST", "/elasticsearch/none*/_search")
    assert answer.json()["hits"]["hits"] == []
    assert answer.headers["x-elastic-product"] == "Elasticsearch"


async def test_aggregations_nest_and_fill_gaps(site: LogSite) -> None:
    body = {
        "size": 0,
        "aggs": {
            "by_level": {
                "terms": {"field": "severity"},
                "aggs": {
                    "slow": {"max": {"field": "fields.ms"}},
                    "runs": {"terms": {"field": "fields.run", "size": 1}},
                },
            },
            "over_time": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": "30m"},
                "aggs": {"bad": {"filter": {"term": {"severity": "error"}}}},
            },
            "ms": {"percentiles": {"field": "fields.ms", "percents": [50]}},
            "n": {"value_count": {"field": "fields.ms"}},
            "runs": {"cardinality": {"field": "fields.run"}},
            "kinds": {
                "filters": {
                    "filters": {"pay": {"match": {"message": "payment"}}, "all": {"match_all": {}}}
                }
            },
        },
    }
    found = (await site.post("/elasticsearch/_search", body))["aggregations"]
    levels = found["by_level"]["buckets"]
    assert [(one["key"], one["doc_count"]) for one in levels] == [
        ("info", 50),
        ("error", 25),
        ("warn", 25),
    ]
    assert levels[0]["slow"]["value"] == 970
    assert len(levels[0]["runs"]["buckets"]) == 1
    assert levels[0]["runs"]["sum_other_doc_count"] > 0
    times = found["over_time"]["buckets"]
    assert sum(one["doc_count"] for one in times) == 100
    assert sum(one["bad"]["doc_count"] for one in times) == 25
    assert {b["key"] - a["key"] for a, b in itertools.pairwise(times)} == {1_800_000}
    assert found["ms"]["values"]["50.0"] == pytest.approx(495, abs=10)
    assert (found["n"]["value"], found["runs"]["value"]) == (100, 3)
    kinds = found["kinds"]["buckets"]
    assert (kinds["pay"]["doc_count"], kinds["all"]["doc_count"]) == (10, 100)


@pytest.mark.parametrize(
    ("interval", "zone", "first"),
    [
        ("1d", "Europe/Berlin", "2023-11-14T00:00:00.000+01:00"),
        ("1M", "+02:00", "2023-11-01T00:00:00.000+02:00"),
        ("hour", "UTC", "2023-11-14T20:00:00.000Z"),
    ],
)
async def test_calendar_buckets_begin_in_their_zone(
    site: LogSite, interval: str, zone: str, first: str
) -> None:
    options = {"field": "@timestamp", "calendar_interval": interval, "time_zone": zone}
    body = {"size": 0, "aggs": {"t": {"date_histogram": options}}}
    found = (await site.post("/elasticsearch/_search", body))["aggregations"]["t"]["buckets"]
    assert found[0]["key_as_string"] == first
    assert sum(one["doc_count"] for one in found) == 100


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"query": {"fluzzy": {}}}, "parsing_exception"),
        ({"query": {"query_string": {"query": "a AND ("}}}, "search_phase_execution_exception"),
        ({"size": 20_000}, "illegal_argument_exception"),
        ({"aggs": {"x": {"median": {}}}}, "parsing_exception"),
        (
            {"query": {"range": {"@timestamp": {"gte": "yesterday"}}}},
            "search_phase_execution_exception",
        ),
        ({"qeury": {}}, "parsing_exception"),
    ],
)
async def test_what_is_wrong_is_told_in_its_words(site: LogSite, body: object, kind: str) -> None:
    found = await site.post("/elasticsearch/_search", body, 400)
    assert found["error"]["type"] == kind
    assert found["status"] == 400


@pytest.mark.parametrize(
    ("buckets", "query", "interval"),
    [
        (10, {"match_all": {}}, "30m"),
        (2, {"match_all": {}}, "3h"),
        ("1", {"match_all": {}}, "12h"),
        (10, {"range": {"@timestamp": {"gte": "now-5m"}}}, "1m"),
        (10, {"match_none": {}}, "1s"),
    ],
)
async def test_an_automatic_histogram_has_as_many_buckets_as_are_wanted(
    site: LogSite, buckets: object, query: object, interval: str
) -> None:
    options = {"field": "@timestamp", "buckets": buckets}
    body = {"query": query, "size": 0, "aggs": {"t": {"auto_date_histogram": options}}}
    found = (await site.post("/elasticsearch/_search", body))["aggregations"]["t"]
    assert found["interval"] == interval
    assert len(found["buckets"]) <= int(str(buckets))


async def test_a_post_filter_narrows_hits_but_not_aggregations(site: LogSite) -> None:
    body = {
        "post_filter": {"term": {"severity": "error"}},
        "aggs": {"all": {"value_count": {"field": "severity"}}},
        "size": 100,
    }
    found = await site.post("/elasticsearch/_search", body)
    assert set(numbers(found)) == set(range(3, 100, 4))
    assert found["hits"]["total"]["value"] == 25
    assert found["aggregations"]["all"]["value"] == 100


async def test_numbers_may_be_texts_as_tools_send_them(site: LogSite) -> None:
    body = {
        "size": "0",
        "aggs": {
            "t": {"terms": {"field": "severity", "size": "2", "min_doc_count": "1"}},
            "h": {"histogram": {"field": "fields.ms", "interval": "500", "min_doc_count": "0"}},
        },
    }
    found = (await site.post("/elasticsearch/_search", body))["aggregations"]
    assert [one["doc_count"] for one in found["t"]["buckets"]] == [50, 25]
    assert [one["doc_count"] for one in found["h"]["buckets"]] == [50, 50]


async def test_lines_that_stand_for_several_count_for_them(site: LogSite) -> None:
    many = [
        LogRecord(ts_ns=NOW_NS - n, body="sampled", service="s", level=9, source="sampled",
                  weight=weight, attributes={"ms": ms})
        for n, (weight, ms) in enumerate([(1, "10"), (9, "20"), (5, "")])
    ]  # fmt: skip
    await site.writer.write(LogBatch(records=tuple(many), key=8, taken_ms=NOW_NS // 10**6))
    kinds = ("value_count", "avg", "sum", "stats", "extended_stats", "max")
    aggs: dict[str, Any] = {kind: {kind: {"field": "ms"}} for kind in kinds}
    aggs["half"] = {"percentiles": {"field": "ms", "percents": [50]}}
    aggs["ranks"] = {"percentile_ranks": {"field": "ms", "values": [10]}}
    aggs["away"] = {"median_absolute_deviation": {"field": "ms"}}
    found = await site.post("/elasticsearch/sampled/_search", {"size": 0, "aggs": aggs})
    assert found["hits"]["total"]["value"] == 15
    numbers = found["aggregations"]
    assert [numbers[kind]["value"] for kind in ("value_count", "avg", "sum", "max")] == [
        *(10, 19, 190, 20),
    ]
    assert numbers["stats"] == {"count": 10, "min": 10, "max": 20, "avg": 19, "sum": 190}
    assert numbers["extended_stats"]["variance"] == pytest.approx(9)
    assert numbers["half"]["values"] == {"50.0": 20}
    assert numbers["ranks"]["values"] == {"10.0": 10}
    assert numbers["away"]["value"] == 0


async def test_percentiles_count_a_line_as_often_as_its_weight_says(site: LogSite) -> None:
    many = [
        LogRecord(ts_ns=NOW_NS, body="x", source="heavy", weight=w, attributes={"ms": str(ms)})
        for ms, w in [*((ms, 1) for ms in range(1000)), (5000, 100_000), (7000, 3)]
    ]
    await site.writer.write(LogBatch(records=tuple(many), key=9, taken_ms=NOW_NS // 10**6))
    wanted = [0.1, 0.5, *range(2, 99), 100]
    aggs: dict[str, Any] = {
        "ms": {"percentiles": {"field": "ms", "percents": wanted}},
        "away": {"median_absolute_deviation": {"field": "ms"}},
        "none": {"percentiles": {"field": "missing", "percents": [50]}},
    }
    found = await site.post("/elasticsearch/heavy/_search", {"size": 0, "aggs": aggs})
    numbers = found["aggregations"]
    lines = sorted([*range(1000), *[5000] * 100_000, *[7000] * 3])
    expected = {str(float(one)): np.percentile(lines, one) for one in wanted}
    assert numbers["ms"]["values"] == pytest.approx(expected)
    assert numbers["away"]["value"] == 0
    assert numbers["none"]["values"] == {"50.0": None}


def token(content: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param("\u00b2", id="no ASCII"),
        pytest.param("%%%", id="no base64"),
        pytest.param(token([1]), id="a list"),
        pytest.param(token({"body": [1], "index": 5}), id="no body"),
        pytest.param(token({"body": {"size": {}}, "index": {}}), id="a wrong body"),
        pytest.param(base64.b64encode(b"[" * 100_000).decode(), id="too deep"),
        pytest.param({"a": 1}, id="no text"),
    ],
)
async def test_a_scroll_or_point_in_time_that_was_made_up_is_refused(
    site: LogSite, name: object
) -> None:
    await site.post("/elasticsearch/_search/scroll", {"scroll_id": name}, 400)
    for pit in ({"id": name}, name):
        answer = await site.call(
            "POST", "/elasticsearch/_search", msgspec.json.encode({"pit": pit})
        )
        assert answer.status in (200, 400, 404), answer.body


@pytest.mark.parametrize(
    "query", ["size=x", "from=-1", "search_after=1", "sort=a:up", "q=%28", "track_total_hits=x"]
)
async def test_a_wrong_parameter_is_refused(site: LogSite, query: str) -> None:
    refused = await site.get(f"/elasticsearch/_search?{query}", 400)
    assert refused["status"] == 400
    assert refused["error"]["reason"]


async def test_several_searches_and_fields(site: LogSite) -> None:
    wrong = {"query": {"term": {"level": {"value": "zz"}}}, "sort": 5}
    lines = [{"index": "shop-logs"}, {"size": 1}, {"index": "gone"}, {"size": 1}, {}, wrong]
    raw = b"".join(msgspec.json.encode(one) + b"\n" for one in lines)
    answer = await site.call("POST", "/elasticsearch/_msearch", raw)
    first, second, third = answer.json()["responses"]
    assert first["hits"]["total"]["value"] == 50
    assert second["status"] == 404
    assert (third["status"], third["error"]["type"]) == (400, "parsing_exception")
    caps = await site.get("/elasticsearch/_field_caps", fields="*")
    assert caps["fields"]["ms"]["double"]["aggregatable"]
    assert caps["fields"]["@timestamp"]["date"]["searchable"]
    mapped = await site.get("/elasticsearch/shop-logs/_mapping")
    assert mapped["shop-logs"]["mappings"]["properties"]["message"] == {
        "type": "text",
        "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
    }


async def test_a_point_in_time_is_paged_and_closed(site: LogSite) -> None:
    pit = await site.post("/elasticsearch/shop-logs/_pit?keep_alive=1m", None)
    body = {"pit": {"id": pit["id"]}, "size": 50, "sort": [{"@timestamp": "desc"}]}
    found = await site.post("/elasticsearch/_search", body)
    assert len(found["hits"]["hits"]) == 50
    body["search_after"] = found["hits"]["hits"][-1]["sort"]
    assert not (await site.post("/elasticsearch/_search", body))["hits"]["hits"]
