"""How does a schedule look in a calendar? As a feed that programs subscribe to (RFC 5545)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from tocsin.model.people import Shift
from tocsin.oncall.roster import Roster
from tocsin.oncall.wall_clock import DAY_MS

PAST_MS, AHEAD_MS = 60 * DAY_MS, 400 * DAY_MS
"""How much of the past and of the future a feed holds."""


def schedule_feed(roster: Roster, schedule: str, *, now_ms: int, host: str) -> bytes:
    """The shifts of a schedule. Raises NotFound for an unknown one."""
    chosen = roster.schedule(schedule)
    calendar = _calendar(f"On call: {chosen.name}")
    for rank in (0, 1) if chosen.has_secondary else (0,):
        for shift in _shifts(roster, chosen.name, rank, now_ms):
            title = f"{_called(roster, shift.person)} on call{_second(rank)}: {chosen.name}"
            calendar.add_component(_event(shift, title, rank, now_ms, host))
    return bytes(calendar.to_ical())


def person_feed(roster: Roster, person: str, *, now_ms: int, host: str) -> bytes:
    """When one person is on call, by any schedule; empty for somebody unknown."""
    calendar = _calendar(f"On call: {_called(roster, person)}")
    for schedule in roster.schedules_of(person):
        for rank in (0, 1) if roster.schedule(schedule).has_secondary else (0,):
            for shift in _shifts(roster, schedule, rank, now_ms):
                if shift.person == person:
                    title = f"On call{_second(rank)}: {schedule}"
                    calendar.add_component(_event(shift, title, rank, now_ms, host))
    return bytes(calendar.to_ical())


def _shifts(roster: Roster, schedule: str, rank: int, now_ms: int) -> Iterable[Shift]:
    return roster.shifts(schedule, now_ms - PAST_MS, now_ms + AHEAD_MS, rank=rank)


def _calendar(name: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("name", name)
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    return calendar


def _event(shift: Shift, title: str, rank: int, now_ms: int, host: str) -> Event:
    """The same shift has the same UID in every export, and in every feed."""
    words = f"{shift.schedule}\0{rank}\0{shift.layer}\0{shift.starts_ms}"
    name = hashlib.blake2b(words.encode(), digest_size=12).hexdigest()
    event = Event()
    event.add("uid", f"{name}@{host}")
    event.add("summary", title)
    event.add("dtstamp", _utc(now_ms))
    event.add("dtstart", _utc(shift.starts_ms))
    event.add("dtend", _utc(shift.ends_ms))
    event.add("description", f"schedule {shift.schedule}, by {shift.layer}")
    event.add("transp", "TRANSPARENT")
    return event


def _called(roster: Roster, person: str) -> str:
    found = roster.people.get(person)
    return (found.full_name if found else "") or person


def _second(rank: int) -> str:
    return " (second)" if rank else ""


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)
