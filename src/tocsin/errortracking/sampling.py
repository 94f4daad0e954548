"""Which errors of a burst are kept whole? All are counted."""

from __future__ import annotations

from tocsin.kit.clock import Clock

_WINDOW_SECONDS = 60.0
_MOST_PRINTS = 50_000


class Sampler:
    """Of each print, the first `keep` of a minute are kept, then one of ten, from ten times as many
    on one of a hundred, and so on: a burst of a million leaves some five hundred."""

    def __init__(self, clock: Clock, keep: int) -> None:
        self.keep = keep
        self._clock = clock
        self._until = 0.0
        self._seen: dict[str, tuple[int, int]] = {}
        # How many came, and for how many those stand that were kept.

    def weight(self, name: str) -> int:
        """For how many errors this one stands; 0 when it is not kept."""
        now = self._clock.monotonic()
        if now >= self._until or len(self._seen) >= _MOST_PRINTS:
            self._seen.clear()
            self._until = now + _WINDOW_SECONDS
        seen, told = self._seen.get(name, (0, 0))
        seen += 1
        weight = seen - told if self._is_kept(seen) else 0
        self._seen[name] = (seen, told + weight)
        return weight

    def _is_kept(self, seen: int) -> bool:
        if seen <= self.keep:
            return True
        step, reach = 10, 10 * self.keep
        while seen > reach:
            step, reach = step * 10, reach * 10
        return seen % step == 0
