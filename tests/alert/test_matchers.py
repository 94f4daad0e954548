"""Matchers as people write them."""

from __future__ import annotations

from tocsin.alert.routing.matchers import parse_matchers


def test_blanks_around_a_classic_matcher_are_left_out_however_many_there_are() -> None:
    blanks = " " * 30_000
    (found,) = parse_matchers(f"{blanks}a{blanks[:900]}={blanks[:900]}x\\.{blanks}y{blanks[:900]}")
    assert (found.name, found.value) == ("a", f"x\\.{blanks}y")
