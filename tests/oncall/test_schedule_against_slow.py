"""Property: schedules say what a slow calculation says, minute by minute, as clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oncall import slow
from tocsin.model.people import Person
from tocsin.oncall.layer import EVER_MS, Layer
from tocsin.oncall.override import Override
from tocsin.oncall.restriction import Hours, overlap
from tocsin.oncall.roster import Roster
from tocsin.oncall.rotation import Rotation
from tocsin.oncall.schedule import Schedule
from tocsin.oncall.wall_clock import reached_ms

PEOPLE = ("ana", "bo", "cai", "dee")
HOUR = timedelta(hours=1)

CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2019, 2, 17, 2, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 6, 1, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2021, 4, 3, 14, tzinfo=UTC)),
]


@st.composite
def layers(draw: st.DrawFn, zone: str, near: datetime) -> slow.SlowLayer:
    length = draw(st.sampled_from([1, 5, 8, 12, 24, 36, 48, 168])) * HOUR
    begun = near.replace(tzinfo=None) - timedelta(days=draw(st.integers(8, 40)))
    anchor = begun.replace(hour=0, minute=0) + timedelta(
        minutes=draw(st.sampled_from([0, 90, 120, 150, 165, 180, 540, 1260]))
    )
    hours = draw(
        st.lists(
            st.builds(
                Hours,
                st.integers(0, 7 * 96 - 1).map(lambda quarter: quarter * 15),
                st.integers(1, 96 * 2).map(lambda quarter: quarter * 15),
            ),
            max_size=4,
        )
    )
    while overlap(hours):
        hours.pop()
    starts = draw(st.sampled_from([None, near - timedelta(hours=7), near + timedelta(hours=30)]))
    ends = draw(st.sampled_from([None, near + timedelta(hours=40)]))
    return slow.SlowLayer(
        people=tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4))),
        zone=zone,
        anchor=anchor,
        length=length,
        restrictions=tuple((one.begins // 1440, one.begins % 1440, one.lasts) for one in hours),
        starts=starts and starts.replace(tzinfo=None),
        ends=ends and ends.replace(tzinfo=None),
    )


def _layer(one: slow.SlowLayer) -> Layer:
    return Layer(
        name="layer",
        rotation=Rotation(one.people, one.anchor, one.length, one.zone),
        restrictions=tuple(
            Hours(day * 1440 + begins, lasts) for day, begins, lasts in one.restrictions
        ),
        starts_ms=reached_ms(one.starts, one.zone) if one.starts else 0,
        ends_ms=reached_ms(one.ends, one.zone) if one.ends else EVER_MS,
    )


@pytest.mark.parametrize(
    ("zone", "change"), CHANGES, ids=[f"{zone} {change:%Y-%m}" for zone, change in CHANGES]
)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_who_is_on_call_is_what_a_minute_by_minute_calculation_says(
    zone: str, change: datetime, data: st.DataObject
) -> None:
    near = round(change.timestamp() * 1000)
    from_ms, to_ms = near - 26 * 3_600_000, near + 50 * 3_600_000
    others = st.sampled_from([zone, zone, *(name for name, _ in CHANGES)])
    slow_layers = [
        data.draw(layers(data.draw(others), change)) for _ in range(data.draw(st.integers(1, 3)))
    ]
    slow_overrides = data.draw(
        st.lists(
            st.builds(
                lambda person, begins, lasts: slow.SlowOverride(
                    person, from_ms + begins * 60_000, from_ms + (begins + lasts) * 60_000
                ),
                st.sampled_from(PEOPLE),
                st.integers(-600, 4000),
                st.integers(1, 2000),
            ),
            max_size=4,
        )
    )
    roster = _roster(slow_layers, slow_overrides, zone)

    wanted = slow.on_call(slow_layers, slow_overrides, from_ms, to_ms)

    found: list[str | None] = [None] * len(wanted)
    for shift in roster.shifts("main", from_ms, to_ms):
        first = max(0, (shift.starts_ms - from_ms) // 60_000)
        for minute in range(first, min(len(found), (shift.ends_ms - from_ms) // 60_000)):
            assert found[minute] is None, "two are on call at the same time"
            found[minute] = shift.person
    assert found == wanted
    free = [number for number, who in enumerate(wanted) if who is None]
    gaps = roster.gaps("main", from_ms, to_ms)
    assert sum(gap.ends_ms - gap.starts_ms for gap in gaps) == len(free) * 60_000
    for number in range(0, len(wanted), 173):
        assert roster.on_call("main", from_ms + number * 60_000) == wanted[number]


def _roster(
    slow_layers: list[slow.SlowLayer], overrides: list[slow.SlowOverride], zone: str
) -> Roster:
    schedule = Schedule("main", zone, tuple(_layer(one) for one in slow_layers))
    return Roster.of(
        {name: Person(name=name) for name in PEOPLE},
        {},
        {"main": schedule},
        "main",
        [
            Override(
                id=str(number),
                schedule="main",
                person=one.person,
                starts_ms=one.starts_ms,
                ends_ms=one.ends_ms,
                made_by="test",
                made_ms=number,
            )
            for number, one in enumerate(overrides)
        ],
    )


@settings(max_examples=60, deadline=None)
@given(
    place=st.sampled_from(CHANGES),
    minutes=st.integers(-26 * 60, 26 * 60),
    cut=st.integers(0, 72 * 60),
)
def test_a_shift_is_the_same_whatever_part_of_it_was_asked_for(
    place: tuple[str, datetime], minutes: int, cut: int
) -> None:
    zone, change = place
    near = round(change.timestamp() * 1000)
    anchor = change.replace(month=1, day=1, hour=9, minute=0, tzinfo=None)
    layers_ = [
        slow.SlowLayer(("ana", "bo"), zone, anchor, 36 * HOUR),
        slow.SlowLayer(("cai",), zone, anchor, 24 * HOUR, ((5, 1200, 900), (6, 1200, 600))),
    ]
    override = slow.SlowOverride("dee", near + minutes * 60_000, near + (minutes + 200) * 60_000)
    roster = _roster(layers_, [override], zone)
    whole = roster.shifts("main", near - 40 * 86_400_000, near + 40 * 86_400_000)
    at_ms = near - 36 * 3_600_000 + cut * 60_000

    for shift in roster.shifts("main", at_ms, at_ms + 3_600_000):
        assert shift in whole
