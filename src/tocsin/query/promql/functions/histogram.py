"""Quantiles and shares of classic histograms: series that differ in their `le` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tocsin.model.labels import Labels, get, metric_name
from tocsin.query.promql import buckets
from tocsin.query.promql.annotations import go_float
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import (
    Bools,
    Floats,
    Grid,
    Ints,
    empty,
    merged,
    replaced,
    stack,
    without,
)

_LE = ("le",)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Histograms with the same bounds at the steps where they have the same buckets.

    `counts` has the shape (buckets, cells); cell i is the histogram `rows[i]` at step `steps[i]`.
    """

    bounds: Floats
    counts: Floats
    rows: Ints
    steps: Ints


@dataclass(frozen=True, slots=True)
class _Histograms:
    """All classic histograms of a vector."""

    labels: list[Labels]
    batches: list[_Batch]
    drops: Bools


_Compute: TypeAlias = Callable[[_Batch], Floats]


def _collect(site: Site, index: int) -> _Histograms:
    grid = site.grid(index).filled()
    members: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(grid.labels):
        text = get(labels, "le")
        bound = _bound(text)
        if bound is None:
            name = metric_name(labels)
            of_metric = f' for metric name "{name}"' if name else ""
            words = f'bucket label "le" is missing or has a malformed value of "{text}"{of_metric}'
            site.notes.warn(words, site.pos(index))
            continue
        members.setdefault(without(labels, _LE), []).append((bound, row))
    names = list(members)
    parts = _parts(grid, list(members.values()))
    return _Histograms(names, list(_batches(grid, parts)), np.ones(len(names), np.bool_))


def _bound(text: str) -> float | None:
    if not text or "_" in text or text != text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return None


_Part: TypeAlias = tuple[int, Floats, Ints, Ints]
"""(histogram, bounds, rows of the grid in the bounds' order, steps)"""


def _parts(grid: Grid, members: list[list[tuple[float, int]]]) -> Iterator[_Part]:
    every = np.arange(grid.present.shape[1])
    for number, group in enumerate(members):
        group.sort()
        bounds = np.array([bound for bound, _ in group])
        rows = np.array([row for _, row in group], np.int64)
        present = grid.present[rows]
        if bool(present.all()):
            yield number, bounds, rows, every
            continue
        patterns, of_step = np.unique(present, axis=1, return_inverse=True)
        for place in range(patterns.shape[1]):
            there = patterns[:, place]
            if bool(there.any()):
                steps = np.flatnonzero(of_step.ravel() == place)
                yield number, bounds[there], rows[there], steps


def _batches(grid: Grid, parts: Iterator[_Part]) -> Iterator[_Batch]:
    alike: dict[bytes, list[_Part]] = {}
    for part in parts:
        alike.setdefault(part[1].tobytes(), []).append(part)
    for group in alike.values():
        counts = [grid.values[np.ix_(rows, steps)] for _, _, rows, steps in group]
        numbers = [np.full(len(steps), number, np.int64) for number, _, _, steps in group]
        yield _Batch(
            group[0][1],
            np.concatenate(counts, axis=1),
            np.concatenate(numbers),
            np.concatenate([steps for _, _, _, steps in group]),
        )


def _grid(site: Site, histograms: _Histograms, compute: _Compute) -> Grid:
    shape = (len(histograms.labels), site.steps.count)
    values, present = np.zeros(shape), np.zeros(shape, np.bool_)
    for batch in histograms.batches:
        values[batch.rows, batch.steps] = compute(batch)
        present[batch.rows, batch.steps] = True
    return Grid(histograms.labels, values, present, histograms.drops)


def _quantiles(site: Site, histograms: _Histograms, q: Floats, index: int) -> Grid:
    def compute(batch: _Batch) -> Floats:
        values, raised = buckets.quantile(batch.bounds, batch.counts, q[batch.steps])
        if raised is not None:
            _tell(site, histograms, batch, raised, index)
        return values

    return _grid(site, histograms, compute)


def _tell(
    site: Site, histograms: _Histograms, batch: _Batch, raised: buckets.Raised, index: int
) -> None:
    times = site.steps.times[batch.steps[raised.cells]]
    names = {metric_name(histograms.labels[row]) for row in np.unique(batch.rows[raised.cells])}
    span = len(times), int(times.min()), int(times.max())
    for name in sorted(names):
        touched = raised.lowest, raised.highest
        site.notes.forced(name, site.pos(index), touched, raised.difference, span)


def _histogram_quantile(site: Site) -> Grid:
    q = site.scalar(0)
    for value in np.unique(q).tolist():
        site.notes.quantile(value, site.pos(0))
    return _quantiles(site, _collect(site, 1), q, 1)


def _histogram_quantiles(site: Site) -> Grid:
    """Several quantiles at once, told apart by a label."""
    label = site.text(1)
    quantiles = [site.scalar(index) for index in range(2, site.count)]
    for index, q in enumerate(quantiles, 2):
        for value in np.unique(q).tolist():
            site.notes.quantile(value, site.pos(index))
    histograms = _collect(site, 0)
    grids = []
    for q in quantiles:
        grid = _quantiles(site, histograms, q, 0)
        for value in np.unique(q).tolist():
            same = np.isnan(q) if np.isnan(value) else q == value
            labels = [replaced(one, label, _open_metrics(value)) for one in grid.labels]
            grids.append(Grid(labels, grid.values, grid.present & same, grid.drops))
    return merged(stack(grids)) if grids else empty(site.steps.count)


def _open_metrics(value: float) -> str:
    text = go_float(value)
    plain = text.lstrip("+-").isdecimal()
    return f"{text}.0" if plain else text


def _histogram_fraction(site: Site) -> Grid:
    lower, upper = site.scalar(0), site.scalar(1)

    def compute(batch: _Batch) -> Floats:
        steps = batch.steps
        return buckets.fraction(batch.bounds, batch.counts, lower[steps], upper[steps])

    return _grid(site, _collect(site, 2), compute)


FUNCTIONS = (
    Function("histogram_quantile", _histogram_quantile),
    Function("histogram_quantiles", _histogram_quantiles, experimental=True),
    Function("histogram_fraction", _histogram_fraction),
)
