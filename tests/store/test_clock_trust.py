"""A clock that leaps ahead makes nothing expire."""

from __future__ import annotations

import asyncio

import pytest

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.store.client import Store
from tocsin.store.clock_trust import ClockTrust
from tocsin.store.config import RetentionConfig
from tocsin.store.migrate import migrate
from tocsin.store.retention import Retention

DAY = 86_400.0


async def test_time_that_passes_is_believed(clock: FakeClock) -> None:
    trust = ClockTrust(clock)
    for _ in range(50):
        await clock.advance(DAY)
        clock.jump(60)
        assert trust.holds()


async def test_a_leap_is_doubted_until_the_clock_is_set_back(clock: FakeClock) -> None:
    trust = ClockTrust(clock)
    clock.jump(3000 * DAY)
    assert not trust.holds()
    await clock.advance(3600)
    assert not trust.holds()
    clock.jump(-3000 * DAY)
    assert trust.holds()


async def test_a_clock_that_stays_ahead_is_believed_after_a_day(clock: FakeClock) -> None:
    trust = ClockTrust(clock)
    clock.jump(30 * DAY)
    assert not trust.holds()
    await clock.advance(DAY)
    assert trust.holds()
    await clock.advance(DAY)
    assert trust.holds()


@pytest.mark.parametrize(("days", "trusted"), [(0.5, True), (1.9, True), (3, False)])
async def test_a_start_long_after_the_newest_that_is_stored_is_doubted(
    days: float, trusted: bool, clock: FakeClock
) -> None:
    trust = ClockTrust(clock)
    trust.began_after(clock.now() - days * DAY)
    assert trust.holds() == trusted


async def _held(store: Store) -> bool:
    await store.command("OPTIMIZE TABLE events FINAL")
    return bool((await store.fetch_bytes("SELECT count() FROM events", fmt="TSV")).strip() != b"0")


async def test_the_engine_lets_nothing_expire_meanwhile(
    empty_store: Store, clock: FakeClock
) -> None:
    await migrate(empty_store)
    retention = Retention(empty_store, RetentionConfig(), clock)
    clock.jump(3000 * DAY)
    assert not await retention.hold()
    long_ago = int(SystemClock().now() - 200 * DAY)
    line = b'{"ts":"%d","name":"e"}\n' % long_ago
    await empty_store.insert("events", ("ts", "name"), line, "JSONEachRow")
    assert await _held(empty_store)
    clock.jump(-3000 * DAY)
    assert await retention.hold()
    assert not await _held(empty_store)


async def test_it_looks_by_itself(empty_store: Store, clock: FakeClock) -> None:
    await migrate(empty_store)
    retention = Retention(empty_store, RetentionConfig(), clock)
    task = asyncio.create_task(retention.run())
    clock.jump(3000 * DAY)
    async with asyncio.timeout(60):
        while retention.trust.holds() or not retention.held:
            await clock.advance(1)
    task.cancel()
    await asyncio.wait([task])
    clock.jump(-3000 * DAY)
    assert await retention.hold()
