"""Whoever sends each error as a kind of its own fills no table of issues."""

from __future__ import annotations

from pathlib import Path

from tests.errortracking.error_world import desk_in, event
from tocsin.errortracking.answers import IssuesAsked
from tocsin.errortracking.config import ErrorsConfig
from tocsin.errortracking.fingerprint import Grouped
from tocsin.errortracking.kinds import TITLE, Kinds, beyond
from tocsin.kit.clock import FakeClock
from tocsin.store.client import Store


def _kind(number: int) -> Grouped:
    return Grouped(f"1:{number:032x}", "stack", ())


def test_a_project_has_so_many_kinds_in_an_hour_and_those_it_had() -> None:
    kinds = Kinds(FakeClock(1_700_000_000), 3)
    assert [kinds.of("shop", _kind(n)).by for n in (1, 2, 1, 3, 4)] == [*["stack"] * 4, "beyond"]
    assert kinds.of("shop", _kind(2)) == _kind(2)
    assert kinds.of("shop", _kind(5)) == beyond("shop")
    assert kinds.of("blog", _kind(5)) == _kind(5)
    assert beyond("shop").hash != beyond("blog").hash


async def test_an_hour_later_there_is_room_and_what_was_known_stays_known() -> None:
    clock = FakeClock(1_700_000_000)
    kinds = Kinds(clock, 2)
    for number in (1, 2, 3):
        kinds.of("shop", _kind(number))
    await clock.advance(3_601)
    assert [kinds.of("shop", _kind(n)).by for n in (8, 9, 10, 1, 2)] == [
        *["stack"] * 2,
        "beyond",
        *["stack"] * 2,
    ]
    await clock.advance(7_300)
    assert kinds.of("shop", _kind(3)) == _kind(3)


def test_without_a_bound_each_kind_is_its_own() -> None:
    kinds = Kinds(FakeClock(1_700_000_000), 0)
    assert {kinds.of("shop", _kind(n)).by for n in range(5_000)} == {"stack"}


async def test_errors_of_too_many_kinds_are_counted_in_one_issue(
    store: Store, tmp_path: Path
) -> None:
    async with desk_in(store, tmp_path, ErrorsConfig(kinds_per_hour=5)) as desk:
        for number in range(50):
            await desk.take(event(fingerprint=[f"mine {number}"]))
        page = await desk.book.find(IssuesAsked())
        assert page.total == 6
        assert {one.title: one.times for one in page.issues}[TITLE] == 45
