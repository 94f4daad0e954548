"""When does something that comes again begin? iCalendar's recurrence rules, by a place's clocks.

https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr

from tocsin.kit.fault import Rejected

_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    (
        *("FREQ", "UNTIL", "COUNT", "INTERVAL", "BYHOUR", "BYMINUTE", "BYDAY", "BYMONTHDAY"),
        *("BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS", "WKST"),
    )
)
_PART = re.compile(r"([A-Za-z]+)=([A-Za-z0-9,+-]+)", re.ASCII)
_RARE = ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_LONGEST = 500
_HORIZON = timedelta(days=20 * 366)
"""A rule is followed no further than this from its first moment: one that never yields ends too."""


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA database; raises Rejected for one that this machine lacks."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(f"unknown time zone {name!r}; write one such as Europe/Berlin") from error


def wall(at_ms: int, place: str) -> datetime:
    """What the clocks of a place show, without a zone."""
    return datetime.fromtimestamp(at_ms / 1000, zone(place)).replace(tzinfo=None)


def instant_ms(shown: datetime, place: str) -> int:
    """When the clocks of a place show that: the first time if they do twice; a time that they skip
    counts by the offset before (RFC 5545, 3.3.5)."""
    moment = shown.replace(tzinfo=zone(place), fold=0)
    return round(moment.timestamp() * 1000)


class Recurrence:
    """The moments at which a rule begins anew, `first` included if the rule includes it.

    Raises Rejected, naming the part, for a rule that is none or that comes more often than hourly.
    Moments are computed as far as they were asked for, and remembered.
    """

    def __init__(self, text: str, first: datetime, place: str) -> None:
        self._place = place
        self._last = first + _HORIZON
        self._left: Iterator[datetime] = iter(_rule(text, first, place))
        self._found: list[datetime] = []
        self._found_ms: list[int] = []

    def between(self, after_ms: int, before_ms: int) -> list[datetime]:
        """What the place's clocks show at those moments with `after_ms <= moment < before_ms`."""
        self._follow(before_ms)
        low = bisect_left(self._found_ms, after_ms)
        return self._found[low : bisect_left(self._found_ms, before_ms)]

    def latest(self, at_ms: int) -> datetime | None:
        """The last such moment that is not after `at_ms`; None before the first."""
        self._follow(at_ms + 1)
        at = bisect_right(self._found_ms, at_ms)
        return self._found[at - 1] if at else None

    def following(self, at_ms: int) -> datetime | None:
        """The first such moment after `at_ms`; None when there is none."""
        at = bisect_right(self._found_ms, at_ms)
        while at == len(self._found_ms) and self._step():
            at = bisect_right(self._found_ms, at_ms)
        return self._found[at] if at < len(self._found) else None

    def _follow(self, until_ms: int) -> None:
        while not self._found_ms or self._found_ms[-1] < until_ms:
            if not self._step():
                return

    def _step(self) -> bool:
        found = next(self._left, None)
        if found is None:
            return False
        if found > self._last:
            self._left = iter(())
            return False
        self._found.append(found)
        self._found_ms.append(instant_ms(found, self._place))
        return True


def _rule(text: str, first: datetime, place: str) -> Iterable[datetime]:
    parts = checked_rule(text)
    count = int(parts.pop("COUNT", 0)) or None
    last = (first + _HORIZON).strftime("%Y%m%dT%H%M%S")
    parts["UNTIL"] = min(last, _until(parts["UNTIL"], place)) if "UNTIL" in parts else last
    found = _parsed(parts, first, text)
    # dateutil looks at each day until the year 9999 for one that a rule means, which takes seconds.
    # Whether there is one at all is soon known by the year.
    rare = {name: parts[name] for name in _RARE if name in parts}
    if rare and parts["FREQ"] in ("DAILY", "WEEKLY"):
        yearly = _parsed({"FREQ": "YEARLY", **rare}, first, text)
        if next(iter(yearly), None) is None:
            return ()
    return islice(found, count)


def _parsed(parts: dict[str, str], first: datetime, text: str) -> rrule:
    plain = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        found = rrulestr(plain, dtstart=first)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Rejected(f"{text!r} is no recurrence rule: {error}") from error
    assert isinstance(found, rrule)
    return found


def checked_rule(text: str) -> dict[str, str]:
    """The parts of a recurrence rule, in capitals; raises Rejected for what it cannot be."""
    body = text.strip().removeprefix("RRULE:")
    if len(body) > _LONGEST:
        raise Rejected(f"a recurrence rule has at most {_LONGEST} characters")
    parts: dict[str, str] = {}
    for part in filter(None, body.split(";")):
        match = _PART.fullmatch(part.strip())
        name = match[1].upper() if match else ""
        if match is None or name not in _PARTS or name in parts:
            raise Rejected(
                f"{part!r} is no part of a recurrence rule; one looks like "
                "FREQ=WEEKLY;BYDAY=MO,WE or FREQ=MONTHLY;BYDAY=1SU"
            )
        parts[name] = match[2].upper()
    if parts.get("FREQ") not in _FREQUENCIES:
        raise Rejected(f"a recurrence rule needs FREQ, one of {', '.join(_FREQUENCIES)}")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not (parts[name].isdigit() and 0 < int(parts[name]) <= 100_000):
            raise Rejected(f"{name} must be a number from 1 to 100000, got {parts[name]!r}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise Rejected("COUNT and UNTIL exclude each other; keep one of them")
    _check_rare(parts)
    if "," in parts.get("BYMINUTE", ""):
        raise Rejected("BYMINUTE takes one minute; for several make a window each")
    return parts


def _check_rare(parts: Mapping[str, str]) -> None:
    """Refuse what would be looked for without end, as it may never come."""
    if parts["FREQ"] == "HOURLY" and any(name in parts for name in _RARE):
        # Each hour of twenty years would be looked at, for those that may never come.
        raise Rejected(
            f"FREQ=HOURLY takes none of {', '.join(_RARE)}; write FREQ=DAILY with BYHOUR=0,1,2"
        )
    if "BYSETPOS" in parts and parts["FREQ"] in ("HOURLY", "DAILY", "WEEKLY"):
        raise Rejected("BYSETPOS goes with FREQ=MONTHLY or FREQ=YEARLY")


def _until(text: str, place: str) -> str:
    """UNTIL by the place's clocks: RFC 5545 has it in UTC for events with a time zone."""
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise Rejected(f"UNTIL={text} is no time; write UNTIL=20271231T000000Z")
    day, time, is_utc = match[1], match[2] or "235959", match[3]
    try:
        moment = datetime.strptime(day + time, "%Y%m%d%H%M%S")  # noqa: DTZ007 - zone comes below
    except ValueError as error:
        raise Rejected(f"UNTIL={text} is no time: {error}") from error
    if is_utc:
        moment = moment.replace(tzinfo=UTC).astimezone(zone(place)).replace(tzinfo=None)
    return moment.strftime("%Y%m%dT%H%M%S")
