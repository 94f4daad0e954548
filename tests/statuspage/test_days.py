"""Days count what was seen, leave out what was not, and are recovered after a gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.statuspage.world import World
from tocsin.app.status_notes import KeptDays
from tocsin.kit.fault import Temporary
from tocsin.statuspage.component_state import ComponentState as S
from tocsin.statuspage.days import DAY_MS, Day, day_of, percent_text, pieces, uptime
from tocsin.statuspage.recorder import Recorder

COUNTED = ("partial_outage", "major_outage")


def test_a_percentage_says_what_it_counts() -> None:
    day = Day(seconds={"operational": 300, "major_outage": 100, "under_maintenance": 600})
    found = uptime([None, day, Day()], COUNTED)
    assert found.percent == 75.0  # of the 400 s that were no maintenance
    assert (found.empty_days, found.all_days) == (2, 3)
    assert uptime([None, Day()], COUNTED).percent is None
    assert uptime([Day(seconds={"under_maintenance": 60})], COUNTED).percent is None


@pytest.mark.parametrize(
    ("percent", "text"),
    [(100.0, "100"), (99.9999, "99.99"), (99.0, "99.00"), (0.0, "0.00"), (None, "")],
)
def test_a_percentage_is_never_rounded_up(percent: float | None, text: str) -> None:
    assert percent_text(percent) == text


@given(st.integers(0, 10 * DAY_MS), st.integers(0, 10 * DAY_MS))
def test_a_stretch_is_cut_at_midnights(one: int, other: int) -> None:
    since, until = sorted((one, other))
    found = list(pieces(since, until))
    assert sum(end - start for _, start, end in found) == until - since
    assert all(day_of(start) == day == day_of(end - 1) for day, start, end in found)


async def test_each_minute_counts_as_the_state_that_held(here: World) -> None:
    await here.show()
    await here.after(10)
    here.measured.values_of["web"] = [0.0]
    await here.after(5)
    today = here.recorder.days("website")[-1]
    assert today is not None
    assert dict(today.seconds) == {"operational": 660.0, "major_outage": 240.0}
    days = next(one.days for one in here.board.snapshot.components if one.id == "website")
    assert days[-1].state is S.MAJOR
    assert days[-1].down_s == 240
    assert days[-2].state is None


async def test_days_without_data_are_shown_as_such(here: World) -> None:
    await here.show()
    await here.after(1)
    website = here.board.snapshot.components[0]
    assert website.percent == "100"
    assert website.empty_days == 89
    assert "89 of 90 days have no data" in here.page()
    here.measured.values_of["web"] = []
    await here.show()
    assert here.states()["website"] == "unknown"
    assert "No data" in here.page()


async def test_a_minute_without_data_is_no_uptime(here: World) -> None:
    here.measured.values_of["web"] = []
    await here.show()
    await here.after(3)
    today = here.recorder.days("website")[-1]
    assert today is not None
    assert today.known == 0


async def test_a_gap_is_recovered_from_stored_samples(here: World) -> None:
    await here.show()
    await here.after(2)
    await here.clock.advance(3600)
    await here.board.look()
    before = here.recorder.days("website")[-1]
    assert before is not None
    assert before.known == 120  # nothing is assumed of the hour
    down = [S.MAJOR] * 6 + [None] * 6
    here.measured.past["website"] = [*down, *[S.OPERATIONAL] * 2000]
    for _ in range(10):
        await here.recorder.fill_gaps(here.board.measured_then, here.measured)
    today = here.recorder.days("website")[-1]
    assert today is not None
    assert today.seconds["major_outage"] == 2 * 360  # of the hour, and of the morning before
    assert today.known == 120 + (3600 - 360) + (43_200 - 360)
    assert today.gaps == ()


async def test_work_in_a_gap_is_no_downtime(here: World) -> None:
    await here.show()
    now = here.clock.now_ms()
    await here.posts.plan_maintenance(
        "Work", ["website"], "x", "ana", starts_ms=now + 60_000, ends_ms=now + 3_600_000
    )
    await here.after(2)
    await here.clock.advance(1800)
    await here.board.look()
    here.measured.past["website"] = [S.MAJOR] * 2000
    for _ in range(10):
        await here.recorder.fill_gaps(here.board.measured_then, here.measured)
    today = here.recorder.days("website")[-1]
    assert today is not None
    assert today.maintained >= 1800
    assert today.seconds["major_outage"] == 43_200  # from midnight until the page began


async def test_a_gap_stays_open_while_the_store_is_away(here: World) -> None:
    await here.show()
    here.measured.fails = Temporary("away")
    assert await here.recorder.fill_gaps(here.board.measured_then, here.measured) == 0
    here.measured.fails = None
    assert await here.recorder.fill_gaps(here.board.measured_then, here.measured) > 0


async def test_days_survive_a_restart(here: World) -> None:
    await here.show()
    await here.after(5)
    again = Recorder(KeptDays(here.database), here.clock)
    await again.load()
    assert again.days("website")[-1] == here.recorder.days("website")[-1]


async def test_what_cannot_be_kept_now_is_kept_later(here: World) -> None:
    await here.show()
    await here.database.close()
    await here.after(2)
    await here.database.open()
    await here.after(1)
    again = Recorder(KeptDays(here.database), here.clock)
    await again.load()
    today = again.days("website")[-1]
    assert today is not None
    assert today.known == 180
