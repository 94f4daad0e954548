"""What should somebody know who goes on call? Said at each change of shift; pure texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from tocsin.alert.attention.recurrence import wall
from tocsin.model.people import Person
from tocsin.oncall.roster import Roster
from tocsin.oncall.stretch import NOBODY
from tocsin.oncall.wall_clock import DAY_MS, HOUR_MS

_LISTED = 20
_SEEK_MS = 92 * DAY_MS
"""How far ahead the next hand-off is looked for."""
_LOOKS_MS = (2 * DAY_MS, 14 * DAY_MS, _SEEK_MS)
"""In these steps: most are near, and a schedule of many shifts takes long to look far."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know."""

    title: str
    detail: str = ""
    since_ms: int = 0
    path: str = ""
    """The page that shows it, below our address."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """How things are at a change of shift."""

    incidents: tuple[Point, ...] = ()
    """Those that are not over."""
    firing: tuple[Point, ...] = ()
    """Alerts that are told."""
    silenced: tuple[Point, ...] = ()
    """Alerts that are held back by people: silences, maintenance."""
    flapping: tuple[Point, ...] = ()
    """Alerts that begin and end too often."""
    watch: tuple[Point, ...] = ()
    """What may come up during the shift."""

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing at all."""
        return self == Situation()


class SituationSource(Protocol):
    """Somebody who knows how things are."""

    async def situation(self, from_ms: int, to_ms: int) -> Situation:
        """How things are now, for a shift of that time. Raises Temporary."""


class HandOff(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which somebody else goes on call, or nobody does (empty names)."""

    schedule: str
    at_ms: int
    outgoing: str = NOBODY
    incoming: str = NOBODY


def hand_offs(roster: Roster, schedule: str, from_ms: int, to_ms: int) -> Iterator[HandOff]:
    """Every change of who is first on call with `from_ms < at <= to_ms`, in order."""
    shifts = roster.shifts(schedule, from_ms, to_ms + 1)
    edges = sorted({one.starts_ms for one in shifts} | {one.ends_ms for one in shifts})
    starts = {one.starts_ms: one.person for one in shifts}
    ends = {one.ends_ms: one.person for one in shifts}
    for at_ms in edges:
        outgoing, incoming = ends.get(at_ms, NOBODY), starts.get(at_ms, NOBODY)
        if from_ms < at_ms <= to_ms and outgoing != incoming:
            name = roster.schedule(schedule).name
            yield HandOff(schedule=name, at_ms=at_ms, outgoing=outgoing, incoming=incoming)


def next_hand_off(roster: Roster, schedule: str, now_ms: int) -> HandOff | None:
    """The first change after that moment; None when there is none within three months."""
    since = now_ms
    for ahead_ms in _LOOKS_MS:
        found = next(hand_offs(roster, schedule, since, now_ms + ahead_ms), None)
        if found is not None:
            return found
        since = now_ms + ahead_ms
    return None


def shift_end_ms(roster: Roster, change: HandOff) -> int:
    """When whoever comes is relieved: the next change, three months later at most."""
    following = next_hand_off(roster, change.schedule, change.at_ms)
    return following.at_ms if following else change.at_ms + _SEEK_MS


def subject(roster: Roster, change: HandOff, reader: str) -> str:
    """The title of the summary, for one of the two."""
    at = _shown(change.at_ms, _zone(roster, change, reader))
    if reader == change.incoming:
        return f"You are on call for {change.schedule} from {at}"
    who = called(roster, change.incoming) if change.incoming else "nobody"
    return f"Your shift of {change.schedule} ended {at}; on call now: {who}"


def summary(
    roster: Roster, change: HandOff, situation: Situation, *, reader: str, now_ms: int, url: str
) -> str:
    """What one of the two is told, by the clocks of their place; `url` is our address or empty."""
    zone = _zone(roster, change, reader)
    return "\n".join((*_who(roster, change, zone), *sections(situation, zone, now_ms, url))).strip()


def sections(situation: Situation, zone: str, now_ms: int, url: str) -> Iterator[str]:
    """The lines on how things are."""
    if situation.is_calm:
        yield ""
        yield "No open incident, and no alert fires, is silenced or flaps."
        return
    parts = (
        ("Open incidents", situation.incidents),
        ("Firing", situation.firing),
        ("Silenced", situation.silenced),
        ("Flapping", situation.flapping),
        ("What to watch", situation.watch),
    )
    for title, points in parts:
        if points:
            yield from ("", f"{title} ({len(points)})")
            yield from (_line(one, zone, now_ms, url) for one in points[:_LISTED])
        if len(points) > _LISTED:
            yield f"- and {len(points) - _LISTED} more"


def upcoming_gaps(roster: Roster, schedule: str, from_ms: int, to_ms: int) -> Sequence[Point]:
    """Times of a shift in which nobody is on call, for what to watch."""
    zone = roster.schedule(schedule).zone
    return [
        Point(
            title=f"nobody is on call for {schedule} from {_shown(gap.starts_ms, zone)} to "
            f"{_shown(gap.ends_ms, zone)}",
            detail=gap.reason,
            path="/oncall",
        )
        for gap in roster.gaps(schedule, from_ms, to_ms)
    ]


def called(roster: Roster, person: str) -> str:
    """The full name when it is known."""
    known = roster.people.get(person)
    return (known.full_name if known else "") or person


def _who(roster: Roster, change: HandOff, zone: str) -> Iterator[str]:
    at = _shown(change.at_ms, zone)
    if not change.incoming:
        yield f"Nobody is on call for {change.schedule} from {at} ({zone})."
    else:
        until = _shown(shift_end_ms(roster, change), zone)
        name = called(roster, change.incoming)
        yield f"{name} is on call for {change.schedule} from {at} to {until} ({zone})."
    if change.outgoing:
        yield f"Until then: {called(roster, change.outgoing)}."
    second = roster.on_call(change.schedule, change.at_ms, rank=1)
    if second:
        yield f"Second: {called(roster, second)}."


def _line(point: Point, zone: str, now_ms: int, url: str) -> str:
    words = point.title
    if point.detail:
        words += f": {point.detail}"
    if point.since_ms:
        words += f" (since {_shown(point.since_ms, zone)}, {_age(now_ms - point.since_ms)})"
    return f"- {words}" + (f"\n  {url}{point.path}" if url and point.path else "")


def _zone(roster: Roster, change: HandOff, reader: str) -> str:
    known: Person | None = roster.people.get(reader)
    return known.timezone if known else roster.schedule(change.schedule).zone


def _shown(at_ms: int, zone: str) -> str:
    return f"{wall(at_ms, zone):%a %Y-%m-%d %H:%M}"


def _age(span_ms: int) -> str:
    if span_ms >= 2 * DAY_MS:
        return f"{span_ms // DAY_MS} days"
    if span_ms >= HOUR_MS:
        return f"{span_ms // HOUR_MS} h"
    return f"{max(0, span_ms) // 60_000} min"
