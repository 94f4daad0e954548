"""What is told at a change of shift, to whom, and when: nights of it in milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oncall.world import CONFIG, NOW, at, read
from tests.state.fresh import state_file
from tocsin.app.errands import ErrandRunner
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.oncall.handing_over import KIND, HandOvers
from tocsin.oncall.handover import (
    HandOff,
    Point,
    Situation,
    hand_offs,
    next_hand_off,
    subject,
    summary,
)
from tocsin.oncall.override import Override
from tocsin.oncall.roster import Roster
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable

URL = "https://tocsin.example"
BUSY = Situation(
    incidents=(
        Point(
            title="INC-2026-0042 P0 Database down",
            detail="investigating, ana works on it",
            since_ms=at("2026-10-26 06:00"),
            path="/incidents/INC-2026-0042",
        ),
    ),
    silenced=(Point(title="warning DiskFull", detail="silenced by bo: new disks"),),
    watch=tuple(Point(title=f"maintenance {number}") for number in range(25)),
)


class World:
    """A roster that changes, a teller that notes or fails, and errands on a real database."""

    def __init__(self, database: Database) -> None:
        self.clock = FakeClock(at(NOW) / 1000)
        self.roster = read(CONFIG)
        self.told: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.trouble: dict[str, Exception] = {}
        self.runner = ErrandRunner(ErrandTable(database), self.clock, node="test")
        self.hand_overs = HandOvers(lambda: self.roster, self, self, self.clock, lambda: URL)
        self.runner.register(KIND, self.hand_overs)

    async def situation(self, from_ms: int, to_ms: int) -> Situation:
        return BUSY

    async def tell(self, person: str, subject: str, text: str) -> None:
        if person in self.trouble:
            raise self.trouble[person]
        self.told.append((person, subject))
        self.texts.append(text)

    async def plan(self) -> None:
        await self.runner.put(self.hand_overs.next_plan())

    async def go(self, text: str) -> None:
        """Let the time pass until then, doing what is due."""
        until = at(text) / 1000
        while True:
            next_ms = await self.runner.turn()
            if not next_ms or next_ms / 1000 > until:
                self.clock.jump(until - self.clock.now())
                return
            self.clock.jump(max(0.0, next_ms / 1000 - self.clock.now()))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    yield World(database)
    await database.close()


async def test_both_are_told_at_each_change_of_shift_for_weeks(world: World) -> None:
    await world.plan()
    await world.go("2026-11-12 12:00")

    assert [person for person, _ in world.told] == ["bo", "ana", "cai", "bo", "ana", "cai"]
    assert world.told[0][1] == "You are on call for primary from Mon 2026-10-26 08:00"
    assert world.told[1][1].startswith("Your shift of primary ended Mon 2026-10-26 08:00")
    assert "on call now: Bo Lind" in world.told[1][1]


async def test_planning_again_and_a_crash_tell_nobody_twice(world: World) -> None:
    for _ in range(3):
        await world.plan()
    await world.go("2026-10-26 09:00")
    await world.plan()
    await world.go("2026-10-27 09:00")

    assert len(world.told) == 2


async def test_a_change_that_was_taken_back_is_not_told_and_an_override_is(world: World) -> None:
    plain = world.roster
    override = Override(
        id="1",
        schedule="primary",
        person="cai",
        starts_ms=at("2026-10-21 09:00"),
        ends_ms=at("2026-10-21 18:00"),
        made_by="ana",
    )
    world.roster = plain.with_overrides([override])
    await world.plan()
    await world.go("2026-10-21 10:00")
    assert [person for person, _ in world.told] == ["cai", "ana"]
    world.roster = plain
    await world.plan()
    await world.go("2026-10-25 10:00")
    assert len(world.told) == 2
    await world.go("2026-10-26 12:00")
    assert len(world.told) == 4


async def test_who_is_put_on_call_at_once_is_told_at_once(world: World) -> None:
    override = Override(
        id="1",
        schedule="primary",
        person="cai",
        starts_ms=at(NOW),
        ends_ms=at("2026-10-20 18:00"),
        made_by="ana",
    )
    world.roster = world.roster.with_overrides([override])
    world.clock.jump(0.2)
    await world.plan()
    await world.runner.turn()
    await world.plan()
    await world.runner.turn()

    assert [person for person, _ in world.told] == ["cai", "ana"]


async def test_trouble_with_one_is_tried_again_and_keeps_the_other_from_nothing(
    world: World,
) -> None:
    world.trouble = {"bo": Temporary("busy")}
    await world.plan()
    await world.go("2026-10-26 09:10")
    assert [person for person, _ in world.told] == ["ana"]
    world.trouble = {}
    await world.go("2026-10-26 09:20")
    assert [person for person, _ in world.told] == ["ana", "bo"]


async def test_whoever_cannot_be_told_does_not_stop_the_next_change(world: World) -> None:
    world.trouble = {"bo": Permanent("no method")}
    await world.plan()
    await world.go("2026-11-02 12:00")

    assert [person for person, _ in world.told] == ["ana", "cai"]


async def test_what_is_half_a_day_late_is_of_no_use_and_not_told(world: World) -> None:
    await world.plan()
    world.clock.jump((at("2026-10-26 23:00") - at(NOW)) / 1000)
    await world.runner.turn()

    assert world.told == []
    await world.go("2026-11-02 12:00")
    assert len(world.told) == 2


def _change() -> tuple[Roster, HandOff]:
    roster = read(CONFIG)
    change = next_hand_off(roster, "primary", at(NOW))
    assert change is not None
    return roster, change


def test_the_summary_says_who_until_when_and_what_is_open() -> None:
    roster, change = _change()
    text = summary(roster, change, BUSY, reader="bo", now_ms=change.at_ms, url=URL)

    lines = text.splitlines()
    assert lines[0] == (
        "Bo Lind is on call for primary from Mon 2026-10-26 08:00 to Mon 2026-11-02 08:00 (UTC)."
    )
    assert lines[1] == "Until then: Ana Lima."
    assert lines[2] == "Second: cai."
    assert (
        "- INC-2026-0042 P0 Database down: investigating, ana works on it "
        "(since Mon 2026-10-26 05:00, 3 h)" in lines
    )
    assert f"  {URL}/incidents/INC-2026-0042" in lines
    assert "What to watch (25)" in lines
    assert lines[-1] == "- and 5 more"


def test_a_calm_night_is_said_to_be_one() -> None:
    roster, change = _change()
    text = summary(roster, change, Situation(), reader="ana", now_ms=change.at_ms, url="")

    assert text.endswith("No open incident, and no alert fires, is silenced or flaps.")
    assert "(Europe/Lisbon)" in text


def test_times_are_those_of_the_readers_place() -> None:
    roster, change = _change()

    assert subject(roster, change, "ana").startswith(
        "Your shift of primary ended Mon 2026-10-26 08"
    )


def test_nobody_who_follows_is_a_change_as_well() -> None:
    roster = read(
        CONFIG
        + """
  office:
    allow_gaps: true
    timezone: UTC
    layers: [{people: [ana], rotation: weekly, restrictions: [{days: Mon-Fri, to: "12:00"}]}]
"""
    )
    day = at("2026-10-20 00:00", "UTC")
    found = list(hand_offs(roster, "office", day - 1, day + 86_399_999))

    assert [(one.outgoing, one.incoming) for one in found] == [("", "ana"), ("ana", "")]
