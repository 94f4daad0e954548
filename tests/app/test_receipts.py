"""Receipts in a real database: kept, found, made again, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tests.state.fresh import state_file
from tocsin.alert.deciding.flap import FlapState
from tocsin.alert.deciding.receipt import replay
from tocsin.app.receipts import KEPT_DAYS, KeptFlaps, KeptReceipts
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Temporary
from tocsin.state.database import Database
from tocsin.state.receipts import ReceiptTable

ROUTING = """
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 1m,
        routes: [{matchers: ['service=~"a|b"'], receiver: team, group_by: ['...']}]}
receivers: [{name: team}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}],
  weekdays: ['monday:friday'], location: Europe/Berlin}]}]
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = state_file(tmp_path / "state.db")
    await found.open()
    yield found
    await found.close()


async def _told(world: Deciding, *names: str) -> list[str]:
    async with running(world):
        told = [await world.tell(alertname=name, service="a") for name in names]
        await world.clock.advance(10)
    return told


def _world(clock: FakeClock, keeper: KeptReceipts) -> Deciding:
    return Deciding(clock, ROUTING, keeper=keeper)


async def test_what_was_decided_is_found_after_a_restart_and_made_again(
    database: Database, clock: FakeClock
) -> None:
    keeper = KeptReceipts(database, clock)
    down, slow = await _told(_world(clock, keeper), "Down", "Slow")
    await keeper.flush()
    later = KeptReceipts(database, clock)
    [receipt] = await later.find([down])
    assert replay(receipt, await later.basis(receipt.basis)) == receipt.decision
    assert receipt.decision.summary == "told: team by test[0]"
    assert await later.get(receipt.id) == receipt
    assert [one.fingerprint for one in await later.named("Slow")] == [slow]
    assert len(await later.find()) == 2
    assert await later.numbers(10, after=0) == 3


async def test_ids_go_on_after_a_restart(database: Database, clock: FakeClock) -> None:
    keeper = KeptReceipts(database, clock)
    world = _world(clock, keeper)
    await _told(world, "Down")
    await keeper.flush()
    world.keeper = KeptReceipts(database, clock)
    await _told(world, "Slow")
    assert sorted(one.id for one in await world.keeper.find()) == [1, 2, 3]


async def test_what_is_too_old_goes_but_not_the_configuration_in_force(
    database: Database, clock: FakeClock
) -> None:
    keeper = KeptReceipts(database, clock)
    await _told(_world(clock, keeper), "Down")
    await keeper.flush()
    clock.jump((KEPT_DAYS + 1) * 86_400)
    table = ReceiptTable(database)
    assert await table.drop(clock.now_ms() - KEPT_DAYS * 86_400_000, 100) == 2
    with pytest.raises(NotFound, match="no receipt 1"):
        await keeper.get(1)
    with pytest.raises(NotFound, match="not kept any more"):
        await KeptReceipts(database, clock).basis("0" * 24)


async def test_no_more_are_kept_than_allowed(database: Database, clock: FakeClock) -> None:
    keeper = KeptReceipts(database, clock)
    await _told(_world(clock, keeper), *(f"A{number}" for number in range(10)))
    await keeper.flush()
    await ReceiptTable(database).drop(0, 4)
    found = await keeper.find()
    assert [one.id for one in found] == [10, 9, 8, 7]
    assert (await keeper.basis(found[0].basis)).root is not None


async def test_a_database_in_trouble_stops_nobody_from_being_told(
    database: Database, clock: FakeClock
) -> None:
    keeper = KeptReceipts(database, clock)
    world = _world(clock, keeper)
    async with running(world):
        await _rename(database, "receipts", "lost")
        await world.tell(alertname="Down", service="a")
        await clock.advance(10)
        assert [names for _, _, names in world.team.told] == [["+Down"]]
        with pytest.raises(Temporary):
            await keeper.flush()
    await _rename(database, "lost", "receipts")
    await keeper.flush()
    assert len(await KeptReceipts(database, clock).find()) == 1


async def _rename(database: Database, one: str, other: str) -> None:
    async with database.transaction() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {one} RENAME TO {other}")


async def test_what_flaps_is_kept(database: Database) -> None:
    kept = KeptFlaps(database)
    state = FlapState(fingerprint="a" * 16, changes=(1, 2), since_ms=2, is_firing=True)
    await kept.save([state])
    assert await KeptFlaps(database).all() == [state]
    await kept.forget([state.fingerprint])
    assert await kept.all() == []
