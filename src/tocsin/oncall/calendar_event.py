"""When does an event of somebody else's calendar take place, once or again and again? (RFC 5545)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from icalendar import Event

from tocsin.alert.attention.ical import events
from tocsin.alert.attention.ical_event import Entry, excluded_of, replaced_by, rule_of
from tocsin.alert.attention.recurrence import Recurrence
from tocsin.kit.fault import Rejected
from tocsin.oncall.wall_clock import DAY_MS, reached_ms


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One event. `at` names it in errors; `first` is what the clocks of `zone` show when it begins
    for the first time."""

    event: Event
    at: str
    name: str
    first: datetime
    lasts: timedelta
    zone: str
    again: Recurrence | None
    excluded: frozenset[str]
    turn: Lock
    """Recurrences remember how far they were followed; pages and exports ask from threads too."""

    def between(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """When it takes place in that range at least in part: begin and end in ms."""
        if self.again is None:
            begun = [self.first]
        else:
            since = from_ms - round(self.lasts / timedelta(milliseconds=1)) - 2 * DAY_MS
            with self.turn:
                begun = self.again.between(since, to_ms)
        times = [
            (reached_ms(begin, self.zone), reached_ms(begin + self.lasts, self.zone))
            for begin in begun
            if begin.isoformat() not in self.excluded
        ]
        return [(starts, ends) for starts, ends in times if starts < to_ms and ends > from_ms]


def read_events(data: bytes, default_zone: str) -> list[CalendarEvent]:
    """Every event that takes place; a changed occurrence of a series is one of its own.

    Raises Rejected with the event and the remedy, TooLarge beyond 1 MiB or 1000 events.
    """
    entries = list(events(data, default_zone))
    found = [_read(one, entries) for one in entries if not one.is_cancelled]
    if not found:
        raise Rejected("the calendar has no event; one begins with BEGIN:VEVENT")
    return found


def _read(entry: Entry, entries: Iterable[Entry]) -> CalendarEvent:
    rule, excluded = "", frozenset[str]()
    if not entry.is_of_a_series:
        rule = rule_of(entry.event, entry.at)
        excluded = frozenset(excluded_of(entry.event, entry.place)) | {
            replaced_by(other, entry.place)
            for other in entries
            if other.is_of_a_series and other.uid == entry.uid
        }
    try:
        again = Recurrence(rule, entry.begins, entry.place) if rule else None
    except Rejected as error:
        raise Rejected(f"{entry.at}: {error}") from error
    return CalendarEvent(
        event=entry.event,
        at=entry.at,
        name=str(entry.event.get("SUMMARY") or "")[:200],
        first=entry.begins,
        lasts=entry.lasts,
        zone=entry.place,
        again=again,
        excluded=excluded,
        turn=Lock(),
    )
