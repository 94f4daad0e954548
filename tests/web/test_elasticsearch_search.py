"""What log tools ask of Elasticsearch is answered over lines, in its words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.web.elasticsearch_site import SECOND, elasticsearch_site, numbers
from tests.web.log_site import NOW_NS, LogSite
from tocsin.store.client import Store

PAYMENTS = set(range(0, 100, 10))


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with elasticsearch_site(store, tmp_path) as found:
        yield found


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
