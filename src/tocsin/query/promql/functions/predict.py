"""Where is it going? Least-squares lines through each window."""

from __future__ import annotations

import numpy as np

from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid, Ints
from tocsin.query.promql.window import Block, Windows


def _fit(block: Block, origin_ms: Ints) -> tuple[Floats, Floats]:
    """Slope per second and the line's value at `origin_ms`, for each window.

    A window of equal values has the slope 0 exactly; of equal infinities it has none.
    """
    y = block.values()
    x = (block.ts() - origin_ms[:, None]) / 1000
    # Sums around the mean time keep their digits whatever the origin is.
    middle = x.mean(axis=1)
    level = y.mean(axis=1)
    x -= middle[:, None]
    spread_x = np.einsum("ij,ij->i", x, x)
    slope = np.einsum("ij,ij->i", x, y - level[:, None]) / spread_x
    start = level - slope * middle
    flat = (y == y[:, :1]).all(axis=1)
    known = np.where(np.isinf(y[:, 0]), np.nan, y[:, 0])
    zero = np.where(np.isinf(y[:, 0]), np.nan, 0.0)
    return np.where(flat, zero, slope), np.where(flat, known, start)


def _deriv(site: Site) -> Grid:
    windows = site.windows(0)
    result = np.zeros(windows.first.size)
    first = windows.ts_at(windows.first).reshape(-1)
    for block in windows.dense():
        result[block.cells], _ = _fit(block, first[block.cells])
    return _of_two(windows, result)


def _predict_linear(site: Site) -> Grid:
    windows, ahead = site.windows(0), site.scalar(1)
    times = site.steps.times
    result = np.zeros(windows.first.size)
    for block in windows.dense():
        column = block.cells % len(times)
        slope, start = _fit(block, times[column])
        result[block.cells] = slope * ahead[column] + start
    return _of_two(windows, result)


def _of_two(windows: Windows, result: Floats) -> Grid:
    return windows.grid(result.reshape(windows.first.shape), windows.counts > 1)


FUNCTIONS = (Function("deriv", _deriv), Function("predict_linear", _predict_linear))
