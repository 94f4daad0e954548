"""Errands are done when they are due, again when they fail, and none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tocsin.app.errand_room import MOST_OF_A_KIND, MOST_URGENT, Running
from tocsin.app.errands import ErrandRunner
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault, Permanent, Temporary
from tocsin.model.errands import NOTHING, Again, Done, Errand, Outcome, Plan
from tocsin.state.database import Database
from tocsin.state.errands import ANY, ErrandTable, Room


class Doing:
    """A handler that does what the test says and notes when."""

    def __init__(
        self, clock: FakeClock, how: Callable[[Errand], Awaitable[Outcome]], give_up_ms: int = 0
    ) -> None:
        self.done_at: list[tuple[str, float]] = []
        self.failures: list[str] = []
        self._clock, self._how, self._give_up_ms = clock, how, give_up_ms
        self._began = clock.now()

    async def attempt(self, errand: Errand) -> Outcome:
        self.done_at.append((errand.key, self._clock.now() - self._began))
        return await self._how(errand)

    def give_up_ms(self, errand: Errand) -> int:
        return self._give_up_ms

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        self.failures.append(f"{errand.key}: {error}")
        return NOTHING


async def _at_once(errand: Errand) -> Outcome:
    return Done()


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[ErrandTable]:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.open()
    yield ErrandTable(database)
    await database.close()


def _errand(clock: FakeClock, key: str, *, after: float = 0.0, kind: str = "page") -> Errand:
    return Errand(kind=kind, key=key, due_ms=round((clock.now() + after) * 1000), content=b"1")


async def _passing(clock: FakeClock, runner: ErrandRunner, seconds: float) -> None:
    """Let the time pass from one due errand to the next."""
    end = round((clock.now() + seconds) * 1000)
    while 0 < (due := await runner.turn()) <= end:
        clock.jump(max(0.0, due / 1000 - clock.now()))
    clock.jump(max(0.0, end / 1000 - clock.now()))


async def test_each_is_done_when_it_is_due_and_once(table: ErrandTable) -> None:
    clock = FakeClock()
    runner, doing = ErrandRunner(table, clock, node="n"), Doing(clock, _at_once)
    runner.register("page", doing)
    later = _errand(clock, "later", after=900.0)
    await runner.put(Plan(put=(later, _errand(clock, "now"))))
    await _passing(clock, runner, 3600.0)
    assert doing.done_at == [("now", 0.0), ("later", 900.0)]


async def test_what_fails_for_now_is_tried_again_with_growing_pauses_until_it_is_given_up(
    table: ErrandTable,
) -> None:
    async def busy(errand: Errand) -> Outcome:
        raise Temporary("the gateway answers 503")

    clock = FakeClock()
    runner, doing = ErrandRunner(table, clock, node="n"), Doing(clock, busy, give_up_ms=120_000)
    runner.register("page", doing)
    await runner.put(Plan(put=(_errand(clock, "a"),)))
    await _passing(clock, runner, 3600.0)
    assert [round(at) for _, at in doing.done_at] == [0, 5, 15, 35, 75]
    assert doing.failures == ["a: the gateway answers 503"]
    failed = await table.get("a")
    assert failed is not None
    assert (failed.state, failed.error) == ("failed", "the gateway answers 503")


async def test_what_cannot_succeed_is_not_tried_again(table: ErrandTable) -> None:
    async def wrong(errand: Errand) -> Outcome:
        raise Permanent("no such number")

    clock = FakeClock()
    runner, doing = ErrandRunner(table, clock, node="n"), Doing(clock, wrong, give_up_ms=120_000)
    runner.register("page", doing)
    await runner.put(Plan(put=(_errand(clock, "a"),)))
    await _passing(clock, runner, 600.0)
    assert len(doing.done_at) == 1
    assert doing.failures == ["a: no such number"]


async def test_a_bug_in_a_handler_is_a_failure_for_now_and_hinders_no_other(
    table: ErrandTable,
) -> None:
    async def bug(errand: Errand) -> Outcome:
        raise ZeroDivisionError("half a person")

    clock = FakeClock()
    runner = ErrandRunner(table, clock, node="n")
    broken, whole = Doing(clock, bug), Doing(clock, _at_once)
    runner.register("page", broken)
    runner.register("action", whole)
    mine = _errand(clock, "b", kind="action")
    await runner.put(Plan(put=(_errand(clock, "a"), mine)))
    await _passing(clock, runner, 60.0)
    assert whole.done_at == [("b", 0.0)]
    assert broken.failures == ["a: a bug: ZeroDivisionError('half a person')"]


async def test_one_that_goes_on_does_so_from_what_it_wrote(table: ErrandTable) -> None:
    clock = FakeClock()

    async def stepping(errand: Errand) -> Outcome:
        step = int(errand.content)
        if step == 3:
            return Done()
        due = errand.due_ms + 60_000
        return Again(due_ms=due, content=b"%d" % (step + 1))

    runner, doing = ErrandRunner(table, clock, node="n"), Doing(clock, stepping)
    runner.register("page", doing)
    await runner.put(Plan(put=(_errand(clock, "a"),)))
    await _passing(clock, runner, 600.0)
    assert [at for _, at in doing.done_at] == [0.0, 60.0, 120.0]


async def test_an_errand_that_hangs_keeps_no_other_waiting(table: ErrandTable) -> None:
    clock, began, never = FakeClock(), asyncio.Event(), asyncio.Event()

    async def hanging(errand: Errand) -> Outcome:
        began.set()
        await never.wait()
        return Done()

    came = asyncio.Event()

    async def coming(errand: Errand) -> Outcome:
        came.set()
        return Done()

    runner = ErrandRunner(table, clock, node="n")
    runner.register("page", Doing(clock, hanging))
    runner.register("action", Doing(clock, coming))
    await runner.put(Plan(put=(_errand(clock, "a"),)))
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(20):
        await began.wait()
        await runner.put(Plan(put=(_errand(clock, "b", kind="action"),)))
        await came.wait()
    (hangs,) = await table.find(kinds=("page",))
    assert (hangs.state, hangs.claimed_by) == ("waiting", "n"), "it is still being tried"
    running.cancel()
    await asyncio.wait((running,))


async def test_a_thousand_mails_that_hang_hold_up_no_page_and_are_not_open_at_once(
    table: ErrandTable,
) -> None:
    clock, never, rung = FakeClock(), asyncio.Event(), asyncio.Event()
    open_now: set[str] = set()
    most_open, full = 0, asyncio.Event()

    async def hanging(errand: Errand) -> Outcome:
        nonlocal most_open
        open_now.add(errand.key)
        most_open = max(most_open, len(open_now))
        if len(open_now) == MOST_OF_A_KIND:
            full.set()
        try:
            await never.wait()
        finally:
            open_now.discard(errand.key)
        return Done()

    async def ringing(errand: Errand) -> Outcome:
        rung.set()
        return Done()

    runner = ErrandRunner(table, clock, node="n")
    mails, pages = Doing(clock, hanging, give_up_ms=3_600_000), Doing(clock, ringing)
    runner.register("status_mail", mails)
    runner.register("page", pages, is_urgent=True)
    many = (_errand(clock, f"mail/{n}", kind="status_mail") for n in range(1000))
    await runner.put(Plan(put=tuple(many)))
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(20):
        await full.wait()
        await runner.put(Plan(put=(_errand(clock, "page/ana"),)))
        await rung.wait()
        assert pages.done_at == [("page/ana", 0.0)]
        # What hangs is given up for now, and those that were never tried come before it.
        for _ in range(2):
            full.clear()
            await clock.advance(46.0)
            await full.wait()
    assert most_open == MOST_OF_A_KIND
    assert len({key for key, _ in mails.done_at}) == 3 * MOST_OF_A_KIND
    running.cancel()
    await asyncio.wait((running,))


def test_many_kinds_together_leave_the_room_for_calls_alone() -> None:
    running = Running()
    running.urgent.add("page")
    for kind in ("mail", "action", "evidence", "reminder", "news"):
        for _ in range(min(MOST_OF_A_KIND, running.usual_room().most)):
            running.began(kind)
    assert running.usual_room().most == 0
    assert running.urgent_room().most == MOST_URGENT
    assert running.room() == running.urgent_room(), "only calls are looked for"


async def test_what_was_claimed_too_long_ago_is_left_to_others(table: ErrandTable) -> None:
    """Claiming many took so long, or the machine slept: another node may be at it by now."""
    clock = FakeClock()
    doing = Doing(clock, _at_once)

    class Slow(ErrandTable):
        async def claim(
            self, node: str, now_ms: int, lease_ms: int, *, room: Room = ANY
        ) -> list[Errand]:
            claimed = await super().claim(node, now_ms, lease_ms, room=room)
            clock.jump(58.0 if claimed and not doing.done_at else 0.0)
            return claimed

    slow = ErrandRunner(Slow(table._database), clock, node="slow")
    quick = ErrandRunner(table, clock, node="quick")
    for runner in (slow, quick):
        runner.register("page", doing)
    await quick.put(Plan(put=(_errand(clock, "a"),)))
    await slow.turn()
    assert doing.done_at == []
    clock.jump(2.0)
    await quick.turn()
    assert doing.done_at == [("a", 60.0)]


async def test_a_kind_that_nobody_does_fails_loudly(table: ErrandTable) -> None:
    clock = FakeClock()
    runner = ErrandRunner(table, clock, node="n")
    await runner.put(Plan(put=(_errand(clock, "a"),)))
    await runner.turn()
    kept = await table.get("a")
    assert kept is not None
    assert (kept.state, kept.error) == ("failed", "nobody does 'page'")
