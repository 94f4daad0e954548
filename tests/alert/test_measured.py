from __future__ import annotations

import pytest

from tocsin.alert.deciding.measured import measured
from tocsin.alert.plain.spoken_unit import unit_of


@pytest.mark.parametrize(
    ("value", "expression", "words"),
    [
        pytest.param(2431, "latency_ms > 2000", "2,431 > 2,000", id="a number against a bound"),
        pytest.param(0.12, "(rate(a[5m]) / rate(b[5m])) >= 0.05", "0.12 >= 0.05", id="a share"),
        pytest.param(-3, "a < -2.5", "-3 < -2.5", id="a bound below zero"),
        pytest.param(7, "a > b", "value 7", id="no fixed bound"),
        pytest.param(1, "absent(up)", "value 1", id="no comparison"),
        pytest.param(1, "a > (", "value 1", id="another program's language"),
        pytest.param(0, "up == 0", "0 == 0", id="zero"),
        pytest.param(1.5e20, "a > 1e19", "1.5e+20 > 1e+19", id="more than people read"),
        pytest.param(float("nan"), "a", "value NaN", id="not a number"),
        pytest.param(None, "a > 1", "", id="nobody said"),
    ],
)
def test_what_was_found_reads_beside_what_it_is_compared_with(
    value: float | None, expression: str, words: str
) -> None:
    assert measured(value, expression) == words


@pytest.mark.parametrize(
    ("condition", "unit"),
    [
        ("p95_response_time > 2000ms", "ms"),
        ("error_rate > 5%", "%"),
        ("memory_usage >= 1.5 GiB", "GiB"),
        ("daily_active_users < 10", ""),
        ("request_rate > 10/s", ""),
        ("p95_response_time > 1m30s", ""),
        ("error_rate > 5% and request_rate > 1/s", ""),
        ("2s < p95_response_time", ""),
        ("what is this? > 5%", ""),
    ],
)
def test_the_unit_is_that_of_the_number_compared_with(condition: str, unit: str) -> None:
    assert unit_of(condition) == unit


@pytest.mark.parametrize(
    ("value", "expression", "unit", "words"),
    [
        (2.431, "a > 2", "ms", "2,431 ms > 2,000 ms"),
        (0.0724, "a > 0.05", "%", "7.24% > 5%"),
        (3e9, "a > 1.5e9", "GB", "3 GB > 1.5 GB"),
        (2.431, "a > b", "s", "value 2.431 s"),
    ],
)
def test_a_value_is_told_in_the_unit_of_its_author(
    value: float, expression: str, unit: str, words: str
) -> None:
    assert measured(value, expression, unit) == words
