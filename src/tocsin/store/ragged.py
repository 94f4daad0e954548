"""How are samples of many series, in one long column, put in order?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Values = NDArray[np.float64]


class Ragged(NamedTuple):
    """Whole series in a row: the one of `refs[i]` has the samples `offsets[i]` to
    `offsets[i + 1]`, in strictly rising time; none is empty."""

    refs: NDArray[np.int64]
    offsets: Times
    ts: Times
    values: Values


EMPTY = Ragged(
    np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64)
)


def from_counts(
    refs: NDArray[np.int64], counts: NDArray[np.int64], ts: Times, values: Values
) -> Ragged:
    """Of how many samples each ref has; refs without any are left out."""
    if not counts.all():
        some = counts > 0
        refs, counts = refs[some], counts[some]
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return Ragged(refs, offsets, ts, values)


def in_order(data: Ragged) -> Ragged:
    """Sort each series by time; of equal times the one that stands last stays."""
    series = np.repeat(np.arange(len(data.refs)), np.diff(data.offsets))
    order = np.lexsort((data.ts, series))
    series, ts, values = series[order], data.ts[order], data.values[order]
    last = np.ones(len(ts), np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (ts[1:] != ts[:-1])
    counts = np.bincount(series[last], minlength=len(data.refs))
    return from_counts(data.refs, counts, ts[last], values[last])
