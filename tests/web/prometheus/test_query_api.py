"""Queries over HTTP: the JSON, the errors, the limits."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.web.api import prometheus
from tocsin.web.api import prometheus_json as as_json

NOW = 1_700_000_000
QUERY, RANGE = "/api/v1/query", "/api/v1/query_range"


async def test_an_instant_vector_has_a_value_per_series(client: Any) -> None:
    reply = await client.get(QUERY, ("query", 'up{job="api"}'), ("time", "1700000000.5"))
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {"__name__": "up", "instance": "a:1", "job": "api"},
                    "value": [1700000000.5, "21585"],
                }
            ],
        },
    }


async def test_scalars_strings_and_range_vectors(client: Any) -> None:
    assert (await client.get(QUERY, ("query", "1/0"))).data == {
        "resultType": "scalar",
        "result": [NOW, "+Inf"],
    }
    assert (await client.get(QUERY, ("query", '"é\\n"'))).data == {
        "resultType": "string",
        "result": [NOW, "é\n"],
    }
    found = (await client.get(QUERY, ("query", "up[30s]"))).data
    assert found["resultType"] == "matrix"
    assert found["result"] == [
        {
            "metric": {"__name__": "up", "instance": "a:1", "job": "api"},
            "values": [[1699999980, "21540"], [1699999995, "21585"]],
        }
    ]


async def test_a_range_query_by_form_has_all_steps(client: Any) -> None:
    times = (("start", "1699999940"), ("end", "2023-11-14T22:13:20Z"), ("step", "30s"))
    reply = await client.form(RANGE, ("query", "sum(requests_total) by (job)"), *times)
    assert reply.data == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"job": "api"},
                "values": [[1699999940, "21405"], [1699999970, "21495"], [1700000000, "21585"]],
            }
        ],
    }


async def test_series_beyond_the_limit_are_cut_off_with_a_warning(client: Any) -> None:
    for path, times in (
        (QUERY, ()),
        (RANGE, (("start", str(NOW - 60)), ("end", str(NOW)), ("step", "15"))),
    ):
        reply = await client.get(path, ("query", "requests_total"), ("limit", "1"), *times)
        assert len(reply.data["result"]) == 1
        assert reply.json["warnings"] == ["results truncated due to limit"]
    reply = await client.get(QUERY, ("query", "requests_total[1m]"), ("limit", "1"))
    assert len(reply.data["result"]) == 1
    reply = await client.get(QUERY, ("query", "requests_total"), ("limit", "2"))
    assert "warnings" not in reply.json


async def test_annotations_are_passed_on(client: Any) -> None:
    reply = await client.get(QUERY, ("query", "quantile(2, up)"))
    assert reply.json["warnings"] == [
        "PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"
    ]
    reply = await client.get(QUERY, ("query", "rate(up[1m])"))
    (info,) = reply.json["infos"]
    assert info.startswith("PromQL info: metric might not be a counter")


async def test_stats_are_told_when_asked_for(client: Any) -> None:
    reply = await client.get(QUERY, ("query", "up[1m]"), ("stats", "all"))
    assert reply.data["stats"]["samples"]["totalQueryableSamples"] == 4
    assert set(reply.data["stats"]["timings"]) >= {"evalTotalTime", "execTotalTime"}


async def test_the_lookback_can_be_chosen(client: Any) -> None:
    late = ("time", str(NOW + 100))
    assert (await client.get(QUERY, ("query", "up"), late)).data["result"]
    found = await client.get(QUERY, ("query", "up"), late, ("lookback_delta", "1m"))
    assert found.data["result"] == []


STEPS = (("start", "0"), ("end", "10"), ("step", "1"))
WRONG: list[tuple[str, tuple[tuple[str, str], ...], tuple[int, str, str]]] = [
    (
        QUERY,
        (("query", "sum(up"),),
        (400, "bad_data", 'invalid parameter "query": 1:7: parse error: unclosed left parenthesis'),
    ),
    (
        QUERY,
        (),
        (400, "bad_data", 'invalid parameter "query": 1:1: parse error: no expression found in '
         "input"),
    ),
    (
        QUERY,
        (("query", "up"), ("time", "soon")),
        (400, "bad_data", "invalid parameter \"time\": Invalid time value for 'time': cannot parse "
         '"soon" to a valid timestamp'),
    ),
    (
        QUERY,
        (("query", "up"), ("timeout", "long")),
        (400, "bad_data", 'invalid parameter "timeout": cannot parse "long" to a valid duration'),
    ),
    (
        QUERY,
        (("query", "up"), ("lookback_delta", "x")),
        (400, "bad_data", 'error parsing lookback delta duration: cannot parse "x" to a valid '
         "duration"),
    ),
    (
        QUERY,
        (("query", "up"), ("limit", "-1")),
        (400, "bad_data", 'invalid parameter "limit": limit must be non-negative'),
    ),
    (
        QUERY,
        (("query", "up + on(job) requests_total"),),
        (422, "execution", ""),
    ),
    (
        RANGE,
        (("query", "up"), ("start", "1"), ("end", "0"), ("step", "1")),
        (400, "bad_data", 'invalid parameter "end": end timestamp must not be before start time'),
    ),
    (
        RANGE,
        (("query", "up"), ("start", ""), ("end", "0"), ("step", "1")),
        (400, "bad_data", 'invalid parameter "start": cannot parse "" to a valid timestamp'),
    ),
    (
        RANGE,
        (("query", "up"), ("start", "0"), ("end", "1"), ("step", "0")),
        (400, "bad_data", 'invalid parameter "step": zero or negative query resolution step widths '
         "are not accepted. Try a positive integer"),
    ),
    (
        RANGE,
        (("query", "up"), ("start", "0"), ("end", "11001"), ("step", "1")),
        (400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries. Try "
         "decreasing the query resolution (?step=XX)"),
    ),
    (
        RANGE,
        (("query", "up[5m]"), *STEPS),
        (400, "bad_data", 'invalid parameter "query": invalid expression type "range vector" for '
         "range query, must be Scalar or instant Vector"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "params", "expected"), WRONG)
async def test_mistakes_are_told_as_prometheus_tells_them(
    client: Any, path: str, params: tuple[tuple[str, str], ...], expected: tuple[int, str, str]
) -> None:
    status, kind, message = (await client.get(path, *params)).error
    assert (status, kind) == expected[:2]
    assert message == expected[2] or not expected[2]


async def test_a_query_that_takes_too_long_ends_with_503(client: Any) -> None:
    client.source.wait = asyncio.Event()
    reply = await client.get(QUERY, ("query", "up"), ("timeout", "0.01"))
    assert reply.error == (503, "timeout", "query timed out in query execution")


async def test_a_query_whose_client_left_is_cancelled(client: Any) -> None:
    client.source.wait = asyncio.Event()
    client.leave = asyncio.Event()
    client.leave.set()
    reply = await client.get(QUERY, ("query", "up"))
    assert reply.error[:2] == (499, "canceled")
    assert client.source.canceled


async def test_large_answers_are_compressed_for_who_takes_that(client: Any) -> None:
    asked = f"query=up&start={NOW - 7000}&end={NOW}&step=5"
    accept = (b"accept-encoding", b"gzip, deflate")
    plain = await client.send("GET", RANGE, asked)
    packed = await client.send("GET", RANGE, asked, headers=[accept])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    small = await client.send("GET", QUERY, "query=up", headers=[accept])
    assert "content-encoding" not in small.headers


async def test_exemplars_of_all_selectors(client: Any) -> None:
    reply = await client.get("/api/v1/query_exemplars", ("query", "rate(up[1m]) > 1"))
    assert reply.data == [
        {
            "seriesLabels": {"__name__": "up", "instance": "a:1", "job": "api"},
            "exemplars": [{"labels": {"trace_id": "abc"}, "value": "0.5", "timestamp": NOW - 0.5}],
        }
    ]


async def test_queries_are_formatted_and_taken_apart(client: Any) -> None:
    reply = await client.get("/api/v1/format_query", ("query", "foo/bar"))
    assert reply.data == "foo / bar"
    reply = await client.form("/api/v1/parse_query", ("query", "foo/-1"))
    assert reply.data["type"] == "binaryExpr"
    assert reply.data["lhs"]["matchers"] == [{"name": "__name__", "value": "foo", "type": "="}]
    assert reply.data["rhs"] == {"type": "numberLiteral", "val": "-1"}
    reply = await client.get("/api/v1/format_query", ("query", "foo/"))
    assert reply.error == (
        400,
        "bad_data",
        'invalid parameter "query": 1:5: parse error: unexpected end of input',
    )


@pytest.mark.parametrize("path", ["format_query", "parse_query", "query"])
async def test_deep_queries_are_answered(client: Any, path: str) -> None:
    text = "(" * 480 + "1" + ")" * 480
    assert (await client.form(f"/api/v1/{path}", ("query", text))).status == 200


JUNK = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["up", "rate(up[1m])", "1e30", "-5", "0", "1m", "NaN", "{}", "2023-11-14"]),
)
NAMES = st.sampled_from(
    ["query", "time", "start", "end", "step", "limit", "timeout", "match[]", "lookback_delta"]
)
PATHS = st.sampled_from(
    [
        "query",
        "query_range",
        "query_exemplars",
        "series",
        "labels",
        "label/job/values",
        "metadata",
        "format_query",
        "parse_query",
        "rules",
    ]
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=PATHS, params=st.lists(st.tuples(NAMES, JUNK), max_size=6))
async def test_junk_gets_an_answer_in_the_envelope(
    client: Any, path: str, params: list[tuple[str, str]]
) -> None:
    reply = await client.get(f"/api/v1/{path}", *params)
    assert reply.status in (200, 400, 422, 503)
    assert reply.json["status"] == ("success" if reply.status == 200 else "error")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (9.9e-5, "0.000099"),
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-07"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_values_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert as_json.value_text(value) == text
    assert as_json.value_texts(np.array([value, 1.0])) == [text.encode(), b"1"]


@given(st.lists(st.floats(), max_size=20))
def test_many_values_are_written_as_each_is(values: list[float]) -> None:
    found = as_json.value_texts(np.array(values, np.float64))
    assert found == [as_json.value_text(value).encode() for value in values]


@pytest.mark.parametrize(
    ("at_ms", "text"), [(0, "0"), (1, "0.001"), (1500, "1.500"), (-1500, "-1.500"), (2000, "2")]
)
def test_times_have_milliseconds_only_when_there_are_some(at_ms: int, text: str) -> None:
    assert as_json.time_text(at_ms) == text


async def test_a_large_answer_comes_in_blocks_with_the_same_bytes(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = f"query=requests_total+or+up&start={NOW - 3600}&end={NOW}&step=15"
    plain = await client.send("GET", RANGE, asked)
    monkeypatch.setattr(prometheus, "_WHOLE_CELLS", 10)
    monkeypatch.setattr(as_json, "_BLOCK_POINTS", 100)
    streamed = await client.send("GET", RANGE, asked)
    assert "content-length" in plain.headers
    assert "content-length" not in streamed.headers
    assert streamed.body == plain.body
    accept = (b"accept-encoding", b"gzip")
    packed = await client.send("GET", RANGE, asked, headers=[accept])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
