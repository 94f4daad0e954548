"""How does an exponential histogram become classic buckets?

Bounds lie on one fixed grid, the powers of the square root of two (scale 1), or on a coarser part
of it, whatever scale a client happens to use: so series stay the same while a client rescales.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_SCALE = 1
MAX_BUCKETS = 160


@dataclass(slots=True)
class Buckets:
    """Counts by the index of the grid; `scale` is that of the grid, at most MAX_SCALE."""

    scale: int = MAX_SCALE
    zero_threshold: float = 0.0
    zero: int = 0
    positive: Counter[int] = field(default_factory=Counter)
    negative: Counter[int] = field(default_factory=Counter)

    def add(self, other: Buckets) -> None:
        """Take in the counts of another one, at the coarser of both scales."""
        scale = min(self.scale, other.scale)
        self.coarsen(scale)
        down = other.scale - scale
        for mine, others in ((self.positive, other.positive), (self.negative, other.negative)):
            for index, count in others.items():
                mine[index >> down] += count
        self.zero += other.zero
        self.zero_threshold = max(self.zero_threshold, other.zero_threshold)
        self.fit()

    def coarsen(self, scale: int) -> None:
        """Merge neighbours until the grid has that scale."""
        down = self.scale - scale
        if down > 0:
            self.positive = _merged(self.positive, down)
            self.negative = _merged(self.negative, down)
            self.scale = scale

    def fit(self) -> None:
        """Coarsen until at most MAX_BUCKETS bounds are needed."""
        while _width(self.positive) + _width(self.negative) > MAX_BUCKETS:
            self.coarsen(self.scale - 1)

    def cumulative(self) -> list[tuple[float, int]]:
        """(upper bound, count of everything up to it), rising, without +Inf."""
        out: list[tuple[float, int]] = []
        so_far = 0
        if self.negative:
            for index in range(max(self.negative), min(self.negative) - 1, -1):
                so_far += self.negative[index]
                out.append((-self._bound(index), so_far))
        so_far += self.zero
        if self.zero or self.negative:
            out.append((self.zero_threshold, so_far))
        if self.positive:
            first = min(self.positive)
            out.append((self._bound(first), so_far))
            for index in range(first, max(self.positive) + 1):
                so_far += self.positive[index]
                out.append((self._bound(index + 1), so_far))
        return [(bound, count) for bound, count in out if abs(bound) != float("inf")]

    def _bound(self, index: int) -> float:
        exponent = index * 2.0**-self.scale
        if exponent >= 1024:
            return float("inf")
        return float(2.0**exponent) if exponent > -1075 else 0.0


def of(
    scale: int,
    zero: int,
    zero_threshold: float,
    positive: tuple[int, Sequence[int]],
    negative: tuple[int, Sequence[int]],
) -> Buckets:
    """Buckets of a data point; `positive` and `negative` are (offset, counts)."""
    down = max(0, scale - MAX_SCALE)
    found = Buckets(scale - down, max(zero_threshold, 0.0), zero)
    for into, (offset, counts) in ((found.positive, positive), (found.negative, negative)):
        for place, count in enumerate(counts):
            if count:
                into[(offset + place) >> down] += count
    found.fit()
    return found


def summed(total: Buckets, delta: Buckets) -> Buckets:
    """`total`, with the delta taken in."""
    total.add(delta)
    return total


def _merged(counts: Counter[int], down: int) -> Counter[int]:
    merged: Counter[int] = Counter()
    for index, count in counts.items():
        merged[index >> down] += count
    return merged


def _width(counts: Counter[int]) -> int:
    return max(counts) - min(counts) + 1 if counts else 0
