from __future__ import annotations

from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ALERTS, NOTIFICATION_LOG, SILENCES


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
