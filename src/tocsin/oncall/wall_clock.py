"""When do a place's clocks show a time? One rule for every hand-off, restriction and holiday."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from tocsin.alert.attention.recurrence import wall, zone

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@lru_cache(maxsize=8192)
def reached_ms(shown: datetime, place: str) -> int:
    """The first moment at which the clocks of a place show that time or a later one.

    A time that they show twice counts the first time; one that they skip, even with a whole day,
    counts at the moment at which they jump over it. So what follows each other by the clocks never
    overlaps, and leaves nothing out. Raises Rejected for an unknown zone.
    """
    earlier = _ms(shown, place, fold=0)
    if wall(earlier, place) == shown:
        return earlier
    low, high = _ms(shown, place, fold=1), earlier
    while high - low > 1:
        middle = (low + high) // 2
        if wall(middle, place) >= shown:
            high = middle
        else:
            low = middle
    return high


def _ms(shown: datetime, place: str, *, fold: int) -> int:
    return round(shown.replace(tzinfo=zone(place), fold=fold).timestamp() * 1000)
