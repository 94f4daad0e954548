"""One number of each window: extremes, sums, means, deviations, first, last, count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tocsin.query.promql.faults import EvalError
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid, Ints
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
    """Each window's number from padded blocks of windows."""
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
    parts: Floats = (block.values(0.0) / block.lengths[:, None]).sum(axis=1)
    return parts


def _stdvar(windows: Windows) -> Floats:
    return _by_blocks(windows, _variance)


def _variance(block: Block) -> Floats:
    values = block.values(0.0)
    mean = _mean_of(values, block)
    deviations = np.where(block.real, values - mean[:, None], 0.0)
    # The mean's own rounding error is taken out again (corrected two-pass algorithm).
    squares = np.einsum("ij,ij->i", deviations, deviations)
    rest = deviations.sum(axis=1)
    variance: Floats = (squares - rest * rest / block.lengths) / block.lengths
    return variance


def _mean_of(values: Floats, block: Block) -> Floats:
    mean: Floats = values.sum(axis=1) / block.lengths
    return mean


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
            values, wanted = block.values(np.nan), extremes[block.cells][:, None]
            # Where all values are NaN each replaces the one before, so that the last one stays.
            hit = ((values == wanted) | np.isnan(wanted)) & block.real
            width = hit.shape[1]
            place = width - 1 - np.argmax(hit[:, ::-1], axis=1)
            ts: Floats = block.ts()[np.arange(len(place)), place] / 1000
            return ts

        return _by_blocks(windows, of_block)

    return times


def _quantiles(ordered: Floats, nans: Ints, lengths: Ints, q: Floats) -> Floats:
    """The quantile of each row of sorted values, between the two nearest ones; NaNs, counted in
    `nans`, are the smallest. Outside of 0 to 1 it is infinite."""
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * (lengths - 1)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, lengths - 1)
    weight = rank - low
    rows = np.arange(len(lengths))
    lower = np.where(low < nans, np.nan, ordered[rows, low])
    upper = np.where(high < nans, np.nan, ordered[rows, high])
    value = lower * (1 - weight) + upper * weight
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)


def _sorted(values: Floats, block: Block) -> tuple[Floats, Ints]:
    missing = np.isnan(values) & block.real
    nans = missing.sum(axis=1)
    if bool(missing.any()):
        values[missing] = -np.inf
    values[~block.real] = np.inf
    values.sort(axis=1)
    return values, nans


def _quantile_over_time(site: Site) -> Grid:
    q, windows = site.scalar(0), site.windows(1)
    present = windows.counts > 0
    if bool(present.any()):
        for value in np.unique(q[present.any(axis=0)]).tolist():
            site.notes.quantile(value, site.pos(0))
    steps = windows.first.shape[1]

    def of_block(block: Block) -> Floats:
        ordered, nans = _sorted(block.values(0.0), block)
        return _quantiles(ordered, nans, block.lengths, q[block.cells % steps])

    return windows.grid(_by_blocks(windows, of_block), present)


def _mad(windows: Windows) -> Floats:
    """The median distance from the median; unknown when any value is."""

    def of_block(block: Block) -> Floats:
        values = block.values(0.0)
        half = np.full(len(block.cells), 0.5)
        ordered, nans = _sorted(values.copy(), block)
        median = _quantiles(ordered, nans, block.lengths, half)
        ordered, _ = _sorted(np.abs(values - median[:, None]), block)
        distance = _quantiles(ordered, np.zeros_like(nans), block.lengths, half)
        return np.where(nans > 0, np.nan, distance)

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
    values = block.values(0.0)
    level = values[:, 0].copy()
    if values.shape[1] < 2:
        return level
    before = np.zeros(len(level))
    slope = values[:, 1] - values[:, 0]
    for place in range(1, values.shape[1]):
        real = block.real[:, place]
        if place > 1:
            slope = np.where(real, factor * (level - before) + (1 - factor) * slope, slope)
        following = smoothing * values[:, place] + (1 - smoothing) * (level + slope)
        before = np.where(real, level, before)
        level = np.where(real, following, level)
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
