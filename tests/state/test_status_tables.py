"""Days and subscribers are kept, replaced and forgotten, on both databases."""

from __future__ import annotations

from tocsin.state.database import Database
from tocsin.state.status_days import DayRow, StatusDays
from tocsin.state.subscribers import Subscriber, Subscribers


def _day(component: str, day: int, content: bytes) -> DayRow:
    return DayRow(component=component, day=day, content=content, updated_at=1)


def _one(address: str, token: str, kind: str = "email") -> Subscriber:
    return Subscriber(kind=kind, address=address, token=token, secret="s", created_at=5)


async def test_a_day_is_replaced_and_older_ones_are_left_out(database: Database) -> None:
    days = StatusDays(database)
    await days.save([_day("api", 10, b"a"), _day("api", 11, b"b"), _day("web", 11, b"c")])
    await days.save([_day("api", 11, b"d")])
    await days.save([])
    assert [(one.component, one.day, one.content) for one in await days.since(11)] == [
        ("api", 11, b"d"),
        ("web", 11, b"c"),
    ]
    await days.forget(["api"])
    assert [one.component for one in await days.since(0)] == ["web"]


async def test_a_subscriber_is_found_by_address_token_and_id(database: Database) -> None:
    table = Subscribers(database)
    eve = await table.put(_one("eve@example.com", "t1"))
    hook = await table.put(_one("https://example.com/", "t2", "webhook"))
    assert 0 < eve.id < hook.id
    assert await table.of_address("email", "eve@example.com") == eve
    assert await table.of_address("webhook", "eve@example.com") is None
    assert await table.of_token("t2") == hook
    assert await table.get(eve.id) == eve
    assert await table.after(0, 10) == [eve, hook]
    assert await table.after(eve.id, 10) == [hook]
    assert await table.counts() == {"email": 1, "webhook": 1}


async def test_the_same_address_is_one_subscriber(database: Database) -> None:
    table = Subscribers(database)
    first = await table.put(_one("eve@example.com", "t1"))
    second = await table.put(_one("eve@example.com", "t2"))
    assert second.id == first.id
    assert await table.of_token("t1") is None
    assert await table.counts() == {"email": 1}


async def test_who_leaves_is_forgotten(database: Database) -> None:
    table = Subscribers(database)
    eve = await table.put(_one("eve@example.com", "t1"))
    assert await table.remove(eve.id)
    assert not await table.remove(eve.id)
    assert await table.of_address("email", "eve@example.com") is None
