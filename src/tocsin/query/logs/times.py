"""What moment does a word such as `now-1h`, or a time, mean in a question?"""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.kit.timestamps import nanoseconds

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
    to a unit is ignored; a month has 30 days).
    """
    if found := _MATH.fullmatch(text.strip()):
        sign, count, unit = found.groups()
        shift = int(count) * _SECONDS[unit] * 1_000_000_000 if sign else 0
        return now_ns - shift if sign == "-" else now_ns + shift
    at = nanoseconds(text.strip())
    if at is None:
        raise Rejected(f"{text!r} is no time; write 2026-11-21T12:00:00Z or now-1h")
    return at
