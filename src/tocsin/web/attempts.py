"""Has this been seen already, or asked too often?"""

from __future__ import annotations

from collections import OrderedDict

from tocsin.kit.clock import Clock
from tocsin.state.throttle import TooManyAttempts

_MOST_KEYS = 20_000


class SeenOnce:
    """Remembers what was seen for a while, at most 20,000 of it; the oldest is forgotten first."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_first(self, key: str) -> bool:
        """Whether it was not seen within that time; it is seen from now on."""
        now = self._clock.monotonic()
        while self._seen and next(iter(self._seen.values())) <= now:
            self._seen.popitem(last=False)
        if key in self._seen:
            return False
        self._seen[key] = now + self._seconds
        if len(self._seen) > _MOST_KEYS:
            self._seen.popitem(last=False)
        return True

    def forget(self, key: str) -> None:
        """It may come again: nothing came of it."""
        self._seen.pop(key, None)


class Attempts:
    """Counts what somebody does, within a window that begins with the first time."""

    def __init__(self, clock: Clock, *, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, who: str) -> None:
        """Once more; raises TooManyAttempts when it is one too many."""
        now = self._clock.monotonic()
        count, ends = self._counts.pop(who, (0, now + self._seconds))
        if now >= ends:
            count, ends = 0, now + self._seconds
        self._counts[who] = count + 1, ends
        if len(self._counts) > _MOST_KEYS:
            self._counts.popitem(last=False)
        if count >= self._most:
            wait = ends - now
            raise TooManyAttempts(f"too often; try again in {max(1, round(wait))} seconds", wait)
