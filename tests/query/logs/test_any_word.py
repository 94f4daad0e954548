"""Lucene's own reading: words side by side mean any of them, unless one is asked for."""

from __future__ import annotations

import pytest

from tocsin.query.logs.ast import All, Not, Query, Some, Words
from tocsin.query.logs.bounds import bounds
from tocsin.query.logs.parse import parse

A, B, C = Words("a"), Words("b"), Words("c")
HOUR_NS = 3_600 * 10**9


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", A),
        ("a b", Some((A, B))),
        ("a AND b", All((A, B))),
        ("+a b", A),
        ("a -b", All((Not(B), A))),
        ("a b -c", All((Not(C), Some((A, B))))),
        ("a OR b", Some((A, B))),
        ("(a AND b) c", Some((All((A, B)), C))),
    ],
)
def test_words_may_mean_any_of_them(text: str, wanted: Query) -> None:
    assert parse(text, any_word=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", None),
        ("@timestamp>=now-1h", (-HOUR_NS, None)),
        ("a @timestamp>=now-2h @timestamp<now-1h", (-2 * HOUR_NS, -HOUR_NS + 1)),
        ("a OR @timestamp>=now-1h", None),
    ],
)
def test_a_question_tells_its_range(text: str, wanted: tuple[int, int | None] | None) -> None:
    now = 1_700_000_000 * 10**9
    first, last = bounds(parse(text), now)
    if wanted is None:
        assert first == 0
        assert last > 9 * 10**18
        return
    assert first == now + wanted[0]
    assert last == now + wanted[1] if wanted[1] is not None else last > now
