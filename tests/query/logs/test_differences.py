"""What differs most between two sets of lines comes first, in one order."""

from __future__ import annotations

from tocsin.query.logs.compare import differences

CARD, RECEIPT = ("pattern", "card <num> refused"), ("pattern", "receipt <num> printed")


def test_of_two_patterns_that_are_all_there_is_the_one_that_grew_comes_first() -> None:
    for own, other in ((10, 110), (1, 109), (0, 120), (7, 113)):
        first, second = {RECEIPT: 600, CARD: own}, {RECEIPT: 549, CARD: other}
        totals = (600 + own, 549 + other)
        found = differences(first, second, totals, 10, {})
        assert [one.value for one in found] == [CARD[1], RECEIPT[1]]


def test_the_most_surprising_comes_first_whether_it_grew_or_went() -> None:
    first = {("service", "a"): 500, ("service", "b"): 10, ("service", "c"): 100}
    second = {("service", "a"): 20, ("service", "b"): 15, ("service", "c"): 100}
    found = differences(first, second, (10_000, 10_000), 10, {})
    assert [one.value for one in found] == ["a", "b"]


def test_what_nearly_all_lines_have_is_no_difference_when_something_is_new() -> None:
    before = {("source", "shop"): 11_255, ("level", "info"): 9_000}
    now = {("source", "shop"): 26_928, ("source", "new"): 116, ("level", "info"): 20_000}
    found = differences(before, now, (11_264, 27_051), 10, {})
    assert [(one.field, one.value) for one in found] == [("level", "info"), ("source", "new")]
