"""How are samples of many series, in one long column, put in order?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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


class Piece(NamedTuple):
    """Samples of some series that lie somewhere in longer columns: `counts[i]` of the series
    `refs[i]`, from `ts_starts[i]` and `value_starts[i]` on."""

    refs: NDArray[np.int64]
    counts: NDArray[np.int64]
    ts: Times
    ts_starts: NDArray[np.int64]
    values: NDArray[Any]  # float64, or anything narrower that holds the same numbers
    value_starts: NDArray[np.int64]


def piece_of(data: Ragged) -> Piece:
    """All samples as one piece, nothing copied."""
    starts = data.offsets[:-1]
    return Piece(data.refs, np.diff(data.offsets), data.ts, starts, data.values, starts)


def laid_out(pieces: Sequence[Piece]) -> Ragged:
    """Whole series, by rising ref. A later piece's samples of a series come after an earlier's."""
    refs = np.unique(np.concatenate([piece.refs for piece in pieces]))
    counts = np.zeros((len(refs), len(pieces)), np.int64)
    ts_starts, value_starts = np.zeros_like(counts), np.zeros_like(counts)
    for column, piece in enumerate(pieces):
        rows = np.searchsorted(refs, piece.refs)
        counts[rows, column] = piece.counts
        ts_starts[rows, column] = piece.ts_starts
        value_starts[rows, column] = piece.value_starts
    ts = _gathered([piece.ts for piece in pieces], ts_starts, counts, np.dtype(np.int64))
    values = _gathered(
        [piece.values for piece in pieces], value_starts, counts, np.dtype(np.float64)
    )
    return from_counts(refs, counts.sum(axis=1), ts, values)


_SHORT = 24
"""Stretches that are shorter on average are gathered by index, longer ones copied one by one."""


def _gathered(
    columns: Sequence[NDArray[Any]],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Stretches of columns, row by row: `counts[row, i]` numbers of column i from `starts`."""
    used = counts > 0
    if counts.sum() >= _SHORT * used.sum():
        stops = (starts + counts).tolist()
        parts = [
            column[start:stop]
            for begin, end in zip(starts.tolist(), stops, strict=True)
            for column, start, stop in zip(columns, begin, end, strict=True)
            if stop > start
        ]
        return np.concatenate(parts, dtype=dtype) if parts else np.zeros(0, dtype)
    result = np.empty(int(counts.sum()), dtype)
    flat = counts.ravel()
    places = (np.cumsum(flat) - flat).reshape(counts.shape)
    for number, column in enumerate(columns):
        own = counts[:, number]
        within = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
        result[np.repeat(places[:, number], own) + within] = column[
            np.repeat(starts[:, number], own) + within
        ]
    return result
