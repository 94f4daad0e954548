"""How do maintenance windows look in a calendar, and what windows does a calendar mean?

iCalendar (RFC 5545), read and written with the package icalendar.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import icalendar
from icalendar import Calendar, Event

from tocsin.alert.attention.ical_event import (
    MATCHERS,
    Entry,
    conditions,
    read_event,
    window_of,
    without,
)
from tocsin.alert.attention.recurrence import wall, zone
from tocsin.alert.attention.window import Window
from tocsin.kit.fault import Rejected, TooLarge

_LARGEST_BYTES = 1 << 20
_MOST_EVENTS = 1000


def export(windows: Iterable[Window], *, now_ms: int, host: str) -> bytes:
    """A calendar of these windows that other programs can subscribe to; the time zones that are
    used are in it."""
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//Maintenance//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Maintenance")
    calendar.add("name", "Maintenance")
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    for window in windows:
        calendar.add_component(_event(window, now_ms, host))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _event(window: Window, now_ms: int, host: str) -> Event:
    place = zone(window.time_zone)
    begins = wall(window.starts_ms, window.time_zone)
    event = Event()
    event.add("uid", window.uid or f"{window.id}@{host}")
    event.add("summary", window.name)
    event.add("dtstamp", datetime.fromtimestamp((window.updated_ms or now_ms) / 1000, UTC))
    event.add("dtstart", begins.replace(tzinfo=place))
    event.add("dtend", wall(window.ends_ms, window.time_zone).replace(tzinfo=place))
    if window.rule:
        event.add("rrule", icalendar.vRecur.from_ical(window.rule.removeprefix("RRULE:")))
    for text in window.excluded:
        event.add("exdate", datetime.fromisoformat(text).replace(tzinfo=place))
    event.add("description", f"{window.comment}\nmatchers: {window.words}".strip())
    event.add(MATCHERS, window.words)
    event.add("transp", "TRANSPARENT")
    return event


def read(
    data: bytes, *, created_by: str, default_zone: str = "UTC", matchers: str = ""
) -> list[Window]:
    """The windows that a calendar's events mean; `matchers` are for events that name none.

    Cancelled events are left out, and changed occurrences of a series become windows of their own.
    Raises Rejected with the event and the remedy, TooLarge beyond 1 MiB or 1000 events.
    """
    given = conditions(matchers, "the import") if matchers.strip() else ()
    series: dict[str, Window] = {}
    changed: list[Entry] = []
    for entry in events(data, default_zone):
        if entry.is_of_a_series:
            changed.append(entry)
        elif entry.uid in series:
            raise Rejected(f"{entry.at}: the UID {entry.uid!r} is used twice; give each its own")
        elif not entry.is_cancelled:
            series[entry.uid] = window_of(entry, given, created_by)
    moved: list[Window] = []
    for entry in changed:
        main = series.get(entry.uid)
        if main is not None:
            series[entry.uid] = without(main, entry)
        if not entry.is_cancelled:
            moved.append(window_of(entry, main.matchers if main else given, created_by))
    if not series and not moved:
        raise Rejected("the calendar has no event; one begins with BEGIN:VEVENT")
    return [*series.values(), *moved]


def events(data: bytes, default_zone: str) -> Iterable[Entry]:
    """Every event of a file, which may hold several calendars; raises Rejected, TooLarge."""
    if len(data) > _LARGEST_BYTES:
        raise TooLarge("a calendar has at most 1 MiB")
    try:
        calendars = Calendar.from_ical(data, multiple=True)
    except (ValueError, KeyError, IndexError) as error:
        raise Rejected(f"this is no calendar (iCalendar, RFC 5545): {error}") from error
    number = 0
    for calendar in calendars:
        place = str(calendar.get("X-WR-TIMEZONE") or default_zone)
        for event in calendar.events:
            number += 1
            if number > _MOST_EVENTS:
                raise TooLarge(f"a calendar has at most {_MOST_EVENTS} events")
            yield read_event(event, number, place)
