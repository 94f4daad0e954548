"""Which samples does each step see? Ragged series mapped to regular steps by index pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import Labels
from tocsin.model.samples import is_stale
from tocsin.model.series import SeriesData
from tocsin.query.promql.matrix import Bools, Floats, Grid, Ints, Steps

_Number = TypeVar("_Number", np.float64, np.int64)

_MANY_TIMES = 100

_BLOCK_CELLS = 16_384
"""Cells that are computed together: their arrays stay in the processor's cache."""

_DENSE_CELLS = 65_536
"""Cells of one block of windows: half a megabyte, which the cache holds."""


class Samples:
    """Ragged series; `between` and `up_to` find the samples of every series at every time."""

    def __init__(self, labels: Sequence[Labels], offsets: Ints, ts: Ints, values: Floats) -> None:
        self.labels = labels
        self.offsets = offsets
        self.ts = ts
        self.values = values
        self._keys: Ints | None = None
        self._span = (0, 0)
        self._alive: Samples | None = None

    @staticmethod
    def of(data: SeriesData) -> Samples:
        """The samples of a selection."""
        return Samples(data.labels, data.offsets, data.ts, data.values)

    @staticmethod
    def of_grid(grid: Grid, steps: Steps) -> Samples:
        """A grid's values as samples at its steps: what a subquery hands on."""
        counts = grid.present.sum(axis=1)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        times = np.broadcast_to(steps.times, grid.present.shape)[grid.present]
        return Samples(grid.labels, offsets, times, grid.values[grid.present])

    @property
    def series(self) -> Ints:
        """The series' number for each sample."""
        return np.repeat(np.arange(len(self.labels), dtype=np.int64), np.diff(self.offsets))

    def alive(self) -> Samples:
        """Without staleness markers, as range vectors see it."""
        if self._alive is None:
            stale = is_stale(self.values)
            if bool(stale.any()):
                keep = ~stale
                before = np.concatenate(([0], np.cumsum(keep)))
                offsets = before[self.offsets].astype(np.int64)
                self._alive = Samples(self.labels, offsets, self.ts[keep], self.values[keep])
            else:
                self._alive = self
        return self._alive

    def up_to(self, times: Ints) -> Ints:
        """For each series and time: one past the index of its last sample not after that time."""
        count = len(self.labels)
        if count == 1:
            return np.searchsorted(self.ts, times, side="right")[None, :]
        if not len(self.ts):
            return np.zeros((count, len(times)), np.int64)
        if len(times) >= _MANY_TIMES:
            return self._one_by_one(times)
        low, width = self._prepare()
        wanted = np.clip(times - low, -1, width - 2)
        keys = (np.arange(count, dtype=np.int64) * width)[:, None] + wanted[None, :]
        found = np.searchsorted(self._sorted_keys(), keys.ravel(), side="right")
        return found.reshape(count, len(times))

    def _one_by_one(self, times: Ints) -> Ints:
        """With many times a search per series is cheaper than keys for all samples."""
        found = np.empty((len(self.labels), len(times)), np.int64)
        bounds = self.offsets.tolist()
        for row in range(len(self.labels)):
            start = bounds[row]
            found[row] = self.ts[start : bounds[row + 1]].searchsorted(times, "right")
            found[row] += start
        return found

    def _prepare(self) -> tuple[int, int]:
        if self._keys is None:
            low, high = int(self.ts.min()), int(self.ts.max())
            # A key one below a series' first possible one must stay above the previous series'.
            width = high - low + 3
            self._span = (low, width)
            self._keys = self.series * width + (self.ts - low)
        return self._span

    def _sorted_keys(self) -> Ints:
        assert self._keys is not None
        return self._keys


@dataclass(slots=True, eq=False)
class Windows:
    """For each series and step the samples `first` up to `last` (exclusive) of the flat arrays.

    A window is open at its start and closed at its end: (end - range, end]. `edge_ms` is how far
    the index pairs reach beyond the range for anchored and smoothed selectors.
    """

    samples: Samples
    first: Ints
    last: Ints
    ends: Ints
    range_ms: int
    drops: Bools
    anchored: bool = False
    smoothed: bool = False
    check: Callable[[], None] = field(default=lambda: None)

    @property
    def labels(self) -> Sequence[Labels]:
        """The series' labels."""
        return self.samples.labels

    @property
    def counts(self) -> Ints:
        """Samples per window."""
        return self.last - self.first

    @property
    def values(self) -> Floats:
        """Flat values of all series."""
        return self.samples.values

    @property
    def ts(self) -> Ints:
        """Flat timestamps of all series."""
        return self.samples.ts

    def grid(self, values: Floats, present: Bools, *, drop: bool = True) -> Grid:
        """A result for the same series."""
        drops = np.ones(len(self.labels), np.bool_) if drop else self.drops
        return Grid(self.labels, values, present, drops)

    def at(self, index: Ints) -> Floats:
        """Values at flat indices; those out of bounds give the nearest (to be masked)."""
        return taken(self.values, index)

    def ts_at(self, index: Ints) -> Ints:
        """Timestamps at flat indices, out of bounds as in `at`."""
        return taken(self.ts, index)

    def in_rows(self, compute: Callable[[Windows, slice], Floats]) -> Floats:
        """Compute a number for each window, some series (which, the slice tells) at a time.

        Long formulas over all series would stream each intermediate result through memory.
        """
        shape = self.first.shape
        size = max(1, _BLOCK_CELLS // max(shape[1], 1))
        if shape[0] <= size:
            return compute(self, slice(None))
        result = np.empty(shape)
        for start in range(0, shape[0], size):
            rows = slice(start, start + size)
            part = replace(self, first=self.first[rows], last=self.last[rows])
            result[rows] = compute(part, rows)
        self.check()
        return result

    def local(self, rows: slice) -> tuple[Floats, Ints, Ints]:
        """The values of some series alone, and where these windows begin and end in them.

        Only for windows that `in_rows` has cut out.
        """
        begin, end = self._span(rows)
        return self.values[begin:end], self.first - begin, self.last - begin

    def local_ts(self, rows: slice) -> Ints:
        """The timestamps that belong to `local`'s values."""
        begin, end = self._span(rows)
        return self.ts[begin:end]

    def _span(self, rows: slice) -> tuple[int, int]:
        offsets = self.samples.offsets
        last = len(offsets) - 1
        stop = last if rows.stop is None else min(rows.stop, last)
        return int(offsets[rows.start or 0]), int(offsets[stop])

    def dense(self) -> Iterator[Block]:
        """All windows that hold samples, in blocks of bounded size and of one length each.

        A row's numbers are added in an order that depends on its length alone, so that a window's
        result is the same to the last bit whatever windows come with it.
        """
        counts = self.counts.ravel()
        order = np.flatnonzero(counts > 0)
        if not len(order):
            return
        lengths = counts[order]
        if int(lengths.min()) != int(lengths.max()):
            small = int(lengths.max()) < 1 << 15  # numpy sorts 16 bits much faster
            by_length = np.argsort(lengths.astype(np.int16) if small else lengths, kind="stable")
            order, lengths = order[by_length], lengths[by_length]
        cuts = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(order)]
        first = self.first.ravel()
        for begin, end in pairwise(cuts):
            width = int(lengths[begin])
            rows = max(1, _DENSE_CELLS // width)
            for start in range(begin, end, rows):
                self.check()
                cells = order[start : min(start + rows, end)]
                yield Block(self.samples, cells, first[cells], width)


class Block:
    """Some windows of one length as a matrix: row `i` is the window of cell `cells[i]`."""

    def __init__(self, samples: Samples, cells: Ints, first: Ints, width: int) -> None:
        self.cells = cells
        self.width = width
        self._samples = samples
        self._index = first[:, None] + np.arange(width, dtype=np.int64)

    def values(self) -> Floats:
        """The windows' values; the caller's own to change."""
        return self._samples.values.take(self._index)

    def ts(self) -> Ints:
        """The windows' timestamps."""
        return self._samples.ts.take(self._index)


def taken(array: NDArray[_Number], index: Ints) -> NDArray[_Number]:
    """Elements at flat indices; those out of bounds give the nearest (to be masked)."""
    if not len(array):
        return np.zeros(index.shape, array.dtype)
    return array.take(index, mode="clip")


def windows_of(samples: Samples, steps: Steps, range_ms: int) -> Windows:
    """The windows (step - range, step] of each series; `samples` hold no staleness markers."""
    first, last = _bounds(samples, steps, range_ms)
    return Windows(
        samples, first, last, steps.times, range_ms, np.zeros(len(samples.labels), np.bool_)
    )


def _bounds(samples: Samples, steps: Steps, range_ms: int) -> tuple[Ints, Ints]:
    behind, rest = divmod(range_ms, steps.step_ms) if steps.step_ms else (0, 1)
    if rest == 0 and behind < steps.count:
        # The windows' starts lie on the same raster as their ends: one search finds both.
        wide = Steps(steps.start_ms - range_ms, steps.step_ms, steps.count + behind)
        found = samples.up_to(wide.times)
        return found[:, : steps.count], found[:, behind:]
    times = steps.times
    return samples.up_to(times - range_ms), samples.up_to(times)


def latest(samples: Samples, steps: Steps, lookback_ms: int) -> tuple[Ints, Bools]:
    """The index of each step's newest sample, and whether it counts: young enough, not stale."""
    times = steps.times
    index = samples.up_to(times) - 1
    ts = taken(samples.ts, index)
    there = (index >= samples.offsets[:-1, None]) & (ts > times[None, :] - lookback_ms)
    values = taken(samples.values, index)
    there &= ~is_stale(values)
    return index, there
