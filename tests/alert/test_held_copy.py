from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import anyio

from tests.alert.memory import Shelf
from tocsin.alert.attention.held_copy import HeldCopy


class Slow(Shelf[int, int]):
    """Where `while_reading` happens after everything was read and before it arrives."""

    def __init__(self) -> None:
        super().__init__(lambda one: one)
        self.while_reading: Callable[[], object] = lambda: None
        self.reads = 0

    async def all(self) -> list[int]:
        found = await super().all()
        self.reads += 1
        self.while_reading()
        await anyio.lowlevel.checkpoint()
        return found


async def test_what_others_keep_is_read_once() -> None:
    kept = Slow()
    copy = HeldCopy(kept)
    assert await copy.news(sorted) == []
    assert await copy.news(sorted) is None
    await kept.save([2, 1])
    assert await copy.news(sorted) == [1, 2]
    assert await copy.news(sorted) is None
    await kept.forget([1])
    assert await copy.news(sorted) == [2]
    assert kept.reads == 3, "nothing is read while nothing has changed"


async def test_a_change_of_ones_own_is_not_undone_by_a_reading_that_began_before_it() -> None:
    kept = Slow()
    copy = HeldCopy(kept)

    def change() -> None:
        kept.while_reading = lambda: None
        with copy.changing():
            kept.things[7] = 7

    kept.while_reading = change
    assert await copy.news(sorted) is None, "what was read lacks the change"
    assert await copy.news(sorted) == [7]


async def test_nothing_is_taken_over_while_a_change_of_ones_own_is_on_its_way() -> None:
    kept = Slow()
    copy = HeldCopy(kept)
    with copy.changing():
        assert await copy.news(sorted) is None
    assert await copy.news(sorted) == []


async def test_a_change_that_was_on_its_way_when_a_reading_began_is_not_undone() -> None:
    kept = Slow()
    await kept.save([7])
    copy = HeldCopy(kept)
    with ExitStack() as change:
        change.enter_context(copy.changing())
        kept.while_reading = change.close
        assert await copy.news(sorted) is None, "what was read may still have what is forgotten"
    await kept.forget([7])
    assert await copy.news(sorted) == []


async def test_what_others_keep_during_a_reading_is_read_at_the_next_look() -> None:
    kept = Slow()
    copy = HeldCopy(kept)

    def elsewhere() -> None:
        kept.while_reading = lambda: None
        kept.things[3] = 3
        kept.touch()

    kept.while_reading = elsewhere
    assert await copy.news(sorted) == []
    assert await copy.news(sorted) == [3]
