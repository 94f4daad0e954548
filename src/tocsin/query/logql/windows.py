"""What are the values of a range aggregation at each step, of samples or of sums by step?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """Evaluation times in milliseconds; a window is `(t - offset - range, t - offset]`."""

    start_ms: int
    step_ms: int
    count: int
    range_ms: int
    offset_ms: int

    @property
    def times_ms(self) -> Ints:
        """All times."""
        return self.start_ms + self.step_ms * np.arange(self.count, dtype=np.int64)

    @property
    def first_ns(self) -> int:
        """The first nanosecond of the first window."""
        return (self.start_ms - self.offset_ms - self.range_ms) * 10**6 + 1

    @property
    def end_ns(self) -> int:
        """The nanosecond behind the last window."""
        last = self.start_ms + self.step_ms * (self.count - 1)
        return (last - self.offset_ms) * 10**6 + 1

    @property
    def folded(self) -> int:
        """How many steps make a range, when it is whole steps; else 0."""
        if self.count == 1:
            return 0
        return 0 if self.range_ms % self.step_ms else self.range_ms // self.step_ms


@dataclass(frozen=True, slots=True)
class Samples:
    """Values by their times in nanoseconds, and for how many lines each one stands."""

    ts: Ints
    values: Floats
    weights: Floats

    def part(self, place: slice) -> Samples:
        """Those of a window."""
        return Samples(self.ts[place], self.values[place], self.weights[place])


Fold = Callable[[Samples], float]
"""A window's value, of its samples."""


def _increase(window: Samples) -> float:
    """How much a counter grew, whatever resets there were."""
    grown = np.diff(window.values)
    return float(np.where(grown < 0, window.values[1:], grown).sum())


def _mean(window: Samples) -> float:
    return float(np.average(window.values, weights=window.weights))


def _variance(window: Samples) -> float:
    return float(np.average((window.values - _mean(window)) ** 2, weights=window.weights))


def _quantile(window: Samples, share: float) -> float:
    """As of a list in which each value stands as often as it counts, between its neighbours."""
    order = np.argsort(window.values)
    values, ends = window.values[order], np.cumsum(window.weights[order])
    rank = share * (ends[-1] - 1)
    low, high = values[np.searchsorted(ends, [math.floor(rank), math.ceil(rank)], side="right")]
    return float(low + (high - low) * (rank - math.floor(rank)))


_FOLDS: Mapping[str, Fold] = {
    "sum_over_time": lambda window: float((window.values * window.weights).sum()),
    "avg_over_time": _mean,
    "min_over_time": lambda window: float(window.values.min()),
    "max_over_time": lambda window: float(window.values.max()),
    "first_over_time": lambda window: float(window.values[0]),
    "last_over_time": lambda window: float(window.values[-1]),
    "stddev_over_time": lambda window: math.sqrt(_variance(window)),
    "stdvar_over_time": _variance,
    "count_over_time": lambda window: float(window.weights.sum()),
    "rate_counter": _increase,
}
_PER_SECOND = ("rate", "bytes_rate", "rate_counter")


def fold_of(op: str, param: float) -> Fold:
    """How the samples of a window become its value; sums are made of rates and bytes."""
    if op == "quantile_over_time":
        if math.isnan(param) or param < 0 or param > 1:
            limit = -math.inf if param < 0 else math.inf if param > 1 else math.nan
            return lambda _window: limit
        return lambda window: _quantile(window, param)
    return _FOLDS.get(op, _FOLDS["sum_over_time"])


def per_second(op: str, range_ms: int) -> float:
    """What a window's value is divided by."""
    return range_ms / 1000 if op in _PER_SECOND else 1.0


def folded(op: str, param: float, samples: Samples, steps: Steps) -> Floats:
    """A series' values at all steps, NaN where its window is empty. Times must rise."""
    ts = samples.ts
    ends = (steps.times_ms - steps.offset_ms) * 10**6
    first = np.searchsorted(ts, ends - steps.range_ms * 10**6, side="right")
    last = np.searchsorted(ts, ends, side="right")
    found = np.full(steps.count, np.nan)
    fold = fold_of(op, param)
    for place in np.flatnonzero(last > first).tolist():
        found[place] = fold(samples.part(slice(int(first[place]), int(last[place]))))
    return found / per_second(op, steps.range_ms)


def rolled(sums: Floats, steps: Steps) -> Floats:
    """Sums by step, `folded - 1` of them before the first, as sums of windows."""
    width = steps.folded
    total = np.concatenate(([0.0], np.cumsum(sums)))
    return total[width:] - total[:-width]
