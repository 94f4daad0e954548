from __future__ import annotations

import pytest

from tocsin.alert.deciding.measured import measured


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
