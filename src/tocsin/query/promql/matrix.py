"""What is an instant vector over all steps at once? A grid of series × steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import NAME, Labels
from tocsin.query.promql.faults import SAME_LABELS, EvalError

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

METADATA = frozenset({NAME, "__type__", "__unit__"})
"""Labels that say what the metric is; they go when a value is no longer that metric's."""


def any_step(present: Bools) -> Bools:
    """Which series have a value somewhere."""
    return np.asarray(present.any(axis=1), np.bool_)


def any_series(present: Bools) -> Bools:
    """At which steps any series has a value."""
    return np.asarray(present.any(axis=0), np.bool_)


@dataclass(frozen=True, slots=True)
class Steps:
    """Evaluation times: `count` of them from `start_ms`, `step_ms` apart."""

    start_ms: int
    step_ms: int
    count: int

    @property
    def end_ms(self) -> int:
        """The last time."""
        return self.start_ms + self.step_ms * (self.count - 1)

    @property
    def times(self) -> Ints:
        """All times in milliseconds."""
        return self.start_ms + self.step_ms * np.arange(self.count, dtype=np.int64)

    @property
    def first(self) -> Steps:
        """The first time alone."""
        return Steps(self.start_ms, self.step_ms, 1)

    def shifted(self, by_ms: int) -> Steps:
        """The same steps, earlier (negative) or later."""
        return Steps(self.start_ms + by_ms, self.step_ms, self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Series × steps: `values` and `present` have the shape (series, steps).

    A series whose `drops` is set loses its name when the query is done: Prometheus 3 removes names
    as the last thing, so that label functions can still read them. Arrays may be shared and
    read-only; nobody writes into a grid's arrays.
    """

    labels: Sequence[Labels]
    values: Floats
    present: Bools
    drops: Bools

    @property
    def count(self) -> int:
        """Number of series."""
        return len(self.labels)

    def with_values(self, values: Floats, present: Bools | None = None, *, drop: bool) -> Grid:
        """The same series with other values; `drop` marks all names for removal."""
        drops = np.ones(len(self.labels), np.bool_) if drop else self.drops
        return Grid(self.labels, values, self.present if present is None else present, drops)

    def rows(self, index: Ints | Bools) -> Grid:
        """Some of the series, in that order."""
        chosen = np.flatnonzero(index) if index.dtype == np.bool_ else index
        labels = [self.labels[i] for i in chosen.tolist()]
        return Grid(labels, self.values[chosen], self.present[chosen], self.drops[chosen])

    def filled(self) -> Grid:
        """Only the series that have a value somewhere."""
        some = any_step(self.present)
        return self if bool(some.all()) else self.rows(some)


def empty(steps: int) -> Grid:
    """No series."""
    shape = (0, steps)
    return Grid((), np.zeros(shape), np.zeros(shape, np.bool_), np.zeros(0, np.bool_))


def single(labels: Labels, values: Floats, present: Bools | None = None) -> Grid:
    """One series."""
    there = np.ones(len(values), np.bool_) if present is None else present
    return Grid([labels], values[None, :], there[None, :], np.zeros(1, np.bool_))


def spread(grid: Grid, steps: int) -> Grid:
    """One step's values repeated for all steps (views, no copies)."""
    shape = (grid.count, steps)
    return Grid(
        grid.labels,
        np.broadcast_to(grid.values, shape),
        np.broadcast_to(grid.present, shape),
        grid.drops,
    )


def stack(grids: Sequence[Grid]) -> Grid:
    """The series of all grids under each other."""
    if len(grids) == 1:
        return grids[0]
    return Grid(
        [labels for grid in grids for labels in grid.labels],
        np.concatenate([grid.values for grid in grids]),
        np.concatenate([grid.present for grid in grids]),
        np.concatenate([grid.drops for grid in grids]),
    )


def without(labels: Labels, names: Iterable[str]) -> Labels:
    """The labels but those."""
    return tuple(pair for pair in labels if pair[0] not in names)


def nameless(labels: Labels) -> Labels:
    """The labels but those that say what the metric is."""
    if labels and labels[0][0] == NAME and (len(labels) == 1 or labels[1][0][:2] != "__"):
        return labels[1:]  # what nearly all label sets look like
    return without(labels, METADATA)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    """Those labels alone."""
    return tuple(pair for pair in labels if pair[0] in names)


def replaced(labels: Labels, name: str, value: str) -> Labels:
    """The labels with one set to a value; an empty value removes it."""
    rest = [pair for pair in labels if pair[0] != name]
    if value:
        rest.append((name, value))
        rest.sort()
    return tuple(rest)


def merged(grid: Grid, clash: str = SAME_LABELS) -> Grid:
    """Series with equal labels become one; raises EvalError when two have a value at one step."""
    places: dict[Labels, int] = {}
    codes = [places.setdefault(labels, len(places)) for labels in grid.labels]
    if len(places) == len(codes):
        return grid
    values = np.zeros((len(places), grid.values.shape[1]))
    present = np.zeros(values.shape, np.bool_)
    drops = np.zeros(len(places), np.bool_)
    for row, code in enumerate(codes):
        here = grid.present[row]
        if bool((present[code] & here).any()):
            raise EvalError(clash)
        values[code] = np.where(here, grid.values[row], values[code])
        present[code] |= here
        drops[code] |= grid.drops[row]
    return Grid(list(places), values, present, drops)


def finished(grid: Grid) -> Grid:
    """Names that were to be dropped are gone, series without values too, equal series are one."""
    grid = grid.filled()
    if not bool(grid.drops.any()):
        return grid  # every operation that can make series equal has merged them itself
    labels = [
        nameless(one) if drop else one
        for one, drop in zip(grid.labels, grid.drops.tolist(), strict=True)
    ]
    return merged(Grid(labels, grid.values, grid.present, np.zeros(len(labels), np.bool_)))
