"""Functions of time: the evaluation's own, a sample's, and the calendar (UTC)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tocsin.query.promql import ast
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid, Ints, Steps, single
from tocsin.query.promql.window import latest, taken

_DAY = 86_400


def _time(site: Site) -> Floats:
    return site.steps.times / 1000


def _timestamp(site: Site) -> Grid:
    """When the samples of a selector were taken; of anything else the evaluation time."""
    selector = site.expr(0)
    if not isinstance(selector, ast.VectorSelector):
        grid = site.grid(0)
        return grid.with_values(np.broadcast_to(_time(site), grid.values.shape), drop=True)
    times = site.host.reference(selector, site.steps)
    lookback = site.host.lookback_ms
    samples = site.host.samples(selector.matchers, times, lookback)
    if selector.at_ms is not None:
        times = Steps(times.start_ms, times.step_ms, 1)
    index, there = latest(samples, times, lookback)
    seconds = taken(samples.ts, index) / 1000
    shape = (len(samples.labels), site.steps.count)
    drops = np.ones(len(samples.labels), np.bool_)
    values = np.broadcast_to(seconds, shape)
    return Grid(samples.labels, values, np.broadcast_to(there, shape), drops)


def _calendar(name: str, compute: Callable[[Ints], Ints]) -> Function:
    def call(site: Site) -> Grid:
        if not site.count:
            return single((), compute(site.steps.times // 1000).astype(np.float64))
        grid = site.grid(0)
        finite = np.isfinite(grid.values)
        seconds = np.trunc(np.where(finite, grid.values, 0.0)).astype(np.int64)
        values = np.where(finite, compute(seconds).astype(np.float64), np.nan)
        return grid.with_values(values, drop=True)

    return Function(name, call)


def _months(seconds: Ints) -> NDArray[np.datetime64]:
    return seconds.astype("datetime64[s]").astype("datetime64[M]")


def _year(seconds: Ints) -> Ints:
    return seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970


def _month(seconds: Ints) -> Ints:
    return _months(seconds).astype(np.int64) % 12 + 1


def _day_of_month(seconds: Ints) -> Ints:
    first = _months(seconds).astype("datetime64[D]").astype(np.int64)
    return seconds // _DAY - first + 1


def _day_of_year(seconds: Ints) -> Ints:
    years = seconds.astype("datetime64[s]").astype("datetime64[Y]")
    return seconds // _DAY - years.astype("datetime64[D]").astype(np.int64) + 1


def _days_in_month(seconds: Ints) -> Ints:
    months = _months(seconds)
    following = (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    days: Ints = following - months.astype("datetime64[D]").astype(np.int64)
    return days


def _day_of_week(seconds: Ints) -> Ints:
    return (seconds // _DAY + 4) % 7  # 1 January 1970 was a Thursday


def _hour(seconds: Ints) -> Ints:
    return seconds // 3600 % 24


def _minute(seconds: Ints) -> Ints:
    return seconds // 60 % 60


FUNCTIONS = (
    Function("time", _time),
    Function("timestamp", _timestamp),
    _calendar("year", _year),
    _calendar("month", _month),
    _calendar("day_of_month", _day_of_month),
    _calendar("day_of_week", _day_of_week),
    _calendar("day_of_year", _day_of_year),
    _calendar("days_in_month", _days_in_month),
    _calendar("hour", _hour),
    _calendar("minute", _minute),
)
