"""One number of each window: extremes, sums, means, deviations, first, last, count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tocsin.query.promql.faults import EvalError
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid
from tocsin.query.promql.sums import window_extremes, window_sums
from tocsin.query.promql.window import Block, Windows

_TRAPEZOIDS = 2

_Measure: TypeAlias = Callable[[Windows], Floats]


def _measured(
    name: str, measure: _Measure, *, drop: bool = True, experimental: bool = False
) -> Function:
    def call(site: Site) -> Grid:
        windows = site.windows(0)
        return windows.grid(measure(windows), windows.counts > 0, drop=drop)

    return Function(name, call, experimental)


def _by_blocks(windows: Windows, compute: Callable[[Block], Floats]) -> Floats:
    """Each window's number from blocks of windows."""
    result = np.zeros(windows.first.size)
    for block in windows.dense():
        result[block.cells] = compute(block)
    return result.reshape(windows.first.shape)


def _extremes(windows: Windows, *, largest: bool) -> Floats:
    def extremes(part: Windows, rows: slice) -> Floats:
        return window_extremes(*part.local(rows), largest=largest)

    return windows.in_rows(extremes)


def _min(windows: Windows) -> Floats:
    return _extremes(windows, largest=False)


def _max(windows: Windows) -> Floats:
    return _extremes(windows, largest=True)


def _sum(windows: Windows) -> Floats:
    def sums(part: Windows, rows: slice) -> Floats:
        values, first, _ = part.local(rows)
        return window_sums(values, first, part.counts)

    return windows.in_rows(sums)


def _avg(windows: Windows) -> Floats:
    counts = np.maximum(windows.counts, 1)
    mean = _sum(windows) / counts
    over = ~np.isfinite(mean)
    if bool(over.any()):
        # The sum may have overflowed where the mean does not: divide first.
        mean = np.where(over, _by_blocks(windows, _mean_of_parts), mean)
    return mean


def _mean_of_parts(block: Block) -> Floats:
    parts: Floats = (block.values() / block.width).sum(axis=1)
    return parts


def _stdvar(windows: Windows) -> Floats:
    return _by_blocks(windows, _variance)


def _variance(block: Block) -> Floats:
    values = block.values()
    deviations = values - values.mean(axis=1, keepdims=True)
    # The mean's own rounding error is taken out again (corrected two-pass algorithm).
    squares = np.einsum("ij,ij->i", deviations, deviations)
    rest = deviations.sum(axis=1)
    variance: Floats = (squares - rest * rest / block.width) / block.width
    return variance


def _stddev(windows: Windows) -> Floats:
    return np.sqrt(_stdvar(windows))


def _count(windows: Windows) -> Floats:
    return windows.counts.astype(np.float64)


def _present(windows: Windows) -> Floats:
    return np.ones(windows.first.shape)


def _first(windows: Windows) -> Floats:
    return windows.at(windows.first)


def _last(windows: Windows) -> Floats:
    return windows.at(windows.last - 1)


def _first_ts(windows: Windows) -> Floats:
    return windows.ts_at(windows.first) / 1000


def _last_ts(windows: Windows) -> Floats:
    return windows.ts_at(windows.last - 1) / 1000


def _extreme_ts(*, largest: bool) -> _Measure:
    """When the extreme was reached last."""
    measure = _max if largest else _min

    def times(windows: Windows) -> Floats:
        extremes = measure(windows).reshape(-1)

        def of_block(block: Block) -> Floats:
            values, wanted = block.values(), extremes[block.cells][:, None]
            # Where all values are NaN each replaces the one before, so that the last one stays.
            hit = (values == wanted) | np.isnan(wanted)
            width = hit.shape[1]
            place = width - 1 - np.argmax(hit[:, ::-1], axis=1)
            ts: Floats = block.ts()[np.arange(len(place)), place] / 1000
            return ts

        return _by_blocks(windows, of_block)

    return times


def _quantiles(values: Floats, q: Floats) -> Floats:
    """The quantile of each row (which is sorted in place), between the two nearest values.

    NaNs are the smallest. Outside of 0 to 1 a quantile is infinite.
    """
    missing = np.isnan(values)
    nans = missing.sum(axis=1)
    if bool(missing.any()):
        values[missing] = -np.inf
    values.sort(axis=1)
    last = values.shape[1] - 1
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * last
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, last)
    weight = rank - low
    rows = np.arange(len(values))
    lower = np.where(low < nans, np.nan, values[rows, low])
    upper = np.where(high < nans, np.nan, values[rows, high])
    value = lower * (1 - weight) + upper * weight
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)


def _quantile_over_time(site: Site) -> Grid:
    q, windows = site.scalar(0), site.windows(1)
    present = windows.counts > 0
    if bool(present.any()):
        for value in np.unique(q[present.any(axis=0)]).tolist():
            site.notes.quantile(value, site.pos(0))
    steps = windows.first.shape[1]

    def of_block(block: Block) -> Floats:
        return _quantiles(block.values(), q[block.cells % steps])

    return windows.grid(_by_blocks(windows, of_block), present)


def _mad(windows: Windows) -> Floats:
    """The median distance from the median; unknown when any value is."""

    def of_block(block: Block) -> Floats:
        values = block.values()
        half = np.full(len(values), 0.5)
        unknown = np.isnan(values).any(axis=1)
        median = _quantiles(values.copy(), half)
        distance = _quantiles(np.abs(values - median[:, None]), half)
        return np.where(unknown, np.nan, distance)

    return _by_blocks(windows, of_block)


def _integral(site: Site) -> Grid:
    """The area below the lines between neighbouring samples, in value times seconds."""
    windows = site.windows(0)
    if site.count > 1 and bool((site.scalar(1) != _TRAPEZOIDS).any()):
        raise EvalError("integral() is computed with strategy 2 (trapezoids) only; leave it out")

    def areas(part: Windows, rows: slice) -> Floats:
        values, first, last = part.local(rows)
        ts = part.local_ts(rows)
        strips = (values[1:] + values[:-1]) / 2 * (np.diff(ts) / 1000)
        return window_sums(strips, first, np.maximum(last - first - 1, 0))

    return windows.grid(windows.in_rows(areas), windows.counts > 1)


def _smoothed(site: Site) -> Grid:
    """Holt's double exponential smoothing; needs two samples."""
    windows = site.windows(0)
    smoothing, trend = site.scalar(1), site.scalar(2)
    for name, factors in (("smoothing", smoothing), ("trend", trend)):
        wrong = factors[~((factors > 0) & (factors < 1))]
        if len(wrong) and bool((windows.counts > 0).any()):
            raise EvalError(_bad_factor(name, float(wrong[0])))
    steps = windows.first.shape[1]

    def of_block(block: Block) -> Floats:
        column = block.cells % steps
        return _holt(block, smoothing[column], trend[column])

    return windows.grid(_by_blocks(windows, of_block), windows.counts > 1)


def _bad_factor(name: str, value: float) -> str:
    short = "sf" if name == "smoothing" else "tf"
    return f"invalid {name} factor. Expected: 0 < {short} < 1, got: {value:f}"


def _holt(block: Block, smoothing: Floats, factor: Floats) -> Floats:
    values = block.values()
    level = values[:, 0]
    if block.width < 2:
        return level
    before = np.zeros(len(level))
    slope = values[:, 1] - level
    for place in range(1, block.width):
        if place > 1:
            slope = factor * (level - before) + (1 - factor) * slope
        following = smoothing * values[:, place] + (1 - smoothing) * (level + slope)
        before, level = level, following
    return level


FUNCTIONS = (
    _measured("min_over_time", _min),
    _measured("max_over_time", _max),
    _measured("sum_over_time", _sum),
    _measured("avg_over_time", _avg),
    _measured("stddev_over_time", _stddev),
    _measured("stdvar_over_time", _stdvar),
    _measured("count_over_time", _count),
    _measured("present_over_time", _present),
    _measured("last_over_time", _last, drop=False),
    _measured("first_over_time", _first, drop=False, experimental=True),
    _measured("mad_over_time", _mad, experimental=True),
    _measured("ts_of_first_over_time", _first_ts, experimental=True),
    _measured("ts_of_last_over_time", _last_ts, experimental=True),
    _measured("ts_of_max_over_time", _extreme_ts(largest=True), experimental=True),
    _measured("ts_of_min_over_time", _extreme_ts(largest=False), experimental=True),
    Function("quantile_over_time", _quantile_over_time),
    Function("integral", _integral, experimental=True),
    Function("double_exponential_smoothing", _smoothed, experimental=True),
)
