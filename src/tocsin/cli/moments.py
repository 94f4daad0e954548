"""Which moment does somebody mean who types `now-5m`?"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tocsin.kit.fault import Rejected

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+")


def duration_seconds(text: str) -> float:
    """Seconds of `90`, `15s`, `1h30m`; raises Rejected for anything else."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        raise Rejected(f"{text!r} is no duration; write for example 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def moment_seconds(text: str, now: float) -> float:
    """Seconds since the epoch of `now`, `now-1h`, RFC 3339 or a Unix time."""
    text = text.strip()
    if text == "now":
        return now
    if text.startswith(("now-", "now+")):
        distance = duration_seconds(text[4:])
        return now - distance if text[3] == "-" else now + distance
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            f"{text!r} is no time; write for example now-5m, 2026-05-01T12:00:00Z or a Unix time"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
