"""Questions that are made to hurt are refused like any other that is wrong."""

from __future__ import annotations

import pytest

from tocsin.kit.fault import Rejected
from tocsin.query.logs.ast import Compare, Field, Some, Words
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse
from tocsin.query.logs.sql import condition
from tocsin.query.logs.times import EARLIEST_NS, LATEST_NS, moment

NINES = "9" * 5000


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("+" * 9_999, id="thousands of plus signs"),
        pytest.param("+" * 9_998 + "x", id="thousands of plus signs before a word"),
        pytest.param("NOT " * 2_000 + "x", id="thousands of negations"),
        pytest.param("(" * 9_999, id="thousands of parentheses"),
        pytest.param(f"pattern:{NINES}", id="a pattern's number of 5,000 digits"),
        pytest.param(f"level:024{NINES}", id="a level of 5,000 digits"),
    ],
)
def test_a_hostile_question_is_refused(question: str) -> None:
    with pytest.raises(Rejected):
        condition(parse(question), 0)
    with pytest.raises(Rejected):
        matcher(parse(question), 0)


@pytest.mark.parametrize("part", ["w", "a:1", "a*", "x:y OR", "a:[1 TO 2]", "-user:1"])
def test_a_question_of_thousands_of_parts_is_refused_at_once(part: str) -> None:
    """Those that fit into a question; other languages have no such limit."""
    many = Some((parse(f"{part} x".replace("OR x", "OR y")),) * 10_000)
    with pytest.raises(Rejected, match="too many"):
        condition(many, 0)
    condition(parse(f"{part} x " * 20), 0)


@pytest.mark.parametrize("when", ["now-999999y", "now+999999y", "now-999999M", "now+100y"])
@pytest.mark.parametrize("now_ns", [0, 1_800_000_000_000_000_000, LATEST_NS])
def test_no_moment_is_beyond_what_a_line_can_have(when: str, now_ns: int) -> None:
    assert EARLIEST_NS <= moment(when, now_ns) <= LATEST_NS


def test_a_long_word_beyond_ascii_is_read_at_once() -> None:
    word = "é" * 9_000
    assert parse(word) == Words(word)
    assert parse(f"{word}:{word[:900]}") == Field(word, Compare.EQUAL, word[:900])
