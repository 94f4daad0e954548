"""Errands: put once for ever, claimed by one node, never forgotten."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.kit.fault import Temporary
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.state.database import Database
from tocsin.state.errands import ClaimLost, ErrandTable, Room

_NOW = 1_767_225_600_000


def _errand(key: str, *, due_ms: int = _NOW, kind: str = "page") -> Errand:
    return Errand(kind=kind, key=key, subject="INC-1", due_ms=due_ms, content=b"{}")


async def _put(table: ErrandTable, *errands: Errand) -> None:
    await table.carry_out(Plan(put=errands), _NOW)


async def test_a_key_is_put_once_even_after_it_was_done(database: Database) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"))
    (claimed,) = await table.claim("n1", _NOW, 1000)
    await table.finish(claimed, NOTHING, _NOW)
    await _put(table, _errand("a"))
    assert await table.claim("n1", _NOW + 5000, 1000) == []
    assert [one.state for one in await table.find(subject="INC-1")] == ["done"]


async def test_one_of_two_nodes_gets_it_until_its_claim_ends(database: Database) -> None:
    table = ErrandTable(database)
    await _put(table, *(_errand(f"e{number}") for number in range(5)))
    claims = await asyncio.gather(
        table.claim("n1", _NOW, 1000), table.claim("n2", _NOW, 1000), table.claim("n3", _NOW, 1000)
    )
    keys = sorted(one.key for part in claims for one in part)
    assert keys == ["e0", "e1", "e2", "e3", "e4"]
    assert await table.next_due_ms() == _NOW + 1000
    late = claims[0][0] if claims[0] else (claims[1] or claims[2])[0]
    again = await table.claim("n4", _NOW + 1000, 1000)
    assert len(again) == 5
    with pytest.raises(ClaimLost):
        await table.finish(late, NOTHING, _NOW + 1001)


async def test_what_a_dead_process_of_the_same_node_held_is_free_at_once(
    database: Database,
) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"))
    await table.claim("n1", _NOW, 60_000)
    await table.release("n2")
    assert await table.claim("n1", _NOW, 60_000) == []
    await table.release("n1")
    (claimed,) = await table.claim("n1", _NOW, 60_000)
    assert claimed.attempts == 2


async def test_what_follows_is_put_and_cancelled_with_the_end(database: Database) -> None:
    table = ErrandTable(database)
    late = _errand("late", due_ms=_NOW + 60_000)
    others = [_errand(f"sms{number}", due_ms=_NOW + 60_000, kind="sms") for number in range(2)]
    await _put(table, _errand("a"), late, *others)
    (claimed,) = await table.claim("n1", _NOW, 1000)
    follows = Plan(put=(_errand("b"),), cancel=("late",), cancel_subjects=(("sms", "INC-1"),))
    await table.finish(claimed, follows, _NOW)
    states = {one.key: one.state for one in await table.find(subject="INC-1")}
    assert states == {
        "a": "done",
        "late": "cancelled",
        "sms0": "cancelled",
        "sms1": "cancelled",
        "b": "waiting",
    }


async def test_nothing_follows_from_what_was_cancelled_meanwhile(database: Database) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"))
    (claimed,) = await table.claim("n1", _NOW, 1000)
    await table.carry_out(Plan(cancel=("a",)), _NOW)
    with pytest.raises(ClaimLost):
        await table.finish(claimed, Plan(put=(_errand("b"),)), _NOW)
    assert await table.get("b") is None


async def test_a_retry_waits_and_remembers_since_when_it_is_due(database: Database) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"))
    (claimed,) = await table.claim("n1", _NOW, 1000)
    await table.retry(claimed, _NOW + 5000, "busy", _NOW)
    assert await table.claim("n1", _NOW + 4999, 1000) == []
    assert await table.next_due_ms() == _NOW + 5000
    (again,) = await table.claim("n1", _NOW + 5000, 1000)
    assert (again.due_ms, again.attempts, again.error) == (_NOW, 2, "busy")


async def test_what_goes_on_has_its_new_content_and_time(database: Database) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"))
    (claimed,) = await table.claim("n1", _NOW, 1000)
    await table.again(claimed, _NOW + 9000, b'{"step":2}', NOTHING, _NOW)
    assert await table.next_due_ms() == _NOW + 9000
    (again,) = await table.claim("n1", _NOW + 9000, 1000)
    assert (again.content, again.attempts) == (b'{"step":2}', 1)


async def test_what_was_over_long_ago_is_forgotten_and_what_waits_is_not(
    database: Database,
) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("a"), _errand("b", due_ms=_NOW + 1))
    (claimed,) = await table.claim("n1", _NOW, 1000)
    await table.finish(claimed, NOTHING, _NOW)
    assert await table.drop(_NOW + 1) == 1
    assert [one.key for one in await table.find()] == ["b"]


async def test_only_what_there_is_room_for_is_claimed_and_waited_for(database: Database) -> None:
    table = ErrandTable(database)
    mails = [_errand(f"m{number}", kind="mail") for number in range(3)]
    await _put(table, *mails, _errand("a", kind="action", due_ms=_NOW - 9), _errand("p"))
    room = Room(most=3, of_kind={"mail": 2, "page": 0}, otherwise=5)
    claimed = await table.claim("n1", _NOW, 1000, room=room)
    assert [one.key for one in claimed] == ["a", "m0", "m1"]
    only_pages = Room(of_kind={"page": 1}, otherwise=0)
    assert [one.key for one in await table.claim("n1", _NOW, 5000, room=only_pages)] == ["p"]
    assert await table.next_due_ms(only_pages) == _NOW + 5000
    assert await table.next_due_ms() == _NOW


async def test_what_was_tried_in_vain_stands_behind_what_was_never_tried(
    database: Database,
) -> None:
    table = ErrandTable(database)
    await _put(table, _errand("old", due_ms=_NOW - 60_000))
    (old,) = await table.claim("n1", _NOW, 1000)
    await table.retry(old, _NOW + 5000, "it hangs", _NOW)
    await _put(table, _errand("new", due_ms=_NOW + 1000))
    claimed = await table.claim("n1", _NOW + 9000, 1000)
    assert [one.key for one in claimed] == ["new", "old"]


async def test_what_was_claimed_before_the_database_went_away_is_not_kept_waiting(
    database: Database,
) -> None:
    class Flickering(ErrandTable):
        calls = 0

        async def _claimed(
            self, errand_id: int, node: str, now_ms: int, lease_ms: int
        ) -> Errand | None:
            self.calls += 1
            if self.calls >= 2:
                raise Temporary("the database is away")
            return await super()._claimed(errand_id, node, now_ms, lease_ms)

    table = Flickering(database)
    await _put(table, _errand("a"), _errand("b"))
    assert [one.key for one in await table.claim("n1", _NOW, 60_000)] == ["a"]
    with pytest.raises(Temporary):
        await table.claim("n1", _NOW, 60_000)
