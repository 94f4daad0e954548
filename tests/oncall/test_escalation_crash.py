"""A process that dies at any statement loses no page and doubles none beyond at-least-once."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from tests.oncall.night import BO, Night, Phones, night, person, policy, roster
from tests.state.conftest import database, postgresql_url
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent
from tocsin.state.database import Database

ANA = person("ana", "push", "sms", rules=(("push", 0), ("sms", 2)))
BEN, CEM = person("ben", "sms"), person("cem", "email")
TEAM = (ANA, BEN, CEM)
POLICY = policy("schedule:primary", "person:ben", "schedule:primary:1", minutes=15, at_end="stay")


__all__ = ["database", "postgresql_url"]  # fixtures: the same on SQLite and PostgreSQL


class Died(Exception):
    """The process is no more."""


class MortalDatabase(Database):
    """Dies at the n-th of its transactions, before or after it, and answers nothing any more."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.count = self.total = 0
        self.is_dead = False
        self._at, self._after = 0, False

    def dies(self, at: int, *, after: bool) -> None:
        """At that one from now on; 0: never."""
        self.total, self.count, self._at, self._after = self.count, 0, at, after

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        with_fate = self._counted()
        async with super().transaction() as connection:
            yield connection
        if with_fate and self._after:
            self._die()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with_fate = self._counted()
        async with super().reading() as connection:
            yield connection
        if with_fate and self._after:
            self._die()

    def _counted(self) -> bool:
        if self.is_dead:
            raise Died
        self.count += 1
        if self.count == self._at and not self._after:
            self._die()
        return self.count == self._at

    def _die(self) -> None:
        self.is_dead = True
        raise Died


def _is_death(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_death(one) for one in error.exceptions)
    return isinstance(error, Died)


async def _a_night(
    url: str, clock: FakeClock, phones: Phones, *, at: int, after: bool
) -> tuple[Night, MortalDatabase]:
    """Forty minutes in which the process dies once and another one takes over at once."""
    database = MortalDatabase(url)
    await database.open()
    database.dies(at, after=after)
    one = Night(database, clock, phones, roster(TEAM, "ana", ""), {"P0": POLICY})
    end = clock.now() + 40 * 60
    try:
        await one.passes(40)
        database.dies(0, after=False)
    except (Died, BaseExceptionGroup) as error:
        if not _is_death(error):
            raise
        await database.close()
        database = MortalDatabase(url)
        await database.open()
        one = Night(database, clock, phones, roster(TEAM, "ana", ""), {"P0": POLICY})
        await one.runner.load()
        await one.passes((end - clock.now()) / 60)
    return one, database


async def _opened(folder: Path) -> Path:
    """A database in which an incident was opened a moment ago."""
    async with night(folder, roster(TEAM, "ana", ""), P0=POLICY) as one:
        await one.open()
    return folder / "state.db"


@pytest.mark.parametrize("is_broken", [False, True], ids=["all phones ring", "a push fails"])
@pytest.mark.slow
async def test_dying_at_any_statement_loses_no_page_and_doubles_none_but_the_one_in_hand(
    tmp_path: Path, is_broken: bool
) -> None:
    seed = await _opened(tmp_path)
    usual: list[tuple[float, str, str]] = []
    texts: list[str] = []
    total, at, after = 0, 0, False
    while at <= total:
        file = tmp_path / f"{at}{after}.db"
        shutil.copy(seed, file)
        clock = FakeClock()
        phones = Phones(clock)
        if is_broken:
            phones.broken["push"] = Permanent("out of order")
        with capture_logs():  # a death is no bug, and its traces take longer than the night
            one, database = await _a_night(f"sqlite:///{file}", clock, phones, at=at, after=after)
        told = [entry.text for entry in await one.said("INC-2023-0001")]
        await database.close()
        file.unlink()
        if at == 0:
            usual, texts, total = phones.calls, told, database.total
            assert [call[1:] for call in usual][-1] == ("ben", "sms")
        extra = Counter(phones.calls) - Counter(usual)
        assert set(phones.calls) == set(usual), (at, after, phones.calls)
        assert sum(extra.values()) <= 1, (at, after, extra)
        lost = Counter(texts) - Counter(told)
        assert not lost, (at, after, lost)
        at, after = (at, True) if at and not after else (at + 1, False)
    assert total > 30


async def test_two_nodes_that_work_side_by_side_page_nobody_twice(database: Database) -> None:
    clock = FakeClock()
    phones = Phones(clock)
    other = Database(database._url.render_as_string(hide_password=False))
    await other.open()
    nodes = [
        Night(one, clock, phones, roster(TEAM, "ana", "ben"), {"P0": POLICY}, node=name)
        for name, one in (("n1", database), ("n2", other))
    ]
    incident = await nodes[0].open()
    await _side_by_side(nodes, clock, minutes=20)
    await nodes[1].book.acknowledge(incident.number, BO)
    await _side_by_side(nodes, clock, minutes=60)
    assert phones.calls == [(0.0, "ana", "push"), (2.0, "ana", "sms"), (15.0, "ben", "sms")]
    await other.close()


async def test_what_a_dead_node_held_is_done_by_the_other(tmp_path: Path) -> None:
    """The claim of a node that died while it called ends, and the page is brought after all."""
    clock = FakeClock()
    phones = Phones(clock)
    url = f"sqlite:///{tmp_path}/state.db"
    first, second = Database(url), Database(url)
    await first.open()
    await second.open()
    people = roster(TEAM, "ana", "ben")
    dead = Night(first, clock, phones, people, {"P0": POLICY}, node="n1")
    alive = Night(second, clock, phones, people, {"P0": POLICY}, node="n2")
    await dead.open()
    claimed = await dead.table.claim("n1", clock.now_ms(), 60_000)
    assert len(claimed) == 1
    await alive.passes(0.9)
    assert phones.calls == [], "it is the other's"
    await alive.passes(0.2)
    assert phones.calls == [(1.0, "ana", "push")]
    await first.close()
    await second.close()


async def _side_by_side(nodes: list[Night], clock: FakeClock, *, minutes: int) -> None:
    end = clock.now_ms() + minutes * 60_000
    while True:
        due = [one for one in await asyncio.gather(*(node.runner.turn() for node in nodes)) if one]
        if not due or min(due) > end:
            break
        clock.jump(max(0.0, min(due) / 1000 - clock.now()))
    clock.jump(max(0.0, end / 1000 - clock.now()))
