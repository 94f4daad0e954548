"""Functions of each value alone: rounding, roots, logarithms, clamps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid, empty


def _simple(name: str, compute: Callable[[Floats], Floats]) -> Function:
    def call(site: Site) -> Grid:
        grid = site.grid(0)
        return grid.with_values(compute(grid.values), drop=True)

    return Function(name, call)


def _sign(values: Floats) -> Floats:
    return np.where(values == 0, values, np.sign(values))


def _round(site: Site) -> Grid:
    """Ties go up; dividing by the inverse loses fewer digits than multiplying (as upstream)."""
    grid = site.grid(0)
    nearest = site.scalar(1) if site.count > 1 else np.ones(site.steps.count)
    inverse = 1.0 / nearest
    return grid.with_values(np.floor(grid.values * inverse + 0.5) / inverse, drop=True)


def _clamped(site: Site, low: Floats, high: Floats) -> Grid:
    """No series at steps where the bounds are crossed."""
    grid = site.grid(0)
    values = np.maximum(low, np.minimum(high, grid.values))
    return grid.with_values(values, grid.present & ~(high < low), drop=True)


def _clamp(site: Site) -> Grid:
    return _clamped(site, site.scalar(1), site.scalar(2))


def _clamp_min(site: Site) -> Grid:
    return _clamped(site, site.scalar(1), np.full(site.steps.count, np.inf))


def _clamp_max(site: Site) -> Grid:
    return _clamped(site, np.full(site.steps.count, -np.inf), site.scalar(1))


def _scalar(site: Site) -> Floats:
    """The value of the only series; NaN when there are none or several."""
    grid = site.grid(0)
    if not grid.count:
        return np.full(site.steps.count, np.nan)
    alone = grid.present.sum(axis=0) == 1
    value = np.where(grid.present, grid.values, 0.0).sum(axis=0)
    return np.where(alone, value, np.nan)


def _vector(site: Site) -> Grid:
    values = site.scalar(0)
    there = np.ones((1, site.steps.count), np.bool_)
    return Grid([()], values[None, :], there, np.zeros(1, np.bool_))


def _pi(site: Site) -> Floats:
    return np.full(site.steps.count, np.pi)


def _max_of(site: Site) -> Floats:
    return np.maximum(site.scalar(0), site.scalar(1))


def _min_of(site: Site) -> Floats:
    return np.minimum(site.scalar(0), site.scalar(1))


def _native(name: str) -> Function:
    """Reads a native histogram; floats have none, so that the result is empty."""

    def call(site: Site) -> Grid:
        site.grid(0)
        return empty(site.steps.count)

    return Function(name, call)


FUNCTIONS = (
    _simple("abs", np.abs),
    _simple("ceil", np.ceil),
    _simple("floor", np.floor),
    _simple("exp", np.exp),
    _simple("sqrt", np.sqrt),
    _simple("ln", np.log),
    _simple("log2", np.log2),
    _simple("log10", np.log10),
    _simple("sgn", _sign),
    Function("round", _round),
    Function("clamp", _clamp),
    Function("clamp_min", _clamp_min),
    Function("clamp_max", _clamp_max),
    Function("scalar", _scalar),
    Function("vector", _vector),
    Function("pi", _pi),
    Function("max_of", _max_of, experimental=True),
    Function("min_of", _min_of, experimental=True),
    _native("histogram_avg"),
    _native("histogram_count"),
    _native("histogram_sum"),
    _native("histogram_stddev"),
    _native("histogram_stdvar"),
)
