"""Whatever statement a process dies at, every action is done, and none more than twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.incident.response_world import ANA, World, world
from tocsin.incident.book import Draft, Resolution
from tocsin.kit.clock import FakeClock

ACTIONS = """
severities:
  P0:
    actions:
      - {do: post, channel: alerts}
      - {do: mail, to: critical-team, updates: false}
"""
_STATEMENTS = ("claim", "finish", "retry")
_MOST = 80


class Death(BaseException):
    """The process ends."""


class Dying:
    """Dies before or after the how-manieth statement, once; the dead say nothing more."""

    def __init__(self, it: World, at: int, *, is_after: bool) -> None:
        self.left, self.is_after = at, is_after
        self.has_died = self.is_dead = False
        self._it = it
        for name in _STATEMENTS:
            setattr(it.table, name, self._mortal(getattr(it.table, name)))
        table = it.book.table
        setattr(table, "note", self._mortal(table.note))  # noqa: B010 - in place of a method

    def _mortal(
        self,
        statement: Callable[..., Awaitable[Any]],  # Any: whatever the table's methods take
    ) -> Callable[..., Awaitable[Any]]:
        async def mortal(*given: object, **named: object) -> object:
            self.left -= 1
            dies = self.left == 0
            if self.is_dead or (dies and not self.is_after):
                self._die()
            found = await statement(*given, **named)
            if dies:
                self._die()
            return found

        return mortal

    def _die(self) -> None:
        self.has_died = self.is_dead = True
        raise Death

    async def lives(self, work: Awaitable[object]) -> None:
        """If it dies of it, another process takes over."""
        try:
            await work
        except (Death, BaseExceptionGroup):
            assert self.is_dead
        if self.is_dead:
            self.is_dead = False
            await self._it.runner.load()

    async def turns(self) -> None:
        """Some minutes."""
        for _ in range(6):
            await self.lives(self._it.runner.turn())
            self._it.clock.jump(61)


@pytest.mark.slow
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_death_at_any_statement_loses_no_action_and_doubles_none_more_than_once(
    tmp_path: Path, clock: FakeClock, is_after: bool
) -> None:
    for at in range(1, _MOST):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with world(folder, clock, ACTIONS) as it:
            one = await it.book.open(Draft(severity="P0", title="Down"), ANA)
            dying = Dying(it, at, is_after=is_after)
            await dying.turns()
            await it.book.resolve(one.number, Resolution(resolution="back"), ANA)
            await dying.turns()
            moments = [(kind, moment) for kind, moment, _ in it.done]
            wanted = {("post", "initial"), ("mail", "initial"), ("post", "resolution")}
            assert wanted == set(moments), (at, moments)
            assert max(map(moments.count, moments)) <= 2, (at, moments)
            assert await it.table.find(subject=one.number, states=("waiting",)) == []
            if not dying.has_died:
                return
    pytest.fail("there are more statements than were tried")
