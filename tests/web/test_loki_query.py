"""What Grafana's Explore and its Logs panel ask of Loki is answered over lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.web.log_site import NOW_NS, NOW_S, LogSite, log_site
from tocsin.model.logs import LogRecord
from tocsin.store.client import Store
from tocsin.web.api.loki_query import ADDRESSES

SECOND = 10**9
HOUR = {"start": (NOW_S - 3600) * SECOND, "end": NOW_NS + 1}
LEVELS = ("info", "warn", "error")
NUMBERS = {"info": 9, "warn": 13, "error": 17}


def record(n: int) -> LogRecord:
    level = LEVELS[n % 3]
    if n % 2:
        line = f'{{"msg":"order {n}","ms":{n},"took":"{n}ms","nested":{{"code":"c{n % 5}"}}}}'
    else:
        line = f'level={level} msg="payment failed" ms={n} took={n}ms ip=10.0.0.{n % 4}'
    return LogRecord(
        ts_ns=NOW_NS - n * 20 * SECOND,
        body=line,
        service="shop" if n % 4 else "gate",
        level=NUMBERS[level],
        severity=level,
        host=f"h{n % 2}",
        source="loki",
        trace_id=f"{n:032x}",
        attributes={"app": "shop-ui" if n % 2 else "shop-pay", "http.status": str(200 + n % 3)},
    )


RECORDS = [record(n) for n in range(180)]


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with log_site(store, tmp_path, ADDRESSES, RECORDS) as found:
        yield found


async def found(site: LogSite, query: str, **params: object) -> Any:  # the data
    asked: dict[str, Any] = {"query": query, "limit": 1000, **HOUR, **params}
    return (await site.get("/loki/api/v1/query_range", **asked))["data"]


def count(data: Any) -> int:  # of lines
    return sum(len(stream["values"]) for stream in data["result"])


LINES = (
    ('{service_name="shop"}', lambda n: n % 4),
    ('{app="shop-ui"}', lambda n: n % 2),
    ('{level="error"}', lambda n: n % 3 == 2),
    ('{level=~"warn|error", app="shop-ui"}', lambda n: n % 3 and n % 2),
    ('{source="loki", detected_level!="info"}', lambda n: n % 3),
    ('{http_status="201"}', lambda n: n % 3 == 1),
    ('{job="gate"}', lambda n: n % 4 == 0),
    ('{source="loki"} |= "payment"', lambda n: n % 2 == 0),
    ('{source="loki"} != "payment"', lambda n: n % 2),
    ('{source="loki"} |~ "order 1\\\\d\\""', lambda n: n % 2 and 10 <= n < 20),
    ('{source="loki"} |= "payment" or "order 1"', lambda n: n % 2 == 0 or str(n)[0] == "1"),
    ('{source="loki"} |> `level=<_> msg="payment failed" <_>`', lambda n: n % 2 == 0),
    ('{source="loki"} | json | ms > 100', lambda n: n % 2 and n > 100),
    ('{source="loki"} | json | nested_code="c3"', lambda n: n % 2 and n % 5 == 3),
    ('{source="loki"} | json code="nested.code" | code="c3"', lambda n: n % 2 and n % 5 == 3),
    ('{source="loki"} | logfmt | took >= 100ms', lambda n: n % 2 == 0 and n >= 100),
    ('{source="loki"} | logfmt | ip = ip("10.0.0.2/32")', lambda n: n % 4 == 2),
    ('{source="loki"} | regexp `ms=(?P<m>\\d+)` | m < 10', lambda n: n % 2 == 0 and n < 10),
    ('{source="loki"} | pattern `<_> ms=<m> <_>` | m = 8', lambda n: n == 8),
    ('{source="loki"} | http_status > 200 and (level="warn" or level="error")', lambda n: n % 3),
    ('{source="loki"} | trace_id!="" | host="h1"', lambda n: n % 2),
)


@pytest.mark.parametrize(("query", "wanted"), LINES, ids=[query for query, _ in LINES])
async def test_a_query_finds_its_lines(site: LogSite, query: str, wanted: Any) -> None:
    data = await found(site, query)
    assert data["resultType"] == "streams"
    stamps = {int(pair[0]) for stream in data["result"] for pair in stream["values"]}
    assert stamps == {one.ts_ns for n, one in enumerate(RECORDS) if wanted(n)}


async def test_streams_have_the_labels_that_were_sent(site: LogSite) -> None:
    data = await found(site, '{app="shop-ui", trace_id="00000000000000000000000000000001"}')
    (stream,) = data["result"]
    labels = stream["stream"]
    assert labels["app"] == "shop-ui"
    assert labels["service_name"] == "shop"
    assert labels["severity_text"] == "warn"
    assert labels["detected_level"] == "warn"
    assert labels["http_status"] == "201"
    assert stream["values"][0][1].startswith('{"msg":"order 1"')


async def test_grafana_gets_labels_by_where_they_come_from(site: LogSite) -> None:
    query = {"query": '{app="shop-ui"} | json', "limit": "2", **HOUR}
    answer = await site.call(
        "GET",
        f"/loki/api/v1/query_range?{urlencode(query)}",
        headers=[("X-Loki-Response-Encoding-Flags", "categorize-labels")],
    )
    data = answer.json()["data"]
    assert data["encodingFlags"] == ["categorize-labels"]
    _, _, parts = data["result"][0]["values"][0]
    assert parts["structuredMetadata"]["app"] == "shop-ui"
    assert parts["parsed"]["nested_code"].startswith("c")


async def test_formats_make_other_lines_and_labels(site: LogSite) -> None:
    query = (
        '{app="shop-pay"} | logfmt | line_format "{{.msg | upper}} {{ .took }}"'
        ' | label_format cost=ms, both="{{.level}}/{{.ms}}" | keep cost, both'
    )
    data = await found(site, query, limit=1, direction="forward")
    (stream,) = data["result"]
    assert stream["values"][0][1] == "PAYMENT FAILED 178ms"
    assert stream["stream"] == {"cost": "178", "both": "warn/178"}


def series(data: Any) -> dict[str, list[float]]:  # by labels
    return {
        ",".join(f"{k}={v}" for k, v in sorted(one["metric"].items())): [
            float(value) for _, value in one["values"]
        ]
        for one in data["result"]
    }


async def test_lines_are_counted_by_level_as_in_grafanas_histogram(site: LogSite) -> None:
    query = (
        'sum by (level) (count_over_time({source="loki"} | json | logfmt'
        " | drop __error__, __error_details__ [5m]))"
    )
    data = await found(site, query, step="300")
    totals = {name: sum(values) for name, values in series(data).items()}
    assert sum(totals.values()) == pytest.approx(180, abs=1)
    assert set(totals) == {"level=error", "level=info", "level=warn"}


@pytest.mark.parametrize("step", ["60", "70", "13"])
async def test_counting_in_the_store_and_over_lines_is_the_same(site: LogSite, step: str) -> None:
    plain = 'sum by (app) (rate({source="loki"} |= "ms" [3m]))'
    looked_into = 'sum by (app) (rate({source="loki"} |= "ms" | label_format x=app [3m]))'
    one = series(await found(site, plain, step=step))
    other = series(await found(site, looked_into.replace("x=app", "x=host"), step=step))
    assert one.keys() == other.keys()
    assert len(one) == 2
    for name, values in one.items():
        assert values == pytest.approx(other[name])


INSTANT: tuple[tuple[str, dict[str, float] | None], ...] = (
    ('sum(count_over_time({source="loki"}[1h]))', {"": 180.0}),
    ('sum(count_over_time({source="loki"}[10m] offset 30m))', {"": 30.0}),
    ('sum by (app) (count_over_time({source="loki"}[1h])) > 100', {}),
    ('topk(1, sum by (level) (count_over_time({source="loki"} | level!="info" [20s])))', {}),
    ('sum(bytes_over_time({source="loki"} |= "payment" [1m])) > 0', None),
    (
        'max_over_time({source="loki"} | json | unwrap ms [1h]) by (service_name)',
        {"service_name=shop": 179.0},
    ),
    (
        'avg_over_time({app="shop-pay"} | logfmt | unwrap duration(took) [1m]) by (app)',
        {"app=shop-pay": 0.001},
    ),
    (
        'quantile_over_time(0.5, {app="shop-pay"} | logfmt | unwrap ms [1h]) by (app)',
        {"app=shop-pay": 89.0},
    ),
    # Other programs' names for what is kept of every line, in the store and line by line.
    ('sum by (job) (count_over_time({job="gate"}[1h]))', {"job=gate": 45.0}),
    ('max_over_time({job="gate"} | logfmt | unwrap ms [1h]) by (job)', {"job=gate": 176.0}),
    (
        'sum by (env, node) (count_over_time({node="h0"} | logfmt | ms > 10 [1h]))',
        {"node=h0": 84.0},
    ),
    (
        'sum(count_over_time({app="shop-ui"}[1h])) / sum(count_over_time({source="loki"}[1h]))',
        {"": 0.5},
    ),
    ('absent_over_time({app="nothing"}[5m])', {"app=nothing": 1.0}),
    ('absent_over_time({app="shop-ui"}[5m])', {}),
)


@pytest.mark.parametrize(("query", "wanted"), INSTANT, ids=[query for query, _ in INSTANT])
async def test_the_value_at_one_time(site: LogSite, query: str, wanted: Any) -> None:
    answer = await site.get("/loki/api/v1/query", query=query, time=NOW_S)
    assert answer["data"]["resultType"] == "vector"
    values = {
        ",".join(f"{k}={v}" for k, v in sorted(one["metric"].items())): float(one["value"][1])
        for one in answer["data"]["result"]
    }
    if wanted == {} and "topk" in query:
        assert len(values) <= 1
    elif wanted is None:
        assert len(values) == 1
    else:
        assert values == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{", "parse error at line 1, col 2: syntax error: unexpected $end"),
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ('{app=~".*"}', "queries require at least one regexp or equality matcher"),
        ('{app="x"} | json |', "syntax error: unexpected $end"),
        ('{app="x"} |~ "("', "error parsing regexp"),
        ('sum(rate({app="x"}))', "expecting a range such as [5m]"),
        ('sum_over_time({app="x"}[5m])', "invalid aggregation sum_over_time without unwrap"),
        ('sum(rate({app="x"}[5m])', "parse error"),
    ],
)
async def test_mistakes_are_told_as_plain_words(site: LogSite, query: str, words: str) -> None:
    asked = urlencode({"query": query, **HOUR})
    answer = await site.call("GET", f"/loki/api/v1/query_range?{asked}")
    assert answer.status == 400
    assert words in answer.body.decode()


async def test_what_editors_ask_about_labels(site: LogSite) -> None:
    names = (await site.get("/loki/api/v1/labels", **HOUR))["data"]
    assert {"app", "service_name", "level", "host", "http_status"} <= set(names)
    values = await site.get("/loki/api/v1/label/app/values", **HOUR, query='{host="h1"}')
    assert values["data"] == ["shop-ui"]
    levels = (await site.get("/loki/api/v1/label/level/values", **HOUR))["data"]
    assert levels == ["error", "info", "warn"]
    streams = (await site.get("/loki/api/v1/series", **HOUR, match='{app="shop-ui"}'))["data"]
    assert {one["app"] for one in streams} == {"shop-ui"}
    size = await site.get("/loki/api/v1/index/stats", **HOUR, query='{app="shop-ui"}')
    assert size["entries"] == 90
    volume = await site.get("/loki/api/v1/index/volume", **HOUR, query='{app=~".+"}')
    assert {one["metric"]["app"] for one in volume["data"]["result"]} == {"shop-ui", "shop-pay"}
    over = await site.get("/loki/api/v1/index/volume_range", **HOUR, query='{app=~".+"}', step=600)
    assert over["data"]["resultType"] == "matrix"
    detected = await site.get("/loki/api/v1/detected_labels", **HOUR)
    assert {"label": "app", "cardinality": 2} in detected["detectedLabels"]
    fields = await site.get("/loki/api/v1/detected_fields", **HOUR, query='{app="shop-ui"} | json')
    kinds = {one["label"]: one["type"] for one in fields["fields"]}
    assert kinds["ms"] == "int"
    assert kinds["took"] == "duration"
    assert (await site.get("/loki/api/v1/patterns", **HOUR, query='{app="shop-ui"}'))["data"] == []
    again = await site.get(
        "/loki/api/v1/format_query", query='{app="x"}   |=  "y  \\"  z" |~`a  b`'
    )
    assert again["data"] == '{app="x"} |= "y  \\"  z" |~`a  b`'
