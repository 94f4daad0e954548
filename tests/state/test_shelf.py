from __future__ import annotations

import pytest

from tocsin.state.database import Database
from tocsin.state.ids import reserve
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ALERTS, CHANNEL_STATES, NOTIFICATION_LOG, NOTIFICATIONS, SILENCES


def kept(content: bytes, at: int = 1) -> Kept:
    return Kept(content=content, updated_at=at)


async def test_what_is_kept_is_found_replaced_and_forgotten(database: Database) -> None:
    for table in (ALERTS, SILENCES, NOTIFICATION_LOG):
        shelf = Shelf(database, table)
        await shelf.save({"a": kept(b"1", 2), "b": kept(b"2", 1)})
        await shelf.save({"a": kept(b"3", 3)})
        assert [one.content for one in await shelf.all()] == [b"2", b"3"]
        await shelf.forget(["b", "unknown"])
        assert [one.content for one in await shelf.all()] == [b"3"]


async def test_thousands_are_kept_in_one_go(database: Database) -> None:
    shelf = Shelf(database, ALERTS)
    await shelf.save({f"k{n}": kept(b"x") for n in range(3000)})
    assert len(await shelf.all()) == 3000
    await shelf.forget(f"k{n}" for n in range(2999))
    assert len(await shelf.all()) == 1
    await shelf.save({})


async def test_writers_of_one_table_do_not_meet(database: Database) -> None:
    flaps = Shelf(database, CHANNEL_STATES, kind="flap")
    notes = Shelf(database, CHANNEL_STATES, kind="channel")
    await flaps.save({"same": kept(b"flap")})
    await notes.save({"same": kept(b"note"), "other": kept(b"more", 2)})
    assert [one.content for one in await flaps.all()] == [b"flap"]
    assert [one.content for one in await notes.all()] == [b"note", b"more"]
    await flaps.forget(["same", "other"])
    assert await flaps.all() == []
    assert len(await notes.all()) == 2


async def test_whether_others_write_to_a_table_cannot_be_forgotten(database: Database) -> None:
    with pytest.raises(ValueError, match="channel_states has a kind exactly when"):
        Shelf(database, CHANNEL_STATES)
    with pytest.raises(ValueError, match="alerts has a kind exactly when"):
        Shelf(database, ALERTS, kind="mine")


async def test_no_number_is_given_twice(database: Database) -> None:
    first = await reserve(database, NOTIFICATIONS, 100)
    assert first == 1
    assert await reserve(database, NOTIFICATIONS, 100, after=100) == 101
    if not database.is_sqlite:  # another node, which knows nothing of this one
        assert await reserve(database, NOTIFICATIONS, 100) == 201


async def test_a_mark_differs_once_anything_has_changed(database: Database) -> None:
    shelf = Shelf(database, ALERTS)
    marks = [await shelf.mark()]
    await shelf.save({"a": kept(b"1", 10), "b": kept(b"2", 30)})
    marks.append(await shelf.mark())
    await shelf.save({"a": kept(b"3", 20)})
    marks.append(await shelf.mark())
    assert await shelf.mark() == marks[-1]
    await shelf.forget(["a"])
    marks.append(await shelf.mark())
    assert len(set(marks)) == 4


async def test_a_mark_is_of_one_writer_s_things(database: Database) -> None:
    flaps = Shelf(database, CHANNEL_STATES, kind="flap")
    before = await flaps.mark()
    await Shelf(database, CHANNEL_STATES, kind="channel").save({"same": kept(b"note")})
    assert await flaps.mark() == before
