"""PromQL one sample at a time: slow, and plainly what the manual says."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from tocsin.model.samples import STALE_BITS

Point = tuple[int, float]
LOOKBACK_MS = 300_000


def is_stale(value: float) -> bool:
    """Whether it is the marker that ends a series."""
    return bool(struct.unpack("<Q", struct.pack("<d", value))[0] == STALE_BITS)


def latest(points: Mapping[int, float], at_ms: int) -> float | None:
    """What an instant selector sees."""
    young = [at for at in points if at_ms - LOOKBACK_MS < at <= at_ms]
    if not young or is_stale(points[max(young)]):
        return None
    return points[max(young)]


def window(points: Mapping[int, float], at_ms: int, range_ms: int) -> list[Point]:
    """What a range selector sees."""
    inside = [(at, value) for at, value in points.items() if at_ms - range_ms < at <= at_ms]
    return sorted((at, value) for at, value in inside if not is_stale(value))


def _total(values: Sequence[float]) -> float:
    if all(map(math.isfinite, values)):
        exact = sum(map(Fraction, values), Fraction(0))
        return float(exact)
    return sum(values)


def _mean(values: Sequence[float]) -> float:
    return _total(values) / len(values)


def _stdvar(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    return float(sum(((value - mean) ** 2 for value in exact), Fraction(0)) / len(exact))


def _extreme(pick: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], float]:
    def of(values: Sequence[float]) -> float:
        numbers = [value for value in values if not math.isnan(value)]
        return pick(numbers) if numbers else math.nan

    return of


def quantile(q: float, values: Sequence[float]) -> float:
    """Between the two nearest values; NaNs are the smallest."""
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


OVER_TIME: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": _total,
    "avg": _mean,
    "min": _extreme(min),
    "max": _extreme(max),
    "count": lambda values: float(len(values)),
    "stdvar": _stdvar,
    "last": lambda values: values[-1],
    "first": lambda values: values[0],
}


def changes(points: Sequence[Point]) -> float:
    """How often the value was another one."""
    pairs = pairwise(points)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for (_, a), (_, b) in pairs))


def resets(points: Sequence[Point]) -> float:
    """How often the value fell."""
    return float(sum(b < a for (_, a), (_, b) in pairwise(points)))


def increase(points: Sequence[Point], at_ms: int, range_ms: int, *, counter: bool) -> float | None:
    """Growth over the window, stretched towards its borders."""
    if len(points) < 2:
        return None
    (first_at, first), (last_at, last) = points[0], points[-1]
    gain = last - first
    if counter:
        gain += _total([a for (_, a), (_, b) in pairwise(points) if b < a])
    sampled = (last_at - first_at) / 1000
    average = sampled / (len(points) - 1)
    to_start = (first_at - (at_ms - range_ms)) / 1000
    to_end = (at_ms - last_at) / 1000
    if to_start >= average * 1.1:
        to_start = average / 2
    if counter and gain > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / gain))
    if to_end >= average * 1.1:
        to_end = average / 2
    return gain * (sampled + to_start + to_end) / sampled


def irate(points: Sequence[Point]) -> float | None:
    """From the last two samples."""
    if len(points) < 2:
        return None
    (before_at, before), (at, value) = points[-2:]
    gain = value if value < before else value - before
    return gain / ((at - before_at) / 1000)


def slope(points: Sequence[Point]) -> float | None:
    """Of the least-squares line, per second."""
    if len(points) < 2:
        return None
    xs = [Fraction(at, 1000) for at, _ in points]
    ys = [Fraction(value) for _, value in points]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    pairs = zip(xs, ys, strict=True)
    rise = sum(((x - middle) * (y - level) for x, y in pairs), Fraction(0))
    return float(rise / sum(((x - middle) ** 2 for x in xs), Fraction(0)))


AGGREGATE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": _total,
    "avg": _mean,
    "min": _extreme(min),
    "max": _extreme(max),
    "count": lambda values: float(len(values)),
    "stdvar": _stdvar,
    "group": lambda values: 1.0,
}


def bucket_quantile(q: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Of one histogram: (bound, cumulative count), rising bounds, the last +Inf."""
    total = buckets[-1][1]
    if total == 0:
        return math.nan
    rank = q * total
    place = next((i for i, (_, count) in enumerate(buckets[:-1]) if count >= rank), -1)
    if place < 0:
        return buckets[-2][0]
    bound, count = buckets[place]
    if place == 0 and bound <= 0:
        return bound
    start, below = buckets[place - 1] if place else (0.0, 0.0)
    if count == below:
        return math.nan
    return start + (bound - start) * (rank - below) / (count - below)
