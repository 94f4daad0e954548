"""What is remembered of lines changes nothing about what is found in them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.ingest.logs.masking import Masker
from tocsin.ingest.logs.skeletons import skeletons

pieces = st.sampled_from(
    [
        *("user", "v", "s", "_", "-", ".", ":", "/", " ", " ", "=", "é", '"', "'", "x", "0x", "e+"),
        *("ms", "GB", "nd", "2026-11-22T10:00:00Z", "10.0.0.7", "deadbeef", "\n", "\x1b[1m", "\0"),
        *("a@b.co", "٣", "Traceback (most recent call last)\n", "\ud800"),
    ]
)
numbers = st.integers(0, 10**13).map(str)
lines = st.lists(pieces | numbers, max_size=8).map("".join)


@settings(max_examples=300)
@given(st.lists(lines, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_line_has_the_same_shape_whatever_was_seen_before(found: list[str], pick: Random) -> None:
    def varied(text: str) -> str:
        return "".join(
            pick.choice("0123456789") if one.isascii() and one.isdigit() else one for one in text
        )

    many = [*found, *(varied(one) for one in found for _ in range(3))]
    masker = Masker()
    assert masker.shapes(many) == [" ".join(Masker().tokens(one)) for one in many]
    assert masker.shapes(many[::-1]) == [" ".join(Masker().tokens(one)) for one in many[::-1]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("took 17 ms", "took 23 ms", True, id="a number"),
        pytest.param("took 17 ms", "took 5 ms", False, id="a number of another length"),
        pytest.param("disk sd1 full", "disk sd2 full", False, id="a name that ends in a digit"),
    ],
)
def test_skeletons_tell_lines_apart_by_more_than_digits(one: str, other: str, same: bool) -> None:
    first, second = skeletons([one, other])
    assert (first == second) is same
