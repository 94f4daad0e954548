"""How many seconds or bytes is `1.5h` or `20MB`?"""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ns|us|µs|ms|s|m|h|d|w)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}
_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([kKmMgGtTpPeE]?)(i?)[bB]?", re.ASCII)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}


def seconds_of(text: str) -> float | None:
    """Seconds of a Go duration, None when it is none."""
    bare = text.strip()
    sign = -1.0 if bare.startswith("-") else 1.0
    bare = bare.lstrip("+-")
    total, done = 0.0, 0
    while part := _PART.match(bare, done):
        done = part.end()
        total += float(part[1]) * _SECONDS[part[2]]
    if done == 0:
        return 0.0 if bare == "0" else None
    return sign * total if done == len(bare) else None


def bytes_of(text: str) -> float | None:
    """Bytes of `20MB` (decimal) or `4KiB`, None when it is no size."""
    found = _BYTES.fullmatch(text.strip())
    if found is None:
        return None
    number, unit, binary = found.groups()
    scale: float = (1024.0 if binary else 1000.0) ** _POWER[unit.lower()]
    return float(number) * scale


def amount_of(text: str) -> tuple[float, str]:
    """A number and what it counts: "", "duration" or "bytes". Raises Rejected."""
    try:
        return float(text), ""
    except ValueError:
        pass
    seconds = seconds_of(text)
    if seconds is not None:
        return seconds, "duration"
    size = bytes_of(text)
    if size is not None:
        return size, "bytes"
    raise Rejected(f"{text!r} is no number, duration or size")
