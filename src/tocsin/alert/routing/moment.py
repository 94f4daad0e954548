"""Which moment do people mean by `Sunday 03:00`?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AHEAD = {"today": 0, "tomorrow": 1}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_RELATIVE = re.compile(r"now\s*([-+])\s*(\S+)")
_UNIX = re.compile(r"\d{9,10}(\.\d+)?")
_EXAMPLES = "now, now+2h, 'Sunday 03:00', 'tomorrow 9:00', 22:30 or 2026-05-03T03:00"


def zone_of(name: str) -> tzinfo:
    """A time zone by its name in the IANA database, empty for UTC, `local` for the machine's.

    Raises Rejected for one that this machine does not know.
    """
    if not name or name.upper() == "UTC":
        return UTC
    if name.lower() == "local":
        return datetime.now(UTC).astimezone().tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(f"unknown time zone {name!r}; write one such as Europe/Berlin") from error


def moment_ms(text: str, now_ms: int, zone: tzinfo) -> int:
    """Milliseconds since the epoch. A weekday or a time of day is the next such moment by the
    clocks of `zone`, which ISO 8601 without an offset follows too. Raises Rejected."""
    wanted = " ".join(text.split())
    if wanted.lower() in ("", "now"):
        return now_ms
    relative = _RELATIVE.fullmatch(wanted.lower())
    if relative:
        distance = Duration.from_config(relative[2]).ms
        return now_ms - distance if relative[1] == "-" else now_ms + distance
    if _UNIX.fullmatch(wanted):
        return round(float(wanted) * 1000)
    named = _named(wanted.lower(), datetime.fromtimestamp(now_ms / 1000, zone), text)
    if named is None:
        named = _iso(wanted, zone, text)
    return round(named.timestamp() * 1000)


def _iso(wanted: str, zone: tzinfo, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(wanted)
    except ValueError as error:
        raise Rejected(f"{text!r} is no time; write for example {_EXAMPLES}") from error
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _named(wanted: str, now: datetime, text: str) -> datetime | None:
    """The moment of `sunday 03:00`, `tomorrow`, `22:30`; None when it is not of that kind."""
    first, _, rest = wanted.partition(" ")
    day = next((day for day in _DAYS if len(first) >= 3 and day.startswith(first)), None)
    is_named = day is not None or first in _AHEAD
    clock = _CLOCK.fullmatch(rest if is_named else wanted)
    if not is_named and clock is None:
        return None
    hour, minute = (int(clock[1]), int(clock[2])) if clock else (0, 0)
    if (is_named and rest and clock is None) or hour > 23 or minute > 59:
        raise Rejected(f"{text!r} is no time; write for example {_EXAMPLES}")
    ahead = _AHEAD.get(first, 0) if day is None else (_DAYS.index(day) - now.weekday()) % 7
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=ahead)
    if first not in _AHEAD and at < now:
        at += timedelta(days=1 if day is None else 7)
    return at
