"""Lines are asked for, followed and taken away over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.web.log_site import NOW_NS, NOW_S, LogSite, log_site
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.client import Store
from tocsin.web.api.logs import ADDRESSES

SECOND = 10**9
COUNT = 12_000
RECORDS = [
    LogRecord(
        ts_ns=NOW_NS - n * SECOND // 4,
        body=f"line {n}" if n else "=cmd|' /C calc'!A0",
        service=("api", "web")[n % 2],
        level=(9, 17)[n % 10 == 0],
        host="h1",
        attributes={"n": str(n)},
    )
    for n in range(COUNT)
]
HOUR: dict[str, Any] = {"from": str((NOW_S - 3600) * SECOND), "to": str(NOW_NS + 1)}


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with log_site(store, tmp_path, ADDRESSES, RECORDS) as found:
        yield found


async def test_lines_are_found_newest_first_and_each_has_a_link(site: LogSite) -> None:
    found = await site.get("/api/logs/search", q="service:api level:error", limit=2, **HOUR)
    assert [line["attributes"]["n"] for line in found["lines"]] == ["0", "10"]
    first = found["lines"][1]
    assert first["time"] == "2023-11-14T22:13:57.500000000Z"
    assert await site.get(f"/api/logs/lines/{first['id']}") == first
    around = await site.get(f"/api/logs/lines/{first['id']}/context", count=2)
    assert [one["message"] for one in around["before"]] == ["line 14", "line 12"]
    assert [one["message"] for one in around["after"]] == ["line 8", "line 6"]
    oldest = await site.get("/api/logs/search", q="", limit=1, order="asc", **HOUR)
    assert oldest["lines"][0]["message"] == f"line {COUNT - 1}"


async def test_counts_bars_values_and_fields(site: LogSite) -> None:
    assert (await site.get("/api/logs/count", q="level:error", **HOUR))["count"] == COUNT // 10
    bars = await site.get("/api/logs/histogram", q="", step=600, **HOUR)
    assert sum(bar["count"] for bar in bars["bars"]) == COUNT
    assert {bar["level"] for bar in bars["bars"]} == {"info", "error"}
    values = await site.get("/api/logs/values", field="service", **HOUR)
    assert values["values"][0] == {"value": "api", "count": COUNT // 2}
    assert (await site.get("/api/logs/fields", **HOUR))["values"][0]["value"] == "n"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("search?q=a+AND+(", "character"),
        ("search?limit=99999", "10,000"),
        ("search?from=now&to=now-1h", "ends before"),
        ("values", "field"),
        ("export?format=xml", "ndjson or csv"),
        ("tail?q=level:loud", "no level"),
    ],
)
async def test_mistakes_are_told(site: LogSite, path: str, words: str) -> None:
    found = await site.get(f"/api/logs/{path}", 400)
    assert words in found["error"]


@pytest.mark.parametrize("path", ["search?", "count?", "histogram?", "values?field=n&", "export?"])
async def test_a_range_may_be_longer_than_all_times(site: LogSite, path: str) -> None:
    begun, ended = "from=now-999999y", "to=now%2B999999y"
    late = "q=@timestamp:>now%2B999999y"
    for asked in (begun, ended, f"{begun}&{ended}", late):
        answer = await site.call("GET", f"/api/logs/{path}{asked}")
        assert answer.status == 200, answer.body


@pytest.mark.parametrize("number", ["99999999999999999999", "9223372036854775808", "1"])
async def test_an_id_of_any_size_names_no_line(site: LogSite, number: str) -> None:
    answer = await site.get(f"/api/logs/lines/{number}-{number}-{number}", 404)
    assert answer["error"]


async def test_of_no_line_nothing_is_taken_away(site: LogSite) -> None:
    answer = await site.call("GET", "/api/logs/export?q=nothing&from=now-1h")
    assert (answer.status, answer.body) == (200, b"")
    answer = await site.call("GET", "/api/logs/export?q=nothing&from=now-1h&format=csv")
    assert answer.body.count(b"\r\n") == 1


async def test_everything_is_taken_away_page_by_page(site: LogSite) -> None:
    query = "&".join(f"{name}={value}" for name, value in HOUR.items())
    answer = await site.call("GET", f"/api/logs/export?q=&format=ndjson&{query}")
    rows = [msgspec.json.decode(row) for row in answer.body.splitlines()]
    assert [int(row["attributes"]["n"]) for row in rows] == list(range(COUNT))
    answer = await site.call("GET", f"/api/logs/export?q=&format=csv&order=asc&limit=7&{query}")
    table = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [row["message"] for row in table] == [
        f"line {n}" for n in range(COUNT - 1, COUNT - 8, -1)
    ]
    assert answer.headers["content-disposition"].endswith('.csv"')


async def test_no_spreadsheet_takes_a_line_for_a_formula(site: LogSite) -> None:
    answer = await site.call("GET", "/api/logs/export?q=calc&format=csv&from=now-1m")
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row["message"].startswith("'=cmd")


async def test_a_tail_catches_up_and_goes_on_with_what_comes(site: LogSite) -> None:
    def come() -> None:
        new = LogRecord(ts_ns=NOW_NS + SECOND, body="brand new", service="api", level=17)
        other = LogRecord(ts_ns=NOW_NS + SECOND, body="not wanted", service="web", level=17)
        site.tail.publish(LogBatch(records=(other, new), key=9, taken_ms=NOW_S * 1000))

    def stop(body: bytes) -> bool:
        if body.endswith(b"event: caught_up\ndata: {}\n\n"):
            come()
        return b"brand new" in body

    path = "/api/logs/tail?q=service:api+level:error&since=now-10s"
    answer = await site.call("GET", path, stop=stop)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [part for part in answer.body.split(b"\n\n") if b"event: line" in part]
    lines = [msgspec.json.decode(part.partition(b"data: ")[2]) for part in events]
    assert [line["message"] for line in lines][-3:] == [
        "line 10",
        "=cmd|' /C calc'!A0",
        "brand new",
    ]
    assert b"not wanted" not in answer.body
