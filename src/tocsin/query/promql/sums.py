"""How are many numbers added without losing the small ones? In pairs, with their rounding error.

Prometheus sums with Neumaier's variant of Kahan's summation, one value after the other. Here sums
run over whole arrays at once: a tree of pairs, each with the exact error of its addition.
"""

from __future__ import annotations

import numpy as np

from tocsin.query.promql.matrix import Bools, Floats, Ints


def _two_sum(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and its exact error (Knuth, TAOCP 2, 4.2.2, theorem B)."""
    total = left + right
    part = total - left
    return total, (left - (total - part)) + (right - part)


def _closed(high: Floats, low: Floats) -> Floats:
    """One number of both; after an overflow the error means nothing."""
    return np.where(np.isfinite(high), high + low, high)


def window_sums(values: Floats, first: Ints, count: Ints) -> Floats:
    """The sum of `count` values from `first` on, for each of many windows.

    Works in about log2(longest window) passes: level k holds the sums of 2^k neighbours, and a
    window is put together from one piece for each bit of its length. What a window's sum is does
    not depend on what lies around it, to the last bit.
    """
    if not len(values):
        return np.zeros(first.shape)
    place = first.ravel().copy()
    left = count.ravel()
    high, low = np.zeros(place.shape), np.zeros(place.shape)
    level, errors = values, np.zeros(values.shape)
    longest = int(left.max(initial=0))
    for bit in range(longest.bit_length()):
        size = 1 << bit
        chosen = np.flatnonzero(left & size)
        if len(chosen):
            at = place[chosen]
            high[chosen], error = _two_sum(high[chosen], level[at])
            low[chosen] += error + errors[at]
            place[chosen] = at + size
        if size * 2 <= longest:
            total, error = _two_sum(level[:-size], level[size:])
            error += errors[:-size]
            error += errors[size:]
            level, errors = total, error
    return _closed(high, low).reshape(first.shape)


def window_extremes(values: Floats, first: Ints, last: Ints, *, largest: bool) -> Floats:
    """The largest or smallest value of each window; NaN only where all values are NaN.

    A sparse table: level k holds the extreme of 2^k neighbours, and two overlapping pieces of one
    level cover any window.
    """
    pick = np.fmax if largest else np.fmin
    if not len(values):
        return np.full(first.shape, np.nan)
    begin, end = first.ravel(), last.ravel()
    count = end - begin
    result = np.full(begin.shape, np.nan)
    longest = int(count.max(initial=0))
    level, size = values, 1
    while size <= longest:
        chosen = np.flatnonzero((count >= size) & (count < 2 * size))
        if len(chosen) == len(begin):
            result = pick(level[begin], level[end - size])
        elif len(chosen):
            result[chosen] = pick(level[begin[chosen]], level[end[chosen] - size])
        if 2 * size <= longest:
            level = pick(level[:-size], level[size:])
        size *= 2
    return result.reshape(first.shape)


def group_sums(values: Floats, present: Bools, codes: Ints, groups: int) -> Floats:
    """Column sums of the rows of each group; an absent cell counts nothing."""
    rows = np.where(present, values, 0.0)
    if groups != 1:
        order = np.argsort(codes, kind="stable")
        rows, codes = rows[order], codes[order]
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    result: Floats = np.add.reduceat(rows, starts, axis=0)
    # Where nothing cancels, plain sums are as good. Each column is looked at by itself, so that
    # it does not depend on the others.
    mixed = ~((rows.min(axis=0) >= 0) | (rows.max(axis=0) <= 0))
    if bool(mixed.any()):
        result[:, mixed] = _paired(rows[:, mixed], codes, groups)
    return result


def _paired(high: Floats, codes: Ints, groups: int) -> Floats:
    """Sums by a tree of exact pairs; the rows are sorted by group."""
    low = np.zeros(high.shape)
    while len(codes) > groups:
        # Within each group row 2i meets row 2i + 1; the odd one out waits for the next round.
        starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
        rank = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
        even = np.flatnonzero(rank % 2 == 0)
        follows = np.append(rank[1:] % 2 == 1, False)[even]
        lefts = even[follows]
        total, error = _two_sum(high[lefts], high[lefts + 1])
        error += low[lefts] + low[lefts + 1]
        if bool(follows.all()):
            high, low = total, error
        else:
            high, low = high[even], low[even]
            high[follows], low[follows] = total, error
        codes = codes[even]
    return _closed(high, low)
