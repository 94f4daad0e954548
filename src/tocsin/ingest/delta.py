"""How do deltas become counters? By adding up, per series, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from tocsin.kit.clock import Clock

FULL = "too many delta series at once (setting ingest.otlp.max_delta_series)"
LATE = "a delta point is older than the one before it"

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Totals(Generic[Key, Value]):
    """Running totals; a series that was silent for long starts again."""

    def __init__(
        self,
        plus: Callable[[Value, Value], Value],
        clock: Clock,
        *,
        max_series: int,
        forget_seconds: float,
    ) -> None:
        self._plus = plus
        self._clock = clock
        self._max_series = max_series
        self._forget = forget_seconds
        self._totals: dict[Key, tuple[Value, int, float]] = {}
        self._swept = clock.monotonic()

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, key: Key, at: int, delta: Value) -> Value | str:
        """The series' total after the delta, or why it is refused.

        A delta with the same time as the last one is a repeated request: it adds nothing.
        """
        now = self._clock.monotonic()
        known = self._totals.get(key)
        if known is None or now - known[2] > self._forget:
            if known is None and len(self._totals) >= self._max_series and not self._sweep(now):
                return FULL
            self._totals[key] = (delta, at, now)
            return delta
        total, last, _ = known
        if at < last:
            return LATE
        if at > last:
            total = self._plus(total, delta)
        self._totals[key] = (total, at, now)
        return total

    def clear(self) -> None:
        """Forget all: the keys mean other series now."""
        self._totals.clear()

    def _sweep(self, now: float) -> bool:
        """Drop the silent ones, at most once a second; whether there is room now."""
        if now - self._swept >= 1.0:
            self._swept = now
            oldest = now - self._forget
            kept = {key: entry for key, entry in self._totals.items() if entry[2] >= oldest}
            self._totals = kept
        return len(self._totals) < self._max_series
