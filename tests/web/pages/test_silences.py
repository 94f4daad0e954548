from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.datastructures import QueryParams

from tests.alert.memory import Shelf, World
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.attention.maintenance_config import kept_matchers
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.attention.window import CONFIGURATION, Window
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.web.pages.silence_calendar import Span, calendar, stretch
from tocsin.web.pages.silence_form import silence_of, typed, window_of
from tocsin.web.pages.silences import rows_of, spans_of, view_of
from tocsin.web.services import Services

HOUR = 3_600_000
TEXT = "{route: {receiver: team}, receivers: [{name: team}]}"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def span(name: str, starts: str, ends: str) -> Span:
    return Span(name, "/", "silence", "info", ms(starts), ms(ends), "")


async def used(clock: FakeClock) -> tuple[Services, World, Maintenance]:
    world = World(clock, TEXT)
    await world.start()
    shelf: Shelf[str, Window] = Shelf(lambda one: one.id)
    maintenance = Maintenance(shelf, clock)
    made = SimpleNamespace(alerts=world.dispatcher, maintenance=maintenance, clock=clock)
    return cast("Services", made), world, maintenance


def silence(now: int, value: str, hours: float, comment: str, *, ahead: float = 0) -> Silence:
    starts = now + round(ahead * HOUR)
    return Silence(
        matchers=(SilenceMatcher(name="service", op="=", value=value),),
        starts_ms=starts,
        ends_ms=starts + round(hours * HOUR),
        created_by="ann",
        comment=comment,
    )


async def test_rows_say_what_is_held_back_and_what_ends_soon(clock: FakeClock) -> None:
    services, world, maintenance = await used(clock)
    now = clock.now_ms()
    await world.dispatcher.silences.set(silence(now, "db", 2, "disks"))
    await world.dispatcher.silences.set(silence(now, "web", 1, "later", ahead=3))
    await maintenance.configure(
        [
            Window(
                id="c",
                name="nightly",
                matchers=kept_matchers(["service=~.+"]),
                starts_ms=now - HOUR,
                ends_ms=now + HOUR,
                rule="FREQ=DAILY",
                source=CONFIGURATION,
            )
        ]
    )
    await world.tell(alertname="Down", service="db")
    await world.tell(alertname="Down", service="web")
    rows = rows_of(services, now)
    assert [(row.name, row.kind, row.state, row.held) for row in rows] == [
        ("nightly", "maintenance", "active", 2),
        ("disks", "silence", "active", 1),
        ("later", "silence", "pending", 0),
    ]
    assert rows[0].is_configured
    assert rows[0].by == "the configuration"
    assert not rows[1].is_soon
    assert rows[1].again == "matcher=service%3D%22db%22&kind=silence"
    clock.jump(1.8 * 3600)
    assert [row.is_soon for row in rows_of(services, clock.now_ms()) if row.name == "disks"] == [
        True
    ]


async def test_the_list_shows_a_hundred_and_is_narrowed_down_by_state_and_words(
    clock: FakeClock,
) -> None:
    services, world, _ = await used(clock)
    now = clock.now_ms()
    for number in range(120):
        await world.dispatcher.silences.set(silence(now, f"s{number}", 1, f"step {number}"))
    gone = await world.dispatcher.silences.set(silence(now, "x", 1, "ended"))
    await world.dispatcher.silences.expire(gone.id)
    rows = rows_of(services, now)
    view = view_of(rows, "", "", None)
    assert (len(view.rows), view.more, view.counts["expired"]) == (100, 20, 1)
    assert view_of(rows, "", "STEP s7 ann", None).rows[0].name.startswith("step 7")
    assert [row.name for row in view_of(rows, "expired", "", None).rows] == ["ended"]
    assert view_of(rows, "nonsense", "", None).state == ""


def test_a_week_shows_each_day_what_is_on_it() -> None:
    now = ms("2026-11-21 12:00")
    asked = stretch("week", "", "UTC", now)
    drawn = calendar(
        asked,
        [
            span("long", "2026-11-17 22:00", "2026-11-19 06:00"),
            span("short", "2026-11-18 08:00", "2026-11-18 09:30"),
            span("until midnight", "2026-11-20 20:00", "2026-11-21 00:00"),
        ],
        now,
    )
    assert drawn.title == "16 Nov – 22 Nov 2026"
    ((*days,),) = drawn.weeks
    shown = [[(slot.times, slot.span.name) for slot in day.slots] for day in days]
    assert shown == [
        [],
        [("22:00–…", "long")],
        [("all day", "long"), ("08:00–09:30", "short")],
        [("…–06:00", "long")],
        [("20:00–24:00", "until midnight")],
        [],
        [],
    ]
    assert [day.is_today for day in days].index(True) == 5
    assert (drawn.earlier, drawn.later) == ("2026-11-14", "2026-11-28")


def test_a_month_is_whole_weeks_and_counts_what_does_not_fit() -> None:
    now = ms("2026-11-21 12:00")
    asked = stretch("month", "2026-11-21", "Europe/Berlin", now)
    many = [span(f"s{n}", "2026-11-10 10:00", "2026-11-10 11:00") for n in range(9)]
    drawn = calendar(asked, many, now)
    assert drawn.title == "November 2026"
    assert [len(week) for week in drawn.weeks] == [7] * 6
    assert (drawn.weeks[0][0].date.isoformat(), drawn.weeks[0][0].is_outside) == (
        "2026-10-26",
        True,
    )
    tenth = drawn.weeks[2][1]
    assert (len(tenth.slots), tenth.more) == (4, 5)
    assert tenth.slots[0].times == "11:00–12:00", "by the clocks of the place"
    assert (drawn.earlier, drawn.later) == ("2026-10-31", "2026-12-01")


@pytest.mark.parametrize(
    ("view", "day", "zone"),
    [("week", "soon", "Mars"), ("month", "9999-12-31", "UTC"), ("week", "0001-01-01", "UTC")],
)
def test_a_strange_address_shows_something_sensible(view: str, day: str, zone: str) -> None:
    asked = stretch(view, day, zone, ms("2026-11-21 12:00"))
    assert calendar(asked, (), 0).weeks
    assert asked.ends_ms > asked.starts_ms


async def test_the_calendar_has_silences_and_each_time_of_a_window(clock: FakeClock) -> None:
    services, world, maintenance = await used(clock)
    now = clock.now_ms()
    await world.dispatcher.silences.set(silence(now, "db", 2, "disks"))
    await maintenance.put(
        Window(
            name="nightly",
            matchers=kept_matchers(["a=b"]),
            starts_ms=now + HOUR,
            ends_ms=now + 2 * HOUR,
            rule="FREQ=DAILY;COUNT=3",
        )
    )
    spans = spans_of(services, stretch("month", "2023-11-20", "UTC", now))
    assert [(one.name, one.kind, one.tone) for one in spans] == [
        ("disks", "silence", "silenced"),
        ("nightly", "maintenance", "info"),
        ("nightly", "maintenance", "info"),
        ("nightly", "maintenance", "info"),
    ]


def test_a_link_prefills_the_form_and_two_clicks_make_a_silence() -> None:
    form = typed(QueryParams('matcher=service="db"&matcher=env!="qa"'))
    assert form.conditions == ['service="db"', 'env!="qa"']
    made = silence_of(form, 1000, "ann")
    assert (made.starts_ms, made.ends_ms) == (1000, 1000 + 2 * HOUR)
    assert [(m.name, m.op, m.value) for m in made.matchers] == [
        ("service", "=", "db"),
        ("env", "!=", "qa"),
    ]
    assert (made.created_by, made.comment) == ("ann", "Silenced on the page")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("matcher=a=~.*", id="what holds always"),
        pytest.param("matcher=a=b&length=soon", id="no length"),
        pytest.param("matcher=a=b&length=0", id="no time at all"),
        pytest.param("matcher=a=b&start=later", id="no beginning"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(query: str) -> None:
    with pytest.raises(Rejected):
        silence_of(typed(QueryParams(query)), 1000, "ann")


def test_a_planned_window_comes_once_or_again() -> None:
    now = ms("2026-11-21 12:00")
    query = "kind=maintenance&matcher=a=b&name=Disks"
    once = window_of(typed(QueryParams(f"{query}&start=2026-12-01 02:00&length=3h")), now, "ann")
    assert (once.starts_ms, once.ends_ms - once.starts_ms) == (ms("2026-12-01 02:00"), 3 * HOUR)
    again = window_of(typed(QueryParams(f"{query}&every=SUN 02:00-04:00")), now, "ann")
    assert (again.rule, again.source, again.created_by) == ("FREQ=WEEKLY;BYDAY=SU", "page", "ann")
    with pytest.raises(Rejected):
        window_of(typed(QueryParams(f"{query}&every=never")), now, "ann")


def test_what_is_over_gives_way_where_a_day_has_too_much() -> None:
    now = ms("2026-11-21 12:00")
    over = [span(f"over{n}", f"2026-11-21 0{n}:00", f"2026-11-21 0{n}:30") for n in range(6)]
    here = [
        span("to come", "2026-11-21 15:00", "2026-11-21 16:00"),
        span("open", "2026-11-21 11:00", "2026-11-21 13:00"),
    ]
    drawn = calendar(stretch("month", "2026-11-21", "UTC", now), [*over, *here], now)
    today = next(day for week in drawn.weeks for day in week if day.is_today)
    assert [slot.span.name for slot in today.slots] == ["over0", "over1", "open", "to come"]
    assert today.more == 4
