from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.web.pages import timerange

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("now", NOW, id="now"),
        pytest.param("now-90m", NOW - 5400, id="minutes ago"),
        pytest.param("now - 2d", NOW - 172_800, id="spaces do not matter"),
        pytest.param("now+1h", NOW + 3600, id="later"),
        pytest.param("1700000000", NOW, id="epoch seconds"),
        pytest.param("1700000000000", NOW, id="epoch milliseconds"),
        pytest.param("2023-11-14 22:13:20", NOW, id="a date is in UTC"),
        pytest.param("2023-11-14T23:13:20+01:00", NOW, id="unless it names its zone"),
    ],
)
def test_a_moment_is_understood(text: str, seconds: float) -> None:
    assert timerange.moment(text, NOW) == seconds


@pytest.mark.parametrize("text", ["", "now-", "yesterday-ish", "-1", "now-1x", "99"])
def test_what_is_no_moment_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="not understood"):
        timerange.moment(text, NOW)


def test_the_url_is_carried_only_where_it_differs_from_the_default() -> None:
    assert timerange.read({}, NOW).carry("/targets") == "/targets"
    shown = timerange.read({"from": "now-6h", "refresh": "15s"}, NOW)
    assert shown.carry("/explore?a=up") == "/explore?a=up&from=now-6h&refresh=15s"
    assert shown.words == "Last 6 h"
    assert timerange.read({"from": "now-90m"}, NOW).words == "Last 90 min"
    fixed = timerange.read({"from": "1699990000", "to": "now-1h"}, NOW)
    assert fixed.words == "Nov 14 19:26 UTC → now-1h"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"from": "<script>"}, id="nonsense"),
        pytest.param({"from": "now", "to": "now-1h"}, id="the end before the start"),
    ],
)
def test_a_wrong_range_becomes_the_last_hour_and_says_so(query: dict[str, str]) -> None:
    shown = timerange.read(query, NOW)
    assert (shown.start_s, shown.end_s) == (NOW - 3600, NOW)
    assert shown.problem


def test_a_refresh_that_is_no_span_is_off() -> None:
    assert timerange.read({"refresh": "soon"}, NOW).refresh == ""


@given(st.text(), st.text(), st.text())
def test_any_url_gives_a_range(begin: str, end: str, refresh: str) -> None:
    shown = timerange.read({"from": begin, "to": end, "refresh": refresh}, NOW)
    assert 0 <= shown.start_s < shown.end_s
    assert shown.words


@pytest.mark.parametrize("text", ["now-999999999y", "now+999999999y", "9999-12-31", "0001-01-01"])
def test_a_time_beyond_all_samples_is_drawn_in(text: str) -> None:
    for query in ({"from": text}, {"to": text}):
        shown = timerange.read(query, NOW)
        assert 0 <= shown.start_s < shown.end_s
        assert shown.words
