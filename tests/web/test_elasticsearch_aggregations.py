"""What log tools count of lines in Elasticsearch's language is right."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.web.elasticsearch_site import elasticsearch_site
from tests.web.log_site import NOW_NS, LogSite
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.client import Store


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with elasticsearch_site(store, tmp_path) as found:
        yield found


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
