"""How do many series over one stretch of time take little memory, and are cut quickly?

Series of one target share their times, which are kept once. Values are kept in the narrowest type
that holds every one of them bit for bit: counters mostly fit into 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.store.ragged import Piece, Ragged, Times, Values

Rows = NDArray[np.int64]

_MANY_CLOCKS, _SHORT = 500, 200
"""Beyond so many stretches that are so short on average, looking at every time is cheaper."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Row `i` has the series `refs[i]`; its times are those of clock `clock[i]`."""

    refs: NDArray[np.int64]
    starts: NDArray[np.int64]
    values: NDArray[Any]  # int32, float32 or float64
    clock: NDArray[np.int64]
    clock_starts: NDArray[np.int64]
    ts: Times

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        arrays = (self.refs, self.starts, self.values, self.clock, self.clock_starts, self.ts)
        return sum(array.nbytes for array in arrays)

    def between(self, rows: Rows, start_ms: int, end_ms: int) -> Piece:
        """The samples of some rows from `start_ms` to `end_ms` (both included)."""
        clocks, which = np.unique(self.clock[rows], return_inverse=True)
        begins, stops = self.clock_starts[clocks], self.clock_starts[clocks + 1]
        firsts = _bounds(self.ts, begins, stops, (start_ms, end_ms + 1))[which]
        first = firsts[:, 0]
        return Piece(
            self.refs[rows],
            firsts[:, 1] - first,
            self.ts,
            self.clock_starts[self.clock[rows]] + first,
            self.values,
            self.starts[rows] + first,
        )


def _bounds(
    ts: Times, begins: NDArray[np.int64], stops: NDArray[np.int64], times: tuple[int, int]
) -> NDArray[np.int64]:
    """How many times of each stretch of `ts` come before each of `times`."""
    found = np.empty((len(begins), 2), np.int64)
    if len(begins) > _MANY_CLOCKS and len(ts) < _SHORT * len(begins):
        for column, at_ms in enumerate(times):
            before = np.zeros(len(ts) + 1, np.int64)
            np.cumsum(ts < at_ms, out=before[1:])
            found[:, column] = before[stops] - before[begins]
        return found
    for row, (begin, stop) in enumerate(zip(begins.tolist(), stops.tolist(), strict=True)):
        found[row] = ts[begin:stop].searchsorted(times)
    return found


def as_it_is(data: Ragged, refs: NDArray[np.int64]) -> Packed:
    """Nothing copied and nothing saved; those of `refs` that `data` has not become empty rows."""
    silent = np.setdiff1d(refs, data.refs)
    starts = np.concatenate([data.offsets, np.repeat(data.offsets[-1:], len(silent))])
    every = np.concatenate([data.refs, silent])
    return Packed(every, starts, data.values, np.arange(len(every)), starts, data.ts)


def tightened(loose: Packed) -> Packed:
    """The same in less memory; takes about 10 ms for a million samples."""
    clock, clock_starts, ts = _clocks(loose.starts, loose.ts)
    return Packed(loose.refs, loose.starts, _narrow(loose.values), clock, clock_starts, ts)


def _clocks(
    starts: NDArray[np.int64], ts: Times
) -> tuple[NDArray[np.int64], NDArray[np.int64], Times]:
    """Each row's clock, where each clock's times begin, and the times."""
    counts = np.diff(starts)
    own = np.arange(len(counts), dtype=np.int64), starts, ts
    if not len(ts):
        return own
    sums = np.zeros(len(counts), np.int64)
    some = counts > 0
    sums[some] = np.add.reduceat(ts * ts, starts[:-1][some])
    _, rows, clock = np.unique(sums ^ (counts << 48), return_index=True, return_inverse=True)
    if len(rows) > len(counts) // 2:
        return own
    parts = [ts[starts[row] : starts[row + 1]] for row in rows.tolist()]
    shared = np.concatenate(parts)
    clock_starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts[rows], out=clock_starts[1:])
    # Sums may be equal by chance: only what is the same time by time is the same clock.
    if (counts[rows][clock] != counts).any():
        return own
    place = np.arange(len(ts)) - np.repeat(starts[:-1] - clock_starts[clock], counts)
    if not np.array_equal(shared[place], ts):
        return own
    return clock.astype(np.int64), clock_starts, shared


def _narrow(values: Values) -> NDArray[Any]:
    for dtype in (np.int32, np.float32):
        # A few first: most columns of measurements are refused by them.
        if _fits(values[:1000], dtype) and _fits(values, dtype):
            with np.errstate(all="ignore"):
                return values.astype(dtype)
    return values


def _fits(values: Values, dtype: type[np.int32] | type[np.float32]) -> bool:
    """Whether every bit would come back."""
    with np.errstate(all="ignore"):
        back = values.astype(dtype).astype(np.float64)
    return bool(np.array_equal(back.view(np.uint64), values.view(np.uint64)))
