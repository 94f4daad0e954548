"""Is it a time at which a route speaks? Alertmanager's time intervals.

https://prometheus.io/docs/alerting/latest/configuration/#time_interval
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tocsin.kit.fault import Rejected

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = tuple(month.lower() for month in calendar.month_name)


class _Range(msgspec.Struct, frozen=True):
    """Both ends included."""

    first: int
    last: int

    def holds(self, value: int) -> bool:
        """Whether the value lies in it."""
        return self.first <= value <= self.last


def _ends(text: str) -> tuple[str, str]:
    first, colon, last = text.strip().lower().partition(":")
    return first.strip(), last.strip() if colon else first.strip()


def _ordered(first: int, last: int, text: str) -> tuple[int, int]:
    if first > last:
        raise Rejected(f"{text!r} ends before it starts; write two ranges")
    return first, last


def _whole(text: str, whole: str, low: int, high: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,6}", text, re.ASCII) or not low <= int(text) <= high:
        raise Rejected(f"expected a number from {low} to {high} or a range of them, got {whole!r}")
    return int(text)


class WeekdayRange(_Range, frozen=True):
    """`monday:friday`, `sunday`; Sunday is the first day of the week."""

    EXPECTED = "a weekday such as monday, or a range such as monday:friday"

    @classmethod
    def from_config(cls, text: str) -> WeekdayRange:
        """Raises Rejected for anything else."""
        first, last = _ends(text)
        if first not in _WEEKDAYS or last not in _WEEKDAYS:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(*_ordered(_WEEKDAYS.index(first), _WEEKDAYS.index(last), text))


class DayRange(_Range, frozen=True):
    """`1:5`, `-3:-1`; negative days count from the end of the month."""

    EXPECTED = "a day of the month or a range such as 1:5 or -3:-1"

    @classmethod
    def from_config(cls, text: str) -> DayRange:
        """Raises Rejected for anything else."""
        first, last = (_whole(end, text, -31, 31) for end in _ends(text))
        if 0 in (first, last):
            raise Rejected("there is no day 0 of the month")
        if first < 0 < last:
            raise Rejected(f"{text!r}: the end must be negative too if the start is")
        if (first < 0) == (last < 0):
            _ordered(first, last, text)
        return cls(first, last)

    def holds_day(self, day: int, days: int) -> bool:
        """Whether that day of a month of so many days lies in it."""
        first = days + self.first + 1 if self.first < 0 else self.first
        last = days + self.last + 1 if self.last < 0 else self.last
        return first <= days and max(first, 1) <= day <= min(last, days)


class MonthRange(_Range, frozen=True):
    """`january:march`, `1:3`, `december`."""

    EXPECTED = "a month such as january or 1, or a range such as january:march"

    @classmethod
    def from_config(cls, text: str) -> MonthRange:
        """Raises Rejected for anything else."""
        first, last = (
            _MONTHS.index(end) if end and end in _MONTHS else _whole(end, text, 1, 12)
            for end in _ends(text)
        )
        return cls(*_ordered(first, last, text))


class YearRange(_Range, frozen=True):
    """`2026:2028`, `2026`."""

    EXPECTED = "a year or a range such as 2026:2028"

    @classmethod
    def from_config(cls, text: str) -> YearRange:
        """Raises Rejected for anything else."""
        first, last = (_whole(end, text, 0, 9999) for end in _ends(text))
        return cls(*_ordered(first, last, text))


class ClockTime(int):
    """Minutes since midnight, written `HH:MM`; `24:00` is the end of the day."""

    EXPECTED = "a time such as 09:30 or 24:00"

    @classmethod
    def from_config(cls, text: str) -> ClockTime:
        """Raises Rejected for anything else."""
        match = _CLOCK.fullmatch(text.strip())
        if match is None:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(24 * 60 if match[1] is None else int(match[1]) * 60 + int(match[2]))

    def __str__(self) -> str:
        return f"{self // 60:02d}:{self % 60:02d}"

    __repr__ = __str__


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """From `start_time` on, before `end_time`."""

    start_time: ClockTime
    end_time: ClockTime

    def __post_init__(self) -> None:
        if self.start_time >= self.end_time:
            raise Rejected("start_time must be before end_time; split a range that passes midnight")


class Location(str):
    """A time zone of the IANA database, `UTC` or `Local`."""

    __slots__ = ()
    EXPECTED = "a time zone such as Europe/Berlin, UTC or Local"

    @classmethod
    def from_config(cls, text: str) -> Location:
        """Raises Rejected for a zone that this machine does not know."""
        if text != "Local":
            _zone(text)
        return cls(text)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(f"unknown time zone {name!r}; write one such as Europe/Berlin") from error


class TimeInterval(msgspec.Struct, frozen=True, kw_only=True):
    """All of the fields that are given must hold, of each field one range."""

    times: tuple[TimeRange, ...] = ()
    weekdays: tuple[WeekdayRange, ...] = ()
    days_of_month: tuple[DayRange, ...] = ()
    months: tuple[MonthRange, ...] = ()
    years: tuple[YearRange, ...] = ()
    location: Location = Location("UTC")

    def holds(self, at_ms: int) -> bool:
        """Whether that moment lies in it, by the clocks of its place."""
        if self.location == "Local":
            now = datetime.fromtimestamp(at_ms / 1000).astimezone()
        else:
            now = datetime.fromtimestamp(at_ms / 1000, _zone(self.location))
        minute = now.hour * 60 + now.minute
        days = calendar.monthrange(now.year, now.month)[1]
        return (
            _any(time.start_time <= minute < time.end_time for time in self.times)
            and _any(day.holds(now.isoweekday() % 7) for day in self.weekdays)
            and _any(day.holds_day(now.day, days) for day in self.days_of_month)
            and _any(month.holds(now.month) for month in self.months)
            and _any(year.holds(now.year) for year in self.years)
        )


def _any(answers: Iterable[bool]) -> bool:
    """Whether one is true, or there are none."""
    found = list(answers)
    return not found or any(found)


Intervals = Mapping[str, tuple[TimeInterval, ...]]


def holding(names: Iterable[str], intervals: Intervals, at_ms: int) -> list[str]:
    """Those of the named intervals that hold at that moment."""
    return [name for name in names if any(interval.holds(at_ms) for interval in intervals[name])]
