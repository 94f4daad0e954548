"""Which moment does somebody mean who types `now-5m`?"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

_NUMBER = re.compile(r"\d+(\.\d+)?")


def duration_seconds(text: str) -> float:
    """Seconds of `90`, `15s`, `1h30m`; raises Rejected for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    return float(Duration.from_config(text))


def moment_seconds(text: str, now: float) -> float:
    """Seconds since the epoch of `now`, `now-1h`, RFC 3339 or a Unix time."""
    text = text.strip()
    if text == "now":
        return now
    if text.startswith(("now-", "now+")):
        distance = duration_seconds(text[4:])
        return now - distance if text[3] == "-" else now + distance
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            f"{text!r} is no time; write for example now-5m, 2026-05-01T12:00:00Z or a Unix time"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
