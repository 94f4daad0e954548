"""Silences and maintenance windows on a calendar: which days, which times, by whose clocks?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tocsin.alert.attention.recurrence import instant_ms, wall, zone
from tocsin.kit.fault import Rejected

_MOST_A_DAY = 4
_MOST_A_DAY_OF_A_WEEK = 40


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts from `starts_ms` to `ends_ms`; `tone` is its state's."""

    name: str
    href: str
    kind: str
    tone: str
    starts_ms: int
    ends_ms: int
    words: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One line of a day: when it is on that day, and what."""

    times: str
    span: Span


@dataclass(frozen=True, slots=True)
class Day:
    """One day; `more` were left out."""

    date: date
    is_today: bool
    is_outside: bool
    slots: Sequence[Slot]
    more: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weeks of days. `earlier` and `later` are the days to ask for next."""

    view: str
    zone: str
    title: str
    earlier: str
    later: str
    weeks: Sequence[Sequence[Day]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which days are asked for."""

    view: str
    zone: str
    first: date
    last: date
    day: date

    @property
    def starts_ms(self) -> int:
        """Where it begins, by the clocks of its zone."""
        return instant_ms(datetime.combine(self.first, datetime.min.time()), self.zone)

    @property
    def ends_ms(self) -> int:
        """Where it ends: the midnight after its last day."""
        after = datetime.combine(self.last + timedelta(days=1), datetime.min.time())
        return instant_ms(after, self.zone)


def stretch(view: str, day: str, place: str, now_ms: int) -> Stretch:
    """The week or month of that day, of today's when it is none, in whole weeks from Monday."""
    try:
        zone(place)
    except Rejected:
        place = "UTC"
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        chosen = wall(now_ms, place).date()
    chosen = min(max(chosen, date(1971, 1, 1)), date(9000, 1, 1))
    monday = chosen - timedelta(days=chosen.weekday())
    if view != "month":
        return Stretch("week", place, monday, monday + timedelta(days=6), chosen)
    first = chosen.replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    begin = first - timedelta(days=first.weekday())
    return Stretch("month", place, begin, last + timedelta(days=6 - last.weekday()), chosen)


def calendar(asked: Stretch, spans: Iterable[Span], now_ms: int) -> Calendar:
    """The days with what is on each, by its beginning."""
    ordered = sorted(spans, key=lambda one: (one.starts_ms, one.name))
    count = (asked.last - asked.first).days + 1
    days = [
        _day(asked.first + timedelta(days=step), asked, ordered, now_ms) for step in range(count)
    ]
    return Calendar(
        view=asked.view,
        zone=asked.zone,
        title=_title(asked),
        earlier=_next(asked, -1).isoformat(),
        later=_next(asked, 1).isoformat(),
        weeks=[days[at : at + 7] for at in range(0, count, 7)],
    )


def _day(day: date, asked: Stretch, spans: Sequence[Span], now_ms: int) -> Day:
    """What is over gives way where there is too much to show."""
    begins = instant_ms(datetime.combine(day, datetime.min.time()), asked.zone)
    after = datetime.combine(day + timedelta(days=1), datetime.min.time())
    ends = instant_ms(after, asked.zone)
    here = [one for one in spans if one.starts_ms < ends and one.ends_ms > begins]
    most = _MOST_A_DAY if asked.view == "month" else _MOST_A_DAY_OF_A_WEEK
    shown = sorted(here, key=lambda one: one.ends_ms <= now_ms)[:most]
    return Day(
        date=day,
        is_today=day == wall(now_ms, asked.zone).date(),
        is_outside=asked.view == "month" and day.month != asked.day.month,
        slots=[Slot(_times(one, begins, ends, asked.zone), one) for one in here if one in shown],
        more=max(0, len(here) - most),
    )


def _times(one: Span, begins_ms: int, ends_ms: int, place: str) -> str:
    """When it is on that day; arrows say that it goes on before or after."""
    is_before, is_after = one.starts_ms < begins_ms, one.ends_ms > ends_ms
    if is_before and is_after:
        return "all day"
    first = "…" if is_before else f"{wall(one.starts_ms, place):%H:%M}"
    last = "…" if is_after else f"{wall(one.ends_ms, place):%H:%M}"
    return f"{first}–{'24:00' if one.ends_ms == ends_ms else last}"


def _title(asked: Stretch) -> str:
    if asked.view == "month":
        return f"{asked.day:%B %Y}"
    return f"{asked.first.day} {asked.first:%b} – {asked.last.day} {asked.last:%b %Y}"


def _next(asked: Stretch, step: int) -> date:
    if asked.view == "week":
        return asked.day + timedelta(days=7 * step)
    first = asked.day.replace(day=1)
    return (first + timedelta(days=32)).replace(day=1) if step > 0 else first - timedelta(days=1)
