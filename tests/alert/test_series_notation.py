"""promtool's notation of series."""

from __future__ import annotations

import math

import pytest

from tocsin.alert.trying.series_notation import labels_of, values_of
from tocsin.kit.fault import Rejected
from tocsin.model.labels import from_mapping


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2.5 -3", [1.0, 2.5, -3.0]),
        ("0+10x3", [0.0, 10.0, 20.0, 30.0]),
        ("5-2x2", [5.0, 3.0, 1.0]),
        ("-2+4x1", [-2.0, 2.0]),
        ("7x2", [7.0, 7.0, 7.0]),
        ("1 _ 2 _x2", [1.0, None, 2.0, None, None]),
        ("1e3+1e3x1", [1000.0, 2000.0]),
        ("0x10", [0.0] * 11),
    ],
)
def test_values(text: str, expected: list[float | None]) -> None:
    assert values_of(text) == expected


def test_infinity_and_not_a_number_are_values() -> None:
    found = values_of("Inf -Inf NaN")
    assert found[:2] == [math.inf, -math.inf]
    assert found[2] is not None
    assert math.isnan(found[2])


@pytest.mark.parametrize("text", ["1+", "x3", "abc", "{{schema:1}}", "1x99999999999"])
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        values_of(text)


def test_labels() -> None:
    assert labels_of('up{job="a"}') == from_mapping({"__name__": "up", "job": "a"})
    assert labels_of("{}") == ()
    with pytest.raises(Rejected):
        labels_of('up{job=~"a"}')
