"""In which hours of the week does a layer count? Its restrictions, also across midnight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.alert.attention.recurrence import wall
from tocsin.kit.fault import Rejected
from tocsin.oncall.wall_clock import reached_ms

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_GROUPS = {"daily": DAYS, "every day": DAYS, "weekdays": DAYS[:5], "weekends": DAYS[5:]}
_TIME = re.compile(r"(\d{1,2})(?::([0-5]\d))?", re.ASCII)
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_MARGIN = timedelta(days=8)
"""A restriction that began up to a week before may still last."""


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """A part of each week by the clocks: minutes since Monday 00:00, and how many it lasts."""

    begins: int
    lasts: int

    @property
    def words(self) -> str:
        """Such as `Fri 17:00 to Mon 09:00`."""
        ends = self.begins + self.lasts
        return f"{_moment(self.begins)} to {_moment(ends)}"


def parse_day(text: str) -> int:
    """0 for Monday of `Mon`, `monday` …; raises Rejected."""
    word = text.strip().lower()
    if len(word) >= 2:
        for number, name in enumerate(DAY_NAMES):
            if name.lower().startswith(word):
                return number
    raise Rejected(f"{text[:40]!r} is no day of the week; write one such as Mon or Friday")


def parse_days(text: str) -> tuple[int, ...]:
    """The days of `Mon-Fri`, `sat, sun`, `weekdays` or `daily`, in order; raises Rejected."""
    found: set[int] = set()
    for part in text.split(","):
        word = part.strip().lower()
        if word in _GROUPS:
            found |= {DAYS.index(day) for day in _GROUPS[word]}
            continue
        first, dash, last = word.partition("-")
        begins = parse_day(first)
        ends = parse_day(last) if dash else begins
        found |= {(begins + step) % 7 for step in range((ends - begins) % 7 + 1)}
    return tuple(sorted(found))


def parse_time(text: str) -> int:
    """Minutes since midnight of `09:00`, `9` or `24:00`; raises Rejected."""
    match = _TIME.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2] or 0) if match else -1
    if not 0 <= minutes <= _DAY_MINUTES:
        raise Rejected(f"{text[:40]!r} is no time of a day; write one such as 09:00")
    return minutes


def parse_day_and_time(text: str) -> tuple[int | None, int]:
    """The day, when one is named, and the minutes since midnight of `Fri 17:00` or `17:00`."""
    words = text.split()
    if not 1 <= len(words) <= 2:
        raise Rejected(f"{text[:40]!r} is no time; write one such as 09:00 or Mon 09:00")
    return (parse_day(words[0]) if len(words) == 2 else None), parse_time(words[-1])


def parse_hours(days: str, begins: str, ends: str) -> list[Hours]:
    """What `days: Mon-Fri, from: 18:00, to: 09:00` means, each day's begin included; a `to` that is
    not later lies on the next day. `from: Fri 17:00, to: Mon 09:00` is one stretch across days.
    Raises Rejected for what is empty or no time."""
    from_day, from_minute = parse_day_and_time(begins or "00:00")
    to_day, to_minute = parse_day_and_time(ends or "24:00")
    if (from_day is None) != (to_day is None):
        raise Rejected("from and to must both name a day, such as Fri 17:00, or neither of them")
    if from_day is not None and to_day is not None:
        if days:
            raise Rejected("from and to name their days already; leave days out")
        starts = from_day * _DAY_MINUTES + from_minute
        lasts = (to_day * _DAY_MINUTES + to_minute - starts) % _WEEK_MINUTES
        if lasts == 0:
            raise Rejected(f"the time from {begins} to {ends} is empty; leave it out for all week")
        return [Hours(starts % _WEEK_MINUTES, lasts)]
    if (to_minute - from_minute) % _DAY_MINUTES == 0 and (from_minute, to_minute) != (
        0,
        _DAY_MINUTES,
    ):
        raise Rejected(
            f"the time from {begins or '00:00'} to {ends or '24:00'} is empty; leave from and to "
            "out for the whole day"
        )
    lasts = (to_minute - from_minute) % _DAY_MINUTES or _DAY_MINUTES
    chosen = parse_days(days) if days else range(7)
    return [Hours((day * _DAY_MINUTES + from_minute) % _WEEK_MINUTES, lasts) for day in chosen]


def overlap(hours: Iterable[Hours]) -> tuple[Hours, Hours] | None:
    """Two that lie over each other, None when none do."""
    ordered = sorted(hours)
    if len(ordered) < 2:
        return None
    again = Hours(ordered[0].begins + _WEEK_MINUTES, ordered[0].lasts)
    for one, following in zip(ordered, [*ordered[1:], again], strict=True):
        if one.begins + one.lasts > following.begins:
            return one, Hours(following.begins % _WEEK_MINUTES, following.lasts)
    return None


def open_between(
    hours: Sequence[Hours], zone: str, from_ms: int, to_ms: int
) -> list[tuple[int, int]]:
    """The times of those weeks that lie in that range at least in part, those that touch joined."""
    since, until = wall(from_ms, zone) - _MARGIN, wall(to_ms, zone) + timedelta(days=1)
    monday = (since - timedelta(days=since.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    found: list[tuple[int, int]] = []
    while monday < until:
        for one in sorted(hours):
            starts = _reached(monday, one.begins, zone)
            ends = _reached(monday, one.begins + one.lasts, zone)
            if found and starts <= found[-1][1]:
                found[-1] = found[-1][0], max(ends, found[-1][1])
            elif starts < ends:
                found.append((starts, ends))
        monday += timedelta(days=7)
    return [(starts, ends) for starts, ends in found if starts < to_ms and ends > from_ms]


def _reached(monday: datetime, minutes: int, zone: str) -> int:
    return reached_ms(monday + timedelta(minutes=minutes), zone)


def _moment(minutes: int) -> str:
    day, minute = divmod(minutes % _WEEK_MINUTES, _DAY_MINUTES)
    return f"{DAY_NAMES[day][:3]} {minute // 60:02d}:{minute % 60:02d}"
