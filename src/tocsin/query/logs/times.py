"""What moment does a word such as `now-1h`, or a time, mean in a question?"""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.kit.timestamps import nanoseconds

EARLIEST_NS, LATEST_NS = 0, 9_223_372_036_000_000_000
"""Between these lies the time of every line."""

_MATH = re.compile(r"now(?:([+-])(\d{1,6})(s|m|h|d|w|M|y))?(?:/[smhdwMy])?")
_SECONDS = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "M": 2_592_000,
    "y": 31_536_000,
}


def moment(text: str, now_ns: int) -> int:
    """Nanoseconds since the epoch; raises Rejected for what is no time.

    Understood are the times that lines carry, and `now-15m` as Elasticsearch writes it (rounding
    to a unit is ignored; a month has 30 days). No line is older or newer than what is returned for
    a moment further away.
    """
    if found := _MATH.fullmatch(text.strip()):
        sign, count, unit = found.groups()
        shift = int(count) * _SECONDS[unit] * 1_000_000_000 if sign else 0
        return clamped(now_ns - shift if sign == "-" else now_ns + shift)
    at = nanoseconds(text.strip())
    if at is None:
        raise Rejected(f"{text!r} is no time; write 2026-11-21T12:00:00Z or now-1h")
    return at


def clamped(at_ns: int) -> int:
    """The moment, or the first or last that a line can have."""
    return min(max(at_ns, EARLIEST_NS), LATEST_NS)


def time_sql(at_ns: int) -> str:
    """A moment in SQL, to be compared with a line's."""
    # The store refuses larger numbers, or takes them for a time long ago.
    return f"fromUnixTimestamp64Nano({clamped(at_ns)}, 'UTC')"
