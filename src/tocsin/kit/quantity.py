"""How long, how much? Durations and sizes as people write them."""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected

_DURATION = re.compile(
    r"(?:(?P<y>\d+)y)?(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?"
    r"(?:(?P<m>\d+)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+)ms)?",
    re.ASCII,
)
_DURATION_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)", re.ASCII)
_SIZE_UNITS = {"": 1, "b": 1} | {
    name.lower(): factor
    for power, letter in enumerate("KMGTP", start=1)
    for name, factor in (
        (letter, 1024**power),
        (f"{letter}iB", 1024**power),
        (f"{letter}B", 1000**power),
    )
}
_LONGEST = 64
_LARGEST_SIZE = 1 << 62
_LONGEST_SECONDS = 292 * 365 * 86_400
"""Go's durations end there, so that no file that Prometheus reads says more."""


class Duration(float):
    """Seconds, written as Prometheus writes them: `15s`, `1h30m`, `30d`, `500ms`, `0`."""

    EXPECTED = "a duration such as 15s, 1h30m or 30d"

    @classmethod
    def from_config(cls, text: str) -> Duration:
        """Raises Rejected for anything else, a number without a unit included (0 is fine)."""
        if text == "0":
            return cls(0)
        match = _DURATION.fullmatch(text) if 0 < len(text) <= _LONGEST else None
        if match is None:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        parts = match.groupdict()
        value = sum(float(parts[u]) * ms for u, ms in _DURATION_MS.items() if parts[u]) / 1000
        if value > _LONGEST_SECONDS:
            raise Rejected(f"expected at most 292y, got {text!r}")
        return cls(value)

    @property
    def ms(self) -> int:
        """Whole milliseconds."""
        return round(self * 1000)

    def __str__(self) -> str:
        rest, text = self.ms, ""
        for unit, factor in _DURATION_MS.items():
            if unit in ("y", "w") and rest % factor:
                continue
            count, rest = divmod(rest, factor)
            text += f"{count}{unit}" if count else ""
        return text or "0s"

    __repr__ = __str__


class Size(int):
    """Bytes, written `512MiB` or `10GB`; `K`, `M`, `G`, `T` alone mean powers of 1024."""

    EXPECTED = "a size such as 512MiB or 10GB"

    @classmethod
    def from_config(cls, text: str) -> Size:
        """Raises Rejected for anything else."""
        match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
        factor = _SIZE_UNITS.get(match["unit"].lower()) if match else None
        if match is None or factor is None:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        size = float(match["number"]) * factor
        if size > _LARGEST_SIZE:
            raise Rejected(f"expected {cls.EXPECTED}; {text!r} is more than 4 EiB")
        return cls(size)

    def __str__(self) -> str:
        for power, letter in reversed(list(enumerate("KMGTP", start=1))):
            if self and self % 1024**power == 0:
                return f"{self // 1024**power}{letter}iB"
        return f"{int(self)}B"

    __repr__ = __str__
