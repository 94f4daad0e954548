"""A week of an alert that flaps, with everything that can hold it back or go wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tocsin.alert.deciding.decision import Outcome
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary

HOUR, DAY = 3600, 86_400
ROUTING = """
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 10m,
        repeat_interval: 12h}
receivers: [{name: team}]
inhibit_rules:
  - source_matchers: ['alertname="Db"']
    target_matchers: ['alertname="Flap"']
"""
DAMPED = "flapping: {enabled: true, changes: 6, within: 2h, quiet: 1h}"


@dataclass
class Week:
    """What happened: when Flap fired, and when nobody was to be told of it."""

    world: Deciding
    firing: list[tuple[float, float]] = field(default_factory=list)
    held: list[tuple[float, float]] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.world.clock.monotonic()

    async def day(self) -> None:
        """Fires for the first half of each even hour and flickers at 14; silenced from 5 to 7,
        held back by Db from 10 to 12; the receiver is away from 16:00 to 17:30."""
        start = self.now()
        broken = (start + 16 * HOUR, start + 17.5 * HOUR)
        clock = self.world.clock
        self.world.team.is_broken = lambda: (
            Temporary("away") if broken[0] <= clock.monotonic() < broken[1] else None
        )
        for hour in range(24):
            if hour == 5:
                await self.world.silence("alertname", "Flap", 2 * HOUR)
                self.held.append((self.now(), self.now() + 2 * HOUR))
            if hour == 10:
                await self.world.tell(alertname="Db", timeout=2 * HOUR)
                self.held.append((self.now(), self.now() + 2 * HOUR))
            if hour == 12:
                await self.world.tell(alertname="Db", ends=True)
            await self.hour(hour)

    async def hour(self, hour: int) -> None:
        """One hour of Flap."""
        if hour == 14:
            for _ in range(6):
                await self.fires(300)
                await self.world.clock.advance(300)
        elif hour % 2 == 0:
            await self.fires(HOUR // 2)
            await self.world.clock.advance(HOUR // 2)
        else:
            await self.world.clock.advance(HOUR)

    async def fires(self, seconds: int) -> None:
        begun = self.now()
        await self.world.tell(alertname="Flap", timeout=2 * HOUR)
        await self.world.clock.advance(seconds)
        await self.world.tell(alertname="Flap", ends=True)
        self.firing.append((begun, self.now()))


async def _week(alerting: str) -> Week:
    week = Week(Deciding(FakeClock(), ROUTING, alerting))
    for day in range(7):
        async with running(week.world):
            week.restarts.append(week.now())
            await week.day()
        if day % 2:
            await week.world.clock.advance(0.5)  # the process is away for a moment
    return week


def _told(week: Week, sign: str) -> list[float]:
    return [at for at, _, names in week.world.team.told if names == [f"{sign}Flap"]]


def _is_held(week: Week, at: float) -> bool:
    return any(begin <= at <= end for begin, end in week.held)


def _was_away(at: float) -> bool:
    return 16 * HOUR <= at % DAY < 17.5 * HOUR + 1200


@pytest.fixture(scope="module")
async def plain() -> Week:
    return await _week("{}")


@pytest.fixture(scope="module")
async def damped() -> Week:
    return await _week(DAMPED)


async def test_every_time_that_was_not_held_back_is_told(plain: Week) -> None:
    told = _told(plain, "+")
    for begun, end in plain.firing:
        is_short = end - begun < 600
        if is_short or _is_held(plain, begun) or _was_away(begun):
            continue
        assert any(begun <= at <= end + 600 for at in told), f"nothing told of {begun / HOUR:.2f}"


async def test_nothing_is_told_twice_in_a_row_but_repeats(plain: Week) -> None:
    told = [(at, names[0]) for at, _, names in plain.world.team.told if "Flap" in names[0]]
    again = [one for one, other in itertools.pairwise(told) if one[1] == other[1]]
    assert len(again) <= len(plain.restarts), "at most one duplicate for each restart"


async def test_whoever_heard_that_it_fires_hears_that_it_is_over(plain: Week) -> None:
    signs = [names[0][0] for _, _, names in plain.world.team.told if "Flap" in names[0]]
    # Once a day it could not be told that it fires, as the receiver was away: only its end is.
    assert signs.count("-") - signs.count("+") == 7
    assert len(_told(plain, "+")) > 7 * 6


async def test_what_was_not_told_has_a_receipt_with_the_reason(plain: Week) -> None:
    assert plain.world.receipts.check() > 100
    held = [one for one in plain.world.receipts.of("Flap") if one.decision.outcome is Outcome.HELD]
    reasons = {one.decision.holds[0].words.partition(":")[0] for one in held}
    assert reasons == {"silenced by me", "held back by Db, which fires"}
    failed = [one for one in plain.world.receipts.of("Flap") if "could not" in one.decision.summary]
    assert [one.decision.summary for one in failed] == ["team could not be told by test[0]"] * 7


async def test_the_same_week_gives_the_same_messages(plain: Week) -> None:
    again = await _week("{}")
    assert again.world.team.told == plain.world.team.told


async def test_damped_it_is_told_less_and_still_of_its_real_state(
    plain: Week, damped: Week
) -> None:
    said = [
        (at, dict(notice.alerts[0].annotations).get("flapping", ""), notice.status)
        for at, notice in damped.world.team.taken
        if dict(notice.alerts[0].labels)["alertname"] == "Flap"
    ]
    flapping = [at for at, words, _ in said if words]
    assert [int(at) // DAY for at in flapping] == list(range(7)), "once a day, at its worst"
    assert len(said) < len(plain.world.team.told)
    for at in flapping:
        after = next(status for later, words, status in said if later > at and not words)
        assert after in ("firing", "resolved")
    damped.world.receipts.check()
