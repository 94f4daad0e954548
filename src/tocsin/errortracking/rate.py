"""How many errors did a project get this minute?"""

from __future__ import annotations

from tocsin.kit.clock import Clock

_MINUTE = 60.0


class MinuteRate:
    """Counts by name and minute; for as many names as there are projects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._counts: dict[str, int] = {}

    def admit(self, name: str, count: int, most: int) -> float:
        """0 when so many more may come, which are counted then; else after how many seconds."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._counts.clear()
            self._until = now + _MINUTE
        before = self._counts.get(name, 0)
        if most and before + count > most:
            return max(1.0, self._until - now)
        self._counts[name] = before + count
        return 0.0
