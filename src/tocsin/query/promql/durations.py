"""How long is `1h30m`? Prometheus's durations, in whole milliseconds."""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.query.promql.quoting import quote

MAX_MS = (2**63 - 1) // 1_000_000
"""About 292 years: what fits into Go's nanoseconds."""

_UNIT_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_ORDER = list(_UNIT_MS)
_EXACT_ONLY = ("y", "w")
_MOST_DIGITS = 1000
"""Zeros before a number say nothing; Python reads no number of more than 4300 digits."""
_PART = re.compile(r"([0-9]+)([^0-9]+)")


def parse_duration(text: str) -> int:
    """Milliseconds of `5m`, `1h30m`, `1y2w`; raises Rejected in Prometheus's words."""
    if text == "0":
        return 0
    if text == "":
        raise Rejected("empty duration string")
    total = done = 0
    last = -1
    for part in _PART.finditer(text):
        if part.start() != done:
            break
        done = part.end()
        unit = part[2]
        if unit not in _UNIT_MS:
            raise Rejected(f"unknown unit {quote(unit)} in duration {quote(text)}")
        if _ORDER.index(unit) <= last:
            raise Rejected(f"not a valid duration string: {quote(text)}")
        last = _ORDER.index(unit)
        if len(part[1]) > _MOST_DIGITS:
            raise Rejected("duration out of range")
        total += int(part[1]) * _UNIT_MS[unit]
        if total > MAX_MS:
            raise Rejected("duration out of range")
    if done != len(text):
        raise Rejected(f"not a valid duration string: {quote(text)}")
    return total


def format_duration(ms: int) -> str:
    """A duration that is not negative, as Prometheus prints it: `90d`, `1h30m`, `0s`."""
    if ms == 0:
        return "0s"
    parts = []
    for unit, size in _UNIT_MS.items():
        if unit in _EXACT_ONLY and ms % size:
            continue
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def ms_of_seconds(seconds: float) -> int:
    """Whole milliseconds, what is smaller cut off as Go does after rounding to nanoseconds."""
    nanoseconds = round(seconds * 1e9)
    return -(-nanoseconds // 1_000_000) if nanoseconds < 0 else nanoseconds // 1_000_000


def is_out_of_range(seconds: float) -> bool:
    """Whether Go's nanoseconds cannot hold it."""
    return not -(2**63) / 1e9 <= seconds <= 2**63 / 1e9
