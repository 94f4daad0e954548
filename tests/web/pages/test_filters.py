from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.web.pages import filters


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(0, "0", id="nothing is nought"),
        pytest.param(950, "950", id="below a thousand stays"),
        pytest.param(999.6, "1 k", id="rounding up changes the unit"),
        pytest.param(12_345, "12.3 k", id="thousands"),
        pytest.param(4_560_000, "4.56 M", id="millions"),
        pytest.param(0.0012, "0.0012", id="small values keep two digits"),
        pytest.param(-1500, "-1.5 k", id="negative"),
        pytest.param(None, "–", id="no value is a dash"),
        pytest.param(math.nan, "–", id="not a number is a dash"),
        pytest.param(math.inf, "+∞", id="infinite"),
    ],
)
def test_a_count_is_written_short(value: float | None, words: str) -> None:
    assert filters.si(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(512, "512 B", id="bytes"),
        pytest.param(1536, "1.5 KiB", id="kibibytes"),
        pytest.param(20 << 30, "20 GiB", id="gibibytes"),
    ],
)
def test_a_size_is_written_in_binary_units(value: float, words: str) -> None:
    assert filters.size(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(0, "0 s", id="none"),
        pytest.param(0.000_85, "850 µs", id="microseconds"),
        pytest.param(0.012, "12 ms", id="milliseconds"),
        pytest.param(3.2, "3.2 s", id="seconds"),
        pytest.param(250, "4 min 10 s", id="minutes and seconds"),
        pytest.param(7500, "2 h 5 min", id="hours and minutes"),
        pytest.param(86_400 * 3 + 3600 * 4, "3 d 4 h", id="days and hours"),
        pytest.param(-90, "−1 min 30 s", id="negative"),
    ],
)
def test_a_duration_is_written_in_the_two_largest_units(seconds: float, words: str) -> None:
    assert filters.duration(seconds) == words


def test_a_ratio_just_below_one_is_not_rounded_up() -> None:
    assert filters.percent(0.99999) == "99.99 %"
    assert filters.percent(1) == "100 %"


def test_an_age_says_how_long_and_shows_the_moment_on_hover() -> None:
    element = filters.age(1_700_000_000 - 250, 1_700_000_000)
    assert ">4 min ago</time>" in element
    assert 'title="2023-11-14 22:09:10 UTC"' in element
    assert filters.age(None, 0) == "never"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_can_be_written(value: float) -> None:
    assert filters.si(value)
    if math.isfinite(value):
        assert filters.duration(value)
        assert filters.size(value)
