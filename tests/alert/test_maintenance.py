from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.alert.memory import Shelf
from tocsin.alert.attention.every import in_words, parse_every
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.attention.maintenance_config import MaintenanceConfig, kept_matchers
from tocsin.alert.attention.window import Schedule, Window
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import from_mapping

HOUR = 3_600_000
DAY = 24 * HOUR
DB = from_mapping({"service": "db"})


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d %H:%M}"


def window(starts: str, ends: str, rule: str = "", **changed: Any) -> Window:
    made = Window(
        name="work",
        matchers=kept_matchers(['service="db"']),
        starts_ms=ms(starts),
        ends_ms=ms(ends),
        rule=rule,
    )
    return msgspec.structs.replace(made, **changed)


def spans(one: Window, after: str, before: str) -> list[str]:
    found = Schedule(one).between(ms(after), ms(before))
    return [f"{utc(o.starts_ms)} to {utc(o.ends_ms)}" for o in found]


def made(clock: FakeClock, shelf: Shelf[str, Window] | None = None) -> Maintenance:
    own: Shelf[str, Window] = Shelf(lambda one: one.id)
    return Maintenance(own if shelf is None else shelf, clock)


@pytest.mark.parametrize(
    ("first", "after", "before", "expected"),
    [
        pytest.param(
            window(
                "2026-03-22 01:00", "2026-03-22 03:00", "FREQ=WEEKLY", time_zone="Europe/Berlin"
            ),
            "2026-03-22",
            "2026-04-06",
            [
                "03-22 01:00 to 03-22 03:00",
                "03-29 01:00 to 03-29 02:00",
                "04-05 00:00 to 04-05 02:00",
            ],
            id="the skipped hour of spring makes it shorter, then it keeps its place's time",
        ),
        pytest.param(
            window(
                "2026-10-18 00:00", "2026-10-18 02:00", "FREQ=WEEKLY", time_zone="Europe/Berlin"
            ),
            "2026-10-18",
            "2026-11-02",
            [
                "10-18 00:00 to 10-18 02:00",
                "10-25 00:00 to 10-25 03:00",
                "11-01 01:00 to 11-01 03:00",
            ],
            id="the repeated hour of autumn makes it longer",
        ),
        pytest.param(
            window("2026-01-31 22:00", "2026-02-01 02:00", "FREQ=MONTHLY;BYMONTHDAY=-1"),
            "2026-02-01",
            "2026-04-01",
            [
                "01-31 22:00 to 02-01 02:00",
                "02-28 22:00 to 03-01 02:00",
                "03-31 22:00 to 04-01 02:00",
            ],
            id="the last day of each month, past midnight, begun before the range",
        ),
        pytest.param(
            window("2026-01-05 02:00", "2026-01-05 03:00", "FREQ=DAILY;UNTIL=20260107T020000Z"),
            "2026-01-01",
            "2027-01-01",
            [
                "01-05 02:00 to 01-05 03:00",
                "01-06 02:00 to 01-06 03:00",
                "01-07 02:00 to 01-07 03:00",
            ],
            id="UNTIL includes its moment",
        ),
        pytest.param(
            window(
                "2026-01-05 02:00",
                "2026-01-05 03:00",
                "FREQ=DAILY;COUNT=3",
                excluded=("2026-01-06T02:00:00",),
            ),
            "2026-01-01",
            "2027-01-01",
            ["01-05 02:00 to 01-05 03:00", "01-07 02:00 to 01-07 03:00"],
            id="an occurrence that is left out counts all the same",
        ),
    ],
)
def test_a_window_opens_when_its_rule_says(
    first: Window, after: str, before: str, expected: list[str]
) -> None:
    assert spans(first, after, before) == expected


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=MINUTELY", "one of HOURLY"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to"),
        ("FREQ=DAILY;BYSECOND=1", "is no part"),
        ("FREQ=HOURLY;BYMINUTE=0,1", "one minute"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never comes"),
        ("FREQ=DAILY;COUNT=5;BYMONTH=2;BYMONTHDAY=30", "never comes"),
        ("FREQ=DAILY;UNTIL=99991231;BYMONTH=2;BYMONTHDAY=30", "never comes"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY with BYHOUR"),
        ("FREQ=DAILY;BYSETPOS=5", "goes with FREQ=MONTHLY"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20260101", "exclude each other"),
        ("every day", "is no part"),
        ("FREQ=WEEKLY;BYDAY=XX", "no recurrence rule"),
        ("FREQ=DAILY;UNTIL=20269901", "no time"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        Schedule(window("2026-01-05 02:00", "2026-01-05 03:00", rule))


async def test_an_open_window_covers_matching_alerts_until_it_closes(clock: FakeClock) -> None:
    maintenance, now = made(clock), clock.now_ms()
    one = window("2026-01-05 02:00", "2026-01-05 03:00")
    one = msgspec.structs.replace(one, starts_ms=now + HOUR, ends_ms=now + 2 * HOUR)
    kept = await maintenance.put(one)
    assert maintenance.covering(DB, now) == ()
    assert maintenance.covering(DB, now + HOUR) == ["work"]
    assert maintenance.covering(from_mapping({"service": "web"}), now + HOUR) == ()
    assert maintenance.covering(DB, now + 2 * HOUR) == ()
    assert maintenance.covering(DB, now + HOUR + 1) == ["work"], "asked about the past again"
    await maintenance.remove(kept.id)
    assert maintenance.covering(DB, now + HOUR) == ()


async def test_windows_survive_a_restart_and_those_of_the_file_are_not_kept(
    clock: FakeClock,
) -> None:
    shelf: Shelf[str, Window] = Shelf(lambda one: one.id)
    now, maintenance = clock.now_ms(), made(clock, shelf)
    made_one = window("2026-01-05 02:00", "2026-01-05 03:00", "FREQ=DAILY")
    await maintenance.put(msgspec.structs.replace(made_one, starts_ms=now, ends_ms=now + HOUR))
    config = MaintenanceConfig(name="nightly", matchers=("a=b",), every="daily 03:00-04:00")
    await maintenance.configure([config.window(now)])
    after = made(clock, shelf)
    await after.load()
    assert [one.window.name for one in after.all()] == ["work"]
    assert after.covering(DB, now + DAY) == ["work"]
    (nightly,) = (one.window for one in maintenance.all() if one.window.name == "nightly")
    with pytest.raises(Rejected, match="stands in the configuration"):
        await maintenance.remove(nightly.id)


async def test_ending_an_open_occurrence_leaves_the_next_one(clock: FakeClock) -> None:
    maintenance, now = made(clock), clock.now_ms()
    daily = window("2026-01-05 02:00", "2026-01-05 03:00", "FREQ=DAILY")
    kept = await maintenance.put(msgspec.structs.replace(daily, starts_ms=now, ends_ms=now + HOUR))
    assert maintenance.covering(DB, now) == ["work"]
    await maintenance.end_now(kept.id)
    assert maintenance.covering(DB, now) == ()
    assert maintenance.covering(DB, now + DAY) == ["work"]
    with pytest.raises(Rejected, match="not open now"):
        await maintenance.end_now(kept.id)
    with pytest.raises(NotFound):
        await maintenance.end_now("nothing")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"matchers": ()}, "needs a condition", id="no condition"),
        pytest.param(
            {"matchers": kept_matchers(['a=~".*"'])},
            "needs a condition",
            id="one that holds always",
        ),
        pytest.param({"name": " "}, "needs a name", id="no name"),
        pytest.param({"time_zone": "Mars/Base"}, "unknown time zone", id="no such zone"),
        pytest.param({"ends_ms": 0}, "later than it begins", id="it ends before it begins"),
        pytest.param({"ends_ms": ms("2028-01-01 00:00")}, "longer than a year", id="too long"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(
    clock: FakeClock, changed: dict[str, Any], words: str
) -> None:
    one = window("2026-01-05 02:00", "2026-01-05 03:00", **changed)
    with pytest.raises(Rejected, match=words):
        await made(clock).put(one)


async def test_a_window_that_is_over_is_refused(clock: FakeClock) -> None:
    with pytest.raises(Rejected, match="over already"):
        await made(clock).put(window("2020-01-05 02:00", "2020-01-05 03:00"))


@pytest.mark.parametrize(
    ("text", "first", "shown"),
    [
        ("MON 02:00-04:00 Europe/Berlin", "11-23 01:00 to 11-23 03:00", "Monday 02:00-04:00"),
        ("MON,THU 22:00-02:00", "11-23 22:00 to 11-24 02:00", "Monday, Thursday 22:00-02:00"),
        ("mon-fri 9:00-17:00", "11-23 09:00 to 11-23 17:00", "weekdays 09:00-17:00"),
        ("SAT 11:00-13:00", "11-21 11:00 to 11-21 13:00", "Saturday 11:00-13:00"),
        ("every day 11:00-13:00", "", ""),
        ("daily 00:00-24:00", "11-21 00:00 to 11-22 00:00", "daily from 00:00 for a day"),
        ("1st SUN 02:00-05:00", "12-06 02:00 to 12-06 05:00", "1st Sunday of the month"),
        ("monthly 31 01:00-02:00", "12-31 01:00 to 12-31 02:00", "monthly on day 31"),
        ("T 01:00-02:00", "", ""),
        ("MON 02:00", "", ""),
        ("MON 02:00-04:00 Mars/Base", "", ""),
    ],
)
def test_a_recurring_window_is_understood_in_words(text: str, first: str, shown: str) -> None:
    now = ms("2026-11-21 12:00")
    if not first:
        with pytest.raises(Rejected):
            parse_every(text)
        return
    every = parse_every(text)
    starts, ends = every.first(now)
    assert f"{utc(starts)} to {utc(ends)}" == first
    assert in_words(every.rule, starts, ends, every.time_zone).startswith(shown)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no time"),
        pytest.param({"every": "daily 1:00-2:00", "start": "2026-01-01"}, id="two times"),
        pytest.param({"every": "daily 1:00-2:00", "rule": "FREQ=DAILY"}, id="two rules"),
        pytest.param({"start": "soon", "end": "later"}, id="no real time"),
    ],
)
def test_a_configured_window_that_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        MaintenanceConfig(name="x", matchers=("a=b",), **given)
