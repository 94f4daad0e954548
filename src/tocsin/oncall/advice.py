"""What should authors of schedules know? Times without anybody, people whom nothing reaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tocsin.alert.attention.recurrence import wall
from tocsin.oncall.roster import Roster
from tocsin.oncall.schedule import Gap
from tocsin.oncall.wall_clock import DAY_MS, HOUR_MS

LOOK_AHEAD_MS = 28 * DAY_MS


def unmeant_gaps(roster: Roster, schedule: str, from_ms: int, to_ms: int) -> list[Gap]:
    """When nobody is on call though nobody meant that; none where gaps are allowed."""
    if roster.schedule(schedule).allow_gaps:
        return []
    return [one for one in roster.gaps(schedule, from_ms, to_ms) if not one.reason]


def warnings(roster: Roster, now_ms: int) -> Iterator[str]:
    """Sentences about the next four weeks, and about people without any way to be reached."""
    for name, schedule in roster.schedules.items():
        found = unmeant_gaps(roster, name, now_ms, now_ms + LOOK_AHEAD_MS)
        if found:
            total = sum(one.ends_ms - one.starts_ms for one in found)
            first = found[0]
            more = f", and {len(found) - 1} more such times" if len(found) > 1 else ""
            yield (
                f"oncall.schedules.{name}: nobody is on call from "
                f"{_shown(first.starts_ms, schedule.zone)} to "
                f"{_shown(first.ends_ms, schedule.zone)} ({schedule.zone}){more}: "
                f"{_hours(total)} of the next 4 weeks; add a layer without restrictions, or say "
                "allow_gaps: true when that is meant"
            )
        for person in sorted(schedule.people):
            known = roster.people.get(person)
            if known is not None and not known.methods:
                yield (
                    f"oncall.people.{person}: no method to reach this person, who is in the "
                    f"schedule {name}; add methods"
                )


def _shown(at_ms: int, zone: str) -> str:
    shown: datetime = wall(at_ms, zone)
    return f"{shown:%a %Y-%m-%d %H:%M}"


def _hours(span_ms: int) -> str:
    return f"{span_ms / HOUR_MS:.0f} h" if span_ms >= HOUR_MS else f"{span_ms // 60_000} min"
