"""What does one layer of the configuration come to, and when is a holiday that it writes?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from tocsin.alert.attention.recurrence import zone
from tocsin.kit.document import ConfigError, Document
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode
from tocsin.model.people import Person
from tocsin.oncall.config import LayerEntry, RestrictionEntry
from tocsin.oncall.holiday import Times, every_year, once
from tocsin.oncall.layer import EVER_MS, PRIMARY, SECONDARY, Layer
from tocsin.oncall.mistakes import Mistakes
from tocsin.oncall.restriction import DAY_NAMES, Hours, overlap, parse_day_and_time, parse_hours
from tocsin.oncall.rotation import Rotation
from tocsin.oncall.wall_clock import reached_ms

T = TypeVar("T")

_LENGTH = re.compile(r"(\d{1,3})\s*(h|hours?|d|days?|w|weeks?)", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_WORDS = {"hourly": 1, "daily": 24, "weekly": 7 * 24}
_LONGEST = timedelta(weeks=52)
_DAY_MINUTES = 24 * 60
_WEEK = timedelta(weeks=1)
_FIRST_DAY = date(2024, 1, 1)
"""A Monday: turns are counted from there when a layer has no start."""
_YEARS = range(2000, 2101)


def parse_length(text: str) -> timedelta:
    """Of `daily`, `weekly`, `12h`, `3 days`, `2 weeks`; raises Rejected."""
    word = text.strip().lower()
    match = _LENGTH.fullmatch(word)
    hours = _WORDS.get(word) or (int(match[1]) * _HOURS[match[2][0]] if match else 0)
    if not timedelta() < timedelta(hours=hours) <= _LONGEST:
        raise Rejected(
            f"{text[:40]!r} is no length of a turn; write daily, weekly, or such as 12h, 3 days "
            "or 2 weeks, at least 1h and at most 52 weeks"
        )
    return timedelta(hours=hours)


def parse_date(text: str) -> date:
    """Of `2026-12-25`; raises Rejected."""
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected(f"{text[:40]!r} is no date; write one such as 2026-12-25") from error
    if found.year not in _YEARS:
        raise Rejected(f"the year of {text[:40]!r} must lie between 2000 and 2100")
    return found


def holiday_times(day: str, until: str, place: str) -> Times:
    """When a holiday is: whole days by a place's clocks, `12-25` every year; raises Rejected."""
    if re.fullmatch(r"\d{1,2}-\d{1,2}", day.strip(), re.ASCII):
        if until:
            raise Rejected(
                "a holiday of every year lasts one day; write a date each, without until"
            )
        month, number = map(int, day.split("-"))
        try:
            date(2024, month, number)
        except ValueError as error:
            raise Rejected(f"{day!r} is no day of a year; write month-day, as in 12-25") from error
        return every_year(month, number, place)
    first = parse_date(day)
    last = parse_date(until) if until else first
    if last < first:
        raise Rejected(f"the holiday ends ({until}) before it begins ({day})")
    ends = datetime.combine(last, time()) + timedelta(days=1)
    return once(datetime.combine(first, time()), ends, place)


class LayerReader:
    """One layer as it stands; what is wrong with it goes to `mistakes`."""

    def __init__(
        self,
        part: Document,
        entry: LayerEntry,
        schedule_zone: str,
        people: Mapping[str, Person],
        mistakes: Mistakes,
    ) -> None:
        self._part = part
        self._entry = entry
        self._zone = entry.timezone or schedule_zone
        self._people = people
        self._mistakes = mistakes

    def layer(self, name: str) -> Layer | None:
        """The layer; None when it makes no sense, of which every reason was noted."""
        entry, before = self._entry, len(self._mistakes.found)
        self._check_people()
        self._tried("timezone", lambda: zone(self._zone))
        hours = self._restrictions() if entry.restrictions else ()
        length = self._tried("rotation", lambda: parse_length(entry.rotation))
        usual = divmod(hours[0].begins % _DAY_MINUTES, 60) if hours else (9, 0)
        written = entry.handoff or f"{usual[0]:02d}:{usual[1]:02d}"
        handoff = self._tried("handoff", lambda: parse_day_and_time(written))
        start = self._tried("start", lambda: parse_date(entry.start)) if entry.start else None
        end = self._tried("end", lambda: parse_date(entry.end)) if entry.end else None
        if length is None or handoff is None or len(self._mistakes.found) > before:
            return None
        weekday, minutes = handoff
        if weekday is not None and length % _WEEK:
            problem = (
                f"a turn of {entry.rotation} is not handed over on the same day each time; leave "
                f"{DAY_NAMES[weekday]} out, or let turns last weeks"
            )
            self._mistakes.add(self._part, problem, "handoff")
            return None
        if start and end and end <= start:
            self._mistakes.add(self._part, f"the layer ends ({end}) before it starts", "end")
            return None
        at = timedelta(minutes=minutes)
        first = start or _FIRST_DAY
        if weekday is not None:
            first -= timedelta(days=(first.weekday() - weekday) % 7)
        return Layer(
            name=name,
            rotation=Rotation(entry.people, _midnight(first) + at, length, self._zone),
            restrictions=hours,
            starts_ms=reached_ms(_midnight(start) + at, self._zone) if start else 0,
            ends_ms=reached_ms(_midnight(end) + at, self._zone) if end else EVER_MS,
            rank=SECONDARY if entry.rank == "secondary" else PRIMARY,
        )

    def _check_people(self) -> None:
        if not self._entry.people:
            problem = (
                "the rotation is empty: nobody would ever be on call; name at least one person"
            )
            self._mistakes.add(self._part, problem, "people")
        for number, person in enumerate(self._entry.people):
            where = "oncall.people"
            self._mistakes.known(self._part, person, self._people, where, "people", number)

    def _restrictions(self) -> tuple[Hours, ...]:
        document, found = self._entry.restrictions, list[Hours]()
        if document is None or not isinstance(document.data, list) or not document.data:
            problem = "expected a list of hours; leave the key out for all week"
            self._mistakes.add(self._part, problem, "restrictions")
            return ()
        for number in range(len(document.data)):
            part = document.get(number)
            assert part is not None
            try:
                one = decode(part, RestrictionEntry)
                days = one.days if isinstance(one.days, str) else ",".join(one.days)
                found += parse_hours(days, one.begins, one.ends)
            except ConfigError as error:
                self._mistakes.found.append(error)
            except Rejected as error:
                self._mistakes.add(part, str(error))
        if both := overlap(found):
            problem = f"{both[0].words} and {both[1].words} overlap; join them"
            self._mistakes.add(self._part, problem, "restrictions")
        return tuple(sorted(found))

    def _tried(self, key: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Rejected as error:
            self._mistakes.add(self._part, str(error), key)
            return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
