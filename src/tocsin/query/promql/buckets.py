"""What do cumulative buckets say about a distribution? Many histograms with equal bounds at once.

All functions take `bounds` (rising, one per bucket) and `counts` of the shape (buckets, cells), a
cell being one histogram at one step. Formulas: Prometheus, promql/quantile.go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.query.promql.matrix import Bools, Floats

_TOLERANCE = 1e-12
"""Counts that differ relatively by less are equal: rates of counters that grow alike differ by
rounding."""

_TINY = 2.2250738585072014e-308


@dataclass(frozen=True, slots=True)
class Raised:
    """Cells whose buckets fell and were raised: which, the bounds touched, by how much."""

    cells: Bools
    lowest: float
    highest: float
    difference: float


def coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets with the same bound, written differently, added up."""
    starts = np.flatnonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))
    if len(starts) == len(bounds):
        return bounds, counts
    return bounds[starts], np.add.reduceat(counts, starts, axis=0)


def monotonic(bounds: Floats, counts: Floats) -> tuple[Floats, Raised | None]:
    """The counts without falls: small ones are rounding, larger ones are reported."""
    rises = counts[1:] - counts[:-1]
    # What rises by nothing or by much more than rounding in the largest count needs no repair.
    border = 4 * _TOLERANCE * float(np.fmax.reduce(np.abs(counts), axis=None, initial=0.0))
    if bool(((rises == 0) | (rises > border)).all()):
        return counts, None
    fixed = counts.copy()
    cells = np.zeros(counts.shape[1], np.bool_)
    lowest, highest, difference = np.inf, -np.inf, 0.0
    before = fixed[0].copy()
    for place in range(1, len(bounds)):
        now = counts[place]
        same = _almost(before, now)
        fell = (now < before) & ~same
        if bool(fell.any()):
            cells |= fell
            lowest, highest = min(lowest, bounds[place]), max(highest, bounds[place])
            difference = max(difference, float((before - now)[fell].max()))
        before = np.where(same | fell, before, now)
        fixed[place] = before
    raised = Raised(cells, lowest, highest, difference) if bool(cells.any()) else None
    return fixed, raised


def _almost(left: Floats, right: Floats) -> Bools:
    size = np.abs(left) + np.abs(right)
    difference = np.abs(left - right)
    small = (left == 0) | (right == 0) | (size < _TINY)
    limit = np.where(small, _TOLERANCE * _TINY, _TOLERANCE * size)
    result: Bools = (left == right) | (difference < limit)
    return result


def quantile(bounds: Floats, counts: Floats, q: Floats) -> tuple[Floats, Raised | None]:
    """The value below which the share `q` (one for each cell) of the observations lies.

    Linear within a bucket; the last finite bound when it lies in the +Inf bucket; NaN without a
    +Inf bucket, without observations, or with one bucket only.
    """
    outside = np.where(np.isnan(q), np.nan, np.where(q < 0, -np.inf, np.inf))
    inside = (q >= 0) & (q <= 1)
    if bounds[-1] != np.inf or not bool(inside.any()):
        return np.where(inside, np.nan, outside), None
    bounds, counts = coalesced(bounds, counts)
    counts, raised = monotonic(bounds, counts)
    if len(bounds) < 2:
        return np.where(inside, np.nan, outside), raised
    total = counts[-1]
    rank = q * total
    reached = counts[:-1] >= rank
    place = np.where(reached.any(axis=0), np.argmax(reached, axis=0), len(bounds) - 1)
    cells = np.arange(counts.shape[1])
    below: Floats = np.where(place > 0, counts[np.maximum(place - 1, 0), cells], 0.0)
    start = np.where(place > 0, bounds[np.maximum(place - 1, 0)], 0.0)
    share = (rank - below) / (counts[place, cells] - below)
    value = start + (bounds[place] - start) * share
    value = np.where((place == 0) & (bounds[0] <= 0), bounds[0], value)
    value = np.where(place == len(bounds) - 1, bounds[-2], value)
    value = np.where(total == 0, np.nan, value)
    return np.where(inside, value, outside), raised


def fraction(bounds: Floats, counts: Floats, lower: Floats, upper: Floats) -> Floats:
    """The share of observations between two values, linear within a bucket."""
    if bounds[-1] != np.inf:
        return np.full(counts.shape[1], np.nan)
    bounds, counts = coalesced(bounds, counts)
    total = counts[-1]
    share = (_rank(bounds, counts, upper) - _rank(bounds, counts, lower)) / total
    share = np.where(lower >= upper, 0.0, share)
    unknown = (total == 0) | np.isnan(lower) | np.isnan(upper)
    return np.where(unknown, np.nan, share)


def _rank(bounds: Floats, counts: Floats, value: Floats) -> Floats:
    """How many observations lie below a value."""
    total: Floats = counts[-1]
    rank: Floats = total.copy()
    known = np.zeros(len(total), np.bool_)
    below: Floats = np.zeros(len(total))
    for place, bound in enumerate(bounds.tolist()):
        floor = bounds[place - 1] if place else (-np.inf if bounds[0] <= 0 else 0.0)
        at_floor = ~known & (floor >= value)
        rank = np.where(at_floor, below, rank)
        known |= at_floor
        within = ~known & (floor < value) & (bound > value)
        if bool(within.any()):
            if floor == -np.inf:
                part = counts[place]
            else:
                part = below + (counts[place] - below) * (value - floor) / (bound - floor)
            rank = np.where(within, part, rank)
            known |= within
        below = counts[place]
    return np.where(rank > total, total, rank)
