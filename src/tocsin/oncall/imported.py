"""Who is on call by a calendar that somebody else keeps? Its events name people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from icalendar import Event

from tocsin.kit.fault import Rejected
from tocsin.model.people import Person
from tocsin.oncall.calendar_event import CalendarEvent, read_events
from tocsin.oncall.schedule import IMPORT
from tocsin.oncall.stretch import Stretch, over

_TOLD = 5
_REMEDY = "write the person's name as its title, or add an attendee with the person's address"


class ImportedCalendar:
    """The events of one calendar, each with the person whom it names."""

    def __init__(self, named: Sequence[tuple[CalendarEvent, str]]) -> None:
        self._named = named

    @property
    def people(self) -> frozenset[str]:
        """Everybody whom an event names."""
        return frozenset(person for _, person in self._named)

    def between(self, from_ms: int, to_ms: int) -> list[Stretch]:
        """The events of that time at their full length; where two lie over each other, the one
        that begins later counts."""
        found: list[Stretch] = []
        for one in self._all(from_ms, to_ms):
            found = over(found, [one])
        return found

    def overlap(self, from_ms: int, to_ms: int) -> str:
        """Two events that put different people on call at the same time, in words; else empty."""
        last: Stretch | None = None
        for one in self._all(from_ms, to_ms):
            if last and one.starts_ms < last.ends_ms and one.person != last.person:
                return f"{last.note!r} ({last.person}) and {one.note!r} ({one.person})"
            if last is None or one.ends_ms > last.ends_ms:
                last = one
        return ""

    def _all(self, from_ms: int, to_ms: int) -> list[Stretch]:
        found = [
            Stretch(starts, ends, person, IMPORT, note=event.name)
            for event, person in self._named
            for starts, ends in event.between(from_ms, to_ms)
        ]
        return sorted(found, key=lambda one: (one.starts_ms, -one.ends_ms, one.person))


def read_people_calendar(
    data: bytes, people: Mapping[str, Person], default_zone: str, *, is_strict: bool = True
) -> ImportedCalendar:
    """A calendar whose events name who is on call: by an attendee's address, or in the title.

    Raises Rejected naming each event that names nobody known, or several, which otherwise are left
    out; TooLarge beyond 1 MiB.
    """
    named: list[tuple[CalendarEvent, str]] = []
    problems: list[str] = []
    for one in read_events(data, default_zone):
        found = _named_by(one, people)
        if len(found) == 1:
            named.append((one, found[0]))
        elif found:
            problems.append(f"{one.at} names {' and '.join(found)}; make an event of each")
        else:
            problems.append(f"{one.at} names nobody of oncall.people; {_REMEDY}")
    if problems and is_strict:
        rest = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise Rejected("; ".join(problems[:_TOLD]) + rest)
    return ImportedCalendar(named)


def _named_by(one: CalendarEvent, people: Mapping[str, Person]) -> list[str]:
    """An exact title, else attendees, else names in the title; all that the best of these name."""
    title = one.name.strip().casefold()
    for name, person in people.items():
        if title in {word.casefold() for word in (name, person.full_name, person.email) if word}:
            return [name]
    addresses = set(_addresses(one.event))
    found = [name for name, one in people.items() if one.email.casefold() in addresses]
    return found or [name for name, one in people.items() if _is_in(title, name, one)]


def _addresses(event: Event) -> Iterable[str]:
    for key in ("ATTENDEE", "ORGANIZER"):
        value = event.get(key)
        values = value if isinstance(value, list) else [value] if value else []
        yield from (str(one).casefold().removeprefix("mailto:") for one in values if str(one))


def _is_in(title: str, name: str, person: Person) -> bool:
    words = (name, person.full_name, person.email)
    return any(
        re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", title) for word in words if word
    )
