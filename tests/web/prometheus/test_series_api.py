"""Looking up series, labels, values and what metrics mean."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.kit.fault import Rejected
from tocsin.web.api.prometheus_params import MAX_MS, MIN_MS, parse_seconds, parse_time
from tocsin.web.api.prometheus_series import unescaped

NOW = 1_700_000_000


async def test_series_by_selectors(client: Any) -> None:
    asked = (("match[]", "up"), ("match[]", '{"my.metric"}'))
    for reply in (
        await client.get("/api/v1/series", *asked),
        await client.form("/api/v1/series", *asked),
    ):
        assert reply.data == [
            {"__name__": "my.metric", "zone.name": "eu"},
            {"__name__": "up", "instance": "a:1", "job": "api"},
        ]
    assert client.source.asked[0] == (MIN_MS, MAX_MS)


async def test_series_beyond_the_limit_are_cut_off_with_a_warning(client: Any) -> None:
    asked = ("match[]", "requests_total")
    reply = await client.get("/api/v1/series", asked, ("limit", "1"))
    assert len(reply.data) == 1
    assert reply.json["warnings"] == ["results truncated due to limit"]
    reply = await client.get("/api/v1/series", asked, ("limit", "2"))
    assert "warnings" not in reply.json


async def test_label_names_and_values(client: Any) -> None:
    reply = await client.get("/api/v1/labels")
    assert reply.data == ["__name__", "instance", "job", "path", "zone.name"]
    reply = await client.form("/api/v1/labels", ("match[]", "up"), ("limit", "2"))
    assert reply.data == ["__name__", "instance"]
    assert reply.json["warnings"] == ["results truncated due to limit"]
    reply = await client.get("/api/v1/label/instance/values")
    assert reply.data == ["a:1", "b:1"]
    reply = await client.get("/api/v1/label/instance/values", ("match[]", "up"))
    assert reply.data == ["a:1"]
    reply = await client.get("/api/v1/label/U__zone_2e_name/values")
    assert reply.data == ["eu"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("plain_name", "plain_name"),
        ("U__http_2e_status", "http.status"),
        ("U__a__b", "a_b"),
        ("U___2f_x", "/x"),
        ("U__snow_2603_man", "snow☃man"),
        ("U__wrong_zz_", "U__wrong_zz_"),
        ("U__open_2e", "U__open_2e"),
        ("U__half_d800_", "U__half_d800_"),
    ],
)
def test_escaped_names_are_read(written: str, name: str) -> None:
    assert unescaped(written) == name


async def test_metadata_by_metric(client: Any) -> None:
    reply = await client.get("/api/v1/metadata")
    assert reply.data["requests_total"] == [{"type": "counter", "help": "Requests.", "unit": ""}]
    assert len(reply.data["up"]) == 2
    reply = await client.get("/api/v1/metadata", ("metric", "up"), ("limit_per_metric", "1"))
    assert reply.data == {"up": [{"type": "gauge", "help": "Whether.", "unit": ""}]}
    assert (await client.get("/api/v1/metadata", ("limit", "0"))).data == {}
    assert len((await client.get("/api/v1/metadata", ("limit", "1"))).data) == 1


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("series", (), "no match[] parameter provided"),
        (
            "series",
            (("match[]", "{}"),),
            'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
        ),
        (
            "series",
            (("match[]", "up{"),),
            'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces',
        ),
        (
            "labels",
            (("match[]", '{x=""}'),),
            "match[] must contain at least one non-empty matcher",
        ),
        (
            "labels",
            (("start", "x"),),
            'invalid parameter "start": Invalid time value for \'start\': cannot parse "x" to a '
            "valid timestamp",
        ),
        ("metadata", (("limit", "x"),), "limit must be a number"),
        (
            "labels",
            (("limit", "x"),),
            'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
        ),
    ],
)
async def test_mistakes_are_told_as_prometheus_tells_them(
    client: Any, path: str, params: tuple[tuple[str, str], ...], message: str
) -> None:
    assert (await client.get(f"/api/v1/{path}", *params)).error == (400, "bad_data", message)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1700000000", NOW * 1000),
        ("1700000000.1234", NOW * 1000 + 123),
        ("1.7e9", NOW * 1000),
        ("-1.5", -1500),
        ("2023-11-14T22:13:20Z", NOW * 1000),
        ("2023-11-14T23:13:20.5+01:00", NOW * 1000 + 500),
        ("2023-11-14T17:43:20.123456789-04:30", NOW * 1000 + 123),
        ("1e300", MAX_MS),
        ("-292273086-05-16T16:47:06Z", MIN_MS),
        ("292277025-08-18T07:12:54.999999999Z", MAX_MS),
    ],
)
def test_times_are_read(text: str, at_ms: int) -> None:
    assert parse_time(text) == at_ms


@pytest.mark.parametrize("text", ["", "now", "NaN", "2023-11-14", "2023-13-14T22:13:20Z", "1_0"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="to a valid timestamp"):
        parse_time(text)


def test_durations_are_numbers_of_seconds_or_words() -> None:
    assert parse_seconds("1m30s") == parse_seconds("90") == parse_seconds("9e1") == 90
    with pytest.raises(Rejected, match="It overflows int64"):
        parse_seconds("1e30")
