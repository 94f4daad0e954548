"""How fast does it grow? rate, increase, delta and their instant kin; changes and resets."""

from __future__ import annotations

import numpy as np

from tocsin.model.labels import metric_name
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Bools, Floats, Grid, Ints, any_step
from tocsin.query.promql.sums import window_sums
from tocsin.query.promql.window import Windows

_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def _growth(name: str, *, counter: bool, per_second: bool) -> Function:
    def call(site: Site) -> Grid:
        windows = site.windows(0)
        if windows.anchored or windows.smoothed:
            grid = _extended(windows, counter=counter)
        else:
            grid = _extrapolated(windows, counter=counter)
        if per_second:
            grid = grid.with_values(grid.values / (windows.range_ms / 1000), drop=True)
        if counter:
            _doubt_non_counters(site, grid)
        return grid

    return Function(name, call)


def _doubt_non_counters(site: Site, grid: Grid) -> None:
    names = {
        metric_name(labels)
        for labels, there in zip(grid.labels, any_step(grid.present).tolist(), strict=True)
        if there
    }
    for name in sorted(names):
        if name and not name.endswith(_COUNTER_SUFFIXES):
            text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
            site.notes.info(f'{text} "{name}"', site.pos(0))


def _extrapolated(windows: Windows, *, counter: bool) -> Grid:
    """The increase over the samples, stretched towards the window's borders."""
    reached = _reached(windows, windows.first + 1, windows.last) if counter else None

    def growth(part: Windows, rows: slice) -> Floats:
        gain = part.at(part.last - 1) - part.at(part.first)
        if reached is not None:
            gain += reached[rows]
        gain *= _stretch(part, gain, counter=counter)
        return gain

    return windows.grid(windows.in_rows(growth), windows.counts > 1)


def _stretch(windows: Windows, gain: Floats, *, counter: bool) -> Floats:
    """By which factor the increase between the samples becomes the one over the whole window.

    A border further away than 1.1 sample intervals is not reached: the series is taken to begin or
    end half an interval beyond its samples; and a counter is not continued below its zero.
    """
    first, last = windows.first, windows.last - 1
    begin, end = windows.ts_at(first), windows.ts_at(last)
    sampled = (end - begin) / 1000
    average = sampled / np.maximum(last - first, 1)
    threshold, half = average * 1.1, average / 2
    to_start = (begin - (windows.ends - windows.range_ms)) / 1000
    to_start = np.where(to_start >= threshold, half, to_start)
    if counter:
        low = windows.at(first)
        to_zero = sampled * (low / gain)
        limited = (gain > 0) & (low >= 0) & (to_zero < to_start)
        to_start = np.where(limited, to_zero, to_start)
    to_end = (windows.ends - end) / 1000
    to_end = np.where(to_end >= threshold, half, to_end)
    factor: Floats = (sampled + to_start + to_end) / sampled
    return factor


def _resets(windows: Windows) -> Ints:
    """Flat indices of samples that are lower than the one before in their series."""
    values = windows.values
    if len(values) < 2:
        return np.zeros(0, np.int64)
    fell = np.flatnonzero(values[1:] < values[:-1]) + 1
    if not len(fell):
        return fell
    starts = windows.samples.offsets
    kept: Ints = fell[starts[np.searchsorted(starts, fell)] != fell]
    return kept


def _reached(windows: Windows, begin: Ints, end: Ints) -> Floats | None:
    """What each window's counter had reached before its resets in [begin, end), added up; None
    when no counter was ever reset."""
    fell = _resets(windows)
    if not len(fell):
        return None
    result = np.zeros(begin.shape)
    rows = np.unique(np.searchsorted(windows.samples.offsets, fell, side="right") - 1)
    start = np.searchsorted(fell, begin[rows].ravel())
    count = np.searchsorted(fell, end[rows].ravel()) - start
    sums = window_sums(windows.values[fell - 1], start, np.maximum(count, 0))
    result[rows] = sums.reshape(len(rows), begin.shape[1])
    return result


def _extended(windows: Windows, *, counter: bool) -> Grid:
    """The increase between the window's very borders, from samples around it (anchored: the last
    one before; smoothed: the line between the neighbours on either side)."""
    ends = windows.ends[None, :]
    starts = ends - windows.range_ms
    a, b = windows.first, windows.last
    present = b > a
    newest = np.maximum(b - 1, a)
    after_start = _after(windows, windows.ends - windows.range_ms)
    first = np.maximum(a, np.minimum(after_start, newest) - 1)
    last = newest
    if windows.smoothed:
        last = np.clip(_after(windows, windows.ends - 1), a, newest)
    present &= (windows.ts_at(last) > starts) & (windows.ts_at(first) <= ends)
    left, right = windows.at(first), windows.at(last)
    if windows.smoothed:
        before = windows.ts_at(first) < starts
        left = np.where(before, _line(windows, first, starts, counter=counter), left)
        beyond = (last > a) & (windows.ts_at(last) > ends)
        right = np.where(beyond, _line(windows, last - 1, ends, counter=counter), right)
    gain = right - left
    if counter:
        inner = first + (windows.ts_at(first) <= starts)
        outer = last - (windows.ts_at(last) >= ends)
        some = inner <= outer
        gain += np.where(some & (windows.at(inner) < left), left, 0.0)
        before_right = np.where(some, windows.at(outer), left)
        gain += np.where(right < before_right, before_right, 0.0)
        reached = _reached(windows, inner + 1, outer + 1)
        if reached is not None:
            gain += reached
    return windows.grid(gain, present)


def _after(windows: Windows, times: Ints) -> Ints:
    """One past the last sample not after each time (same for all steps of a fixed window)."""
    return np.broadcast_to(windows.samples.up_to(times), windows.first.shape)


def _line(windows: Windows, index: Ints, at: Ints, *, counter: bool) -> Floats:
    """The value at a time on the line from a sample to the next; a counter that was reset in
    between began at zero."""
    low, high = windows.at(index), windows.at(index + 1)
    if counter:
        low = np.where(high < low, 0.0, low)
    begin, end = windows.ts_at(index), windows.ts_at(index + 1)
    line: Floats = low + (high - low) * (at - begin) / (end - begin)
    return line


def _instant(name: str, *, rate: bool) -> Function:
    """From the last two samples alone."""

    def call(site: Site) -> Grid:
        windows = site.windows(0)
        last = windows.last - 1
        present = last > windows.first
        high, low = windows.at(last), windows.at(last - 1)
        change = high - low
        if rate:
            seconds = (windows.ts_at(last) - windows.ts_at(last - 1)) / 1000
            change = np.where(high < low, high, change) / seconds
        return windows.grid(change, present)

    return Function(name, call)


def _counted(name: str) -> Function:
    """How often a sample differs from (changes) or falls below (resets) the one before it."""

    def call(site: Site) -> Grid:
        windows = site.windows(0)
        values = windows.values
        now, before = values[1:], values[:-1]
        if name == "resets":
            event = now < before
        else:
            event = (now != before) & ~(np.isnan(now) & np.isnan(before))
        totals = np.concatenate(([0], np.cumsum(event))).astype(np.int64)
        first, present = windows.first, windows.last > windows.first
        if windows.anchored:
            first, present = _anchor(windows)
        if not len(values):
            return windows.grid(np.zeros(first.shape), present)
        last = np.maximum(windows.last - 1, 0)
        counts = totals.take(last, mode="clip") - totals.take(first, mode="clip")
        return windows.grid(counts.astype(np.float64), present)

    return Function(name, call)


def _anchor(windows: Windows) -> tuple[Ints, Bools]:
    """The first sample that counts: the last one not after the window's start, if there is one."""
    starts = windows.ends - windows.range_ms
    newest = np.maximum(windows.last - 1, windows.first)
    first = np.maximum(windows.first, np.minimum(_after(windows, starts), newest) - 1)
    present = (windows.last > windows.first) & (windows.ts_at(newest) > starts[None, :])
    return first, present


FUNCTIONS = (
    _growth("rate", counter=True, per_second=True),
    _growth("increase", counter=True, per_second=False),
    _growth("delta", counter=False, per_second=False),
    _instant("irate", rate=True),
    _instant("idelta", rate=False),
    _counted("changes"),
    _counted("resets"),
)
