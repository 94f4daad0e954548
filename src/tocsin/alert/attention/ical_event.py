"""Which maintenance window does one event of a calendar mean? (RFC 5545, section 3.6.1)"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from icalendar import Event

from tocsin.alert.attention.recurrence import instant_ms, zone
from tocsin.alert.attention.silence import SilenceMatcher
from tocsin.alert.attention.window import Schedule, Window
from tocsin.alert.routing.matchers import parse_matchers
from tocsin.kit.fault import Rejected

MATCHERS = "X-TOCSIN-MATCHERS"
_IN_TEXT = re.compile(r"^[ \t]*(?:tocsin[- ])?matchers[ \t]*[:=](.*\S)", re.I | re.M)
_REMEDY = (
    f'write the property {MATCHERS}:service="db" into the event, or a line such as '
    '`matchers: service="db"` into its description; or give the conditions with the import'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as read: `begins` is what the clocks of `place` show; `at` names it in errors."""

    event: Event
    at: str
    uid: str
    begins: datetime
    lasts: timedelta
    place: str

    @property
    def is_of_a_series(self) -> bool:
        """Whether it stands for one occurrence of another event, changed or cancelled."""
        return "RECURRENCE-ID" in self.event

    @property
    def is_cancelled(self) -> bool:
        """Whether it does not take place."""
        return str(self.event.get("STATUS") or "").upper() == "CANCELLED"


def read_event(event: Event, number: int, default_zone: str) -> Entry:
    """When it takes place, as the clocks of its place show; raises Rejected naming the event."""
    uid = str(event.get("UID") or "")
    at = f"event {number} ({str(event.get('SUMMARY') or uid or 'without a name')[:80]!r})"
    if event.errors:
        name, why = event.errors[0]
        raise Rejected(f"{at}: {name} cannot be read: {why}")
    starts = _moment(event, "DTSTART", at)
    if starts is None:
        raise Rejected(f"{at}: it has no DTSTART, so nobody knows when it begins")
    ends = _moment(event, "DTEND", at)
    lasts: Any = event.get("DURATION")  # Any: as in _moment
    place = _place(starts, default_zone, at)
    begins = _shown(starts, place)
    length: Any  # as in _moment: what the package gives for a DURATION
    if ends is not None:
        length = _shown(ends, place) - begins
    elif lasts is not None:
        length = lasts.dt
    else:
        length = timedelta(days=1) if not isinstance(starts, datetime) else timedelta(0)
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise Rejected(f"{at}: it ends before it has begun; give it a DTEND or a DURATION")
    return Entry(event, at, uid or f"event-{number}", begins, length, place)


def _moment(event: Event, name: str, at: str) -> date | datetime | None:
    found: Any = event.get(name)  # Any: the package gives one or a list of many types
    if found is None:
        return None
    moment = getattr(found, "dt", None)
    if not isinstance(moment, date):
        raise Rejected(f"{at}: {name} is not one date or time")
    return moment


def _place(moment: date | datetime, default_zone: str, at: str) -> str:
    """The time zone of an event's clocks; of the calendar when the event names none."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        zone(default_zone)
        return default_zone
    name = str(getattr(moment.tzinfo, "key", None) or moment.tzname() or "")
    if moment.utcoffset() == timedelta(0) and name in ("", "UTC", "Z"):
        return "UTC"
    try:
        zone(name)
    except Rejected as error:
        raise Rejected(
            f"{at}: its time zone {name!r} is not one of the IANA database; change it to one such "
            "as Europe/Berlin"
        ) from error
    return name


def _shown(moment: date | datetime, place: str) -> datetime:
    """What the clocks of the place show then."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - by the clocks
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(zone(place)).replace(tzinfo=None)


def window_of(found: Entry, given: tuple[SilenceMatcher, ...], created_by: str) -> Window:
    """The window; `given` are the conditions of an event that names none. Raises Rejected with
    the event and the remedy."""
    event, place = found.event, found.place
    matchers = _matchers_of(event, found.at) or given
    if not matchers:
        raise Rejected(f"{found.at}: it does not say which alerts it holds back; {_REMEDY}")
    window = Window(
        name=str(event.get("SUMMARY") or "Maintenance")[:200],
        matchers=matchers,
        starts_ms=instant_ms(found.begins, place),
        ends_ms=instant_ms(found.begins + found.lasts, place),
        time_zone=place,
        rule=rule_of(event, found.at),
        excluded=tuple(excluded_of(event, place)),
        comment=_comment(event),
        created_by=created_by,
        source="ical",
        uid=found.uid,
    )
    try:
        Schedule(window)
    except Rejected as error:
        raise Rejected(f"{found.at}: {error}") from error
    return window


def rule_of(event: Event, at: str) -> str:
    """How it recurs, as RFC 5545 writes it, empty when it does not; raises Rejected."""
    for unknown in ("RDATE", "EXRULE"):
        if unknown in event:
            raise Rejected(f"{at}: {unknown} is not supported; make an event of each date")
    rules: Any = event.get("RRULE")  # Any: the package gives one or a list of many types
    if isinstance(rules, list):
        raise Rejected(f"{at}: it has {len(rules)} RRULEs; make an event of each")
    return rules.to_ical().decode() if rules is not None else ""


def _matchers_of(event: Event, at: str) -> tuple[SilenceMatcher, ...]:
    own = event.get(MATCHERS)
    texts = own if isinstance(own, list) else [own] if own else []
    if not texts:
        texts = _IN_TEXT.findall(str(event.get("DESCRIPTION") or ""))
    return tuple(one for text in texts for one in conditions(str(text), at))


def conditions(text: str, at: str) -> tuple[SilenceMatcher, ...]:
    """As they are kept; raises Rejected with the place."""
    try:
        found = parse_matchers(text)
    except Rejected as error:
        raise Rejected(f"{at}: {error}") from error
    return tuple(SilenceMatcher(name=m.name, op=m.op.value, value=m.value) for m in found)


def _comment(event: Event) -> str:
    return _IN_TEXT.sub("", str(event.get("DESCRIPTION") or "")).strip()[:1000]


def excluded_of(event: Event, place: str) -> Iterable[str]:
    """What the clocks show at the times that are left out, in ISO 8601."""
    for moment in _listed(event.get("EXDATE")):
        yield _shown(moment, place).isoformat()


def _listed(value: Any) -> Iterable[date | datetime]:  # Any: the package has no type for it
    for part in value if isinstance(value, list) else [value] if value is not None else []:
        yield from (one.dt for one in part.dts)


def without(main: Window, changed: Entry) -> Window:
    """The series without the occurrence that was changed or cancelled."""
    gone = replaced_by(changed, main.time_zone)
    return msgspec.structs.replace(main, excluded=(*main.excluded, gone))


def replaced_by(changed: Entry, place: str) -> str:
    """Which occurrence of its series it stands for: what the place's clocks show, in ISO 8601."""
    moment = _moment(changed.event, "RECURRENCE-ID", changed.at)
    assert moment is not None
    return _shown(moment, place).isoformat()
