"""Whoever is interrupted in a transaction leaves nothing: no half of it, no connection, no wait."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.state.fresh import state_file
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ALERTS, SILENCES


async def both(database: Database, key: str) -> None:
    """One row on each of two shelves, in one transaction."""
    row = {"hash": key, "content": b"x", "updated_at": 1}
    async with database.transaction() as connection:
        await connection.execute(select(ALERTS.c.hash).limit(3))
        await connection.execute(ALERTS.insert(), [row])
        await asyncio.sleep(0)
        await connection.execute(SILENCES.insert(), [row])


async def rounds(database: Database, count: int) -> None:
    """Interrupt transactions, one after the other and side by side, after a few turns."""
    turns = random.Random(7)
    for number in range(count):
        at_once = 1 + number % 6
        tasks = [asyncio.ensure_future(both(database, f"{number}-{one}")) for one in range(at_once)]
        for _ in range(turns.randrange(0, 60)):
            await asyncio.sleep(0 if turns.random() < 0.9 else 0.0005)
        for task in tasks:
            task.cancel()
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            assert answer is None or isinstance(answer, asyncio.CancelledError)


async def keys(database: Database) -> tuple[set[str], set[str]]:
    async with database.reading() as connection:
        ones = set((await connection.execute(select(ALERTS.c.hash))).scalars())
        others = set((await connection.execute(select(SILENCES.c.hash))).scalars())
    return ones, others


async def test_who_is_interrupted_leaves_nothing_half_written_and_nothing_open(
    database: Database,
) -> None:
    async with asyncio.timeout(60):
        await rounds(database, 200)
        await both(database, "after")
    ones, others = await keys(database)
    assert ones == others
    assert "after" in ones
    before = asyncio.all_tasks()
    async with asyncio.timeout(60):
        await database.close()
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()


async def test_closing_waits_for_those_whose_callers_are_gone(database: Database) -> None:
    tasks = [asyncio.ensure_future(both(database, f"k{one}")) for one in range(6)]
    await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await database.close()
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not names & {"state_statement", "state_end"}
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_is_interrupted_does_not_wait_for_another_writer(tmp_path: Path) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    shelf = Shelf(database, ALERTS)
    async with database.transaction() as connection:
        await connection.execute(ALERTS.delete())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await shelf.save({"later": Kept(content=b"1", updated_at=1)})
    await shelf.save({"last": Kept(content=b"2", updated_at=1)})
    assert [one.content for one in await shelf.all()] == [b"2"]
    await database.close()


def test_a_loop_that_ends_in_the_middle_does_not_hang(tmp_path: Path) -> None:
    async def left_in_the_middle(turns: int) -> None:
        database = state_file(tmp_path / "state.db")
        await database.open()
        tasks = [asyncio.ensure_future(both(database, f"{turns}-{one}")) for one in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.done() for task in tasks)
        await Shelf(database, ALERTS).save({"after": Kept(content=b"1", updated_at=turns)})
        assert b"1" in [one.content for one in await Shelf(database, ALERTS).all()]
        await database.close()

    async def bounded(turns: int) -> None:
        async with asyncio.timeout(20):
            await left_in_the_middle(turns)

    for turns in range(1, 40):
        asyncio.run(bounded(turns))
