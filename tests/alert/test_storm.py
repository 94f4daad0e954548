"""What a storm, a clock that is set back and a full disk must not do to what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import perf_counter

import pytest

from tests.alert.decided import Deciding, Receipted
from tests.alert.memory import Shelf, World
from tests.alert.test_decision import running as deciding
from tests.alert.test_dispatch import PLAIN, running
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.deciding.turns import in_turns
from tocsin.alert.delivering.history import record_of
from tocsin.alert.routing.fallback import Channel
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.notices import Notice, NoticeAlert

ONE = frozenset({"a"})


class Slow(Shelf[str, LogEntry]):
    """Keeps entries after a turn of the loop, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__(lambda entry: entry.key)
        self.saves = 0
        self.faults: list[Exception] = []

    async def save(self, values: Iterable[LogEntry]) -> None:
        self.saves += 1
        entries = list(values)
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        await super().save(entries)


async def test_thousands_of_entries_are_kept_in_few_turns_and_before_anybody_goes_on() -> None:
    kept = Slow()
    log = NotificationLog(kept)

    async def begin(key: str) -> bool:
        await log.begin(key, ONE, 1)
        return key in kept.things

    assert all(await asyncio.gather(*(begin(f"k{n}") for n in range(2000))))
    assert kept.saves < 10
    assert len(kept.things) == 2000


async def test_what_a_full_disk_did_not_take_is_kept_with_the_next() -> None:
    kept = Slow()
    log = NotificationLog(kept)
    kept.faults = [Temporary("database or disk is full")]
    await log.begin("first", ONE, 1)
    assert kept.things == {}
    await log.sent("second", ONE, frozenset(), 2, 1000)
    assert set(kept.things) == {"first", "second"}
    assert kept.things["first"].pending == ONE


async def test_what_was_forgotten_meanwhile_is_not_kept_later() -> None:
    kept = Slow()
    log = NotificationLog(kept)
    kept.faults = [Temporary("database or disk is full")]
    await log.sent("old", ONE, frozenset(), 0, 1000)
    await log.tidy(10_000)
    await log.sent("new", ONE, frozenset(), 10_000, 1000)
    assert set(kept.things) == {"new"}


async def test_who_waits_for_the_log_may_be_interrupted() -> None:
    kept = Slow()
    log = NotificationLog(kept)
    waiting = asyncio.ensure_future(log.begin("k", ONE, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await log.flush()
    assert set(kept.things) == {"k"}


async def test_a_bug_of_the_keeper_is_not_hidden() -> None:
    kept = Slow()
    kept.faults = [ValueError("a bug")]
    log = NotificationLog(kept)
    with pytest.raises(ValueError, match="a bug"):
        await log.begin("k", ONE, 1)
    await log.begin("k", ONE, 1)
    assert set(kept.things) == {"k"}


def test_huge_annotations_do_not_make_huge_records() -> None:
    alerts = tuple(
        NoticeAlert(
            labels=(("alertname", f"Storm{number}"),),
            annotations=(("description", "x" * 20_000),),
            starts_ms=1,
            fingerprint=f"{number:016x}",
        )
        for number in range(1000)
    )
    notice = Notice(receiver="team", group_key="{}:{}", group_labels=(), alerts=alerts, at_ms=1)
    record, prints = record_of(notice, Channel("team", "test[0]"), 1)
    assert 40 < len(record.notice.alerts) <= 50
    assert (record.alert_count, len(prints)) == (1000, 1000)


async def test_huge_annotations_do_not_make_huge_receipts(clock: FakeClock) -> None:
    keeper = Receipted()
    world = Deciding(clock, PLAIN, keeper=keeper)
    async with deciding(world):
        alert = Alert(
            labels=(("alertname", "Down"),),
            annotations=(("description", "x" * 100_000), ("summary", "short")),
            starts_ms=clock.now_ms(),
        )
        await world.dispatcher.put([alert])
        await clock.advance(60)
    assert keeper.check() == 1
    [receipt] = keeper.all()
    said = dict(receipt.inputs.facts.alert.annotations)
    assert (len(said["description"]), said["summary"]) == (2001, "short")


async def test_long_work_leaves_others_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    async for _ in in_turns(range(4)):
        since = perf_counter()
        while perf_counter() - since < 0.006:
            pass
    task.cancel()
    assert turns >= 4


async def test_a_clock_set_back_by_an_hour_tells_nothing_twice_and_forgets_nothing(
    clock: FakeClock,
) -> None:
    async with running(World(clock, PLAIN)) as world:
        await world.tell(alertname="Down", instance="a", timeout=7200)
        await clock.advance(60)
        clock.jump(-3600)
        await clock.advance(1)
        await world.tell(alertname="Down", instance="b", timeout=7200)
        await world.tell(alertname="Slow", instance="c", timeout=7200)
        await clock.advance(400)
        told = [(status, names) for _, status, names in world.recorders["team"].told]
        assert told == [
            ("firing", ["+a"]),
            ("firing", ["+c"]),
            ("firing", ["+a", "+b"]),
        ] or told == [("firing", ["+a"]), ("firing", ["+a", "+b"]), ("firing", ["+c"])]


async def test_what_was_over_before_a_clock_was_set_back_stays_over(clock: FakeClock) -> None:
    async with running(World(clock, PLAIN)) as world:
        await world.tell(alertname="Down", instance="a")
        await clock.advance(60)
        await world.tell(alertname="Down", instance="a", ends=True)
        clock.jump(-3600)
        await clock.advance(400)
        told = [(status, names) for _, status, names in world.recorders["team"].told]
        assert told == [("firing", ["+a"]), ("resolved", ["-a"])]
        await clock.advance(7200)
        assert len(world.recorders["team"].told) == 2
