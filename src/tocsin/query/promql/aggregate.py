"""sum, avg, quantile, topk and their kin: many series into few, or a choice of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tocsin.model.labels import Labels
from tocsin.query.promql import ast
from tocsin.query.promql.annotations import Annotations, go_float
from tocsin.query.promql.faults import EvalError
from tocsin.query.promql.hashing import series_hash
from tocsin.query.promql.labelsets import Groups, LabelSets
from tocsin.query.promql.matrix import Bools, Floats, Grid, Ints, empty, merged, replaced
from tocsin.query.promql.sums import group_sums

_Reduce: TypeAlias = Callable[[Grid, Groups], Floats]

CHOOSING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that return some of their series as they are."""


def aggregate(node: ast.Aggregate, grid: Grid, groups: Groups, q: Floats | None) -> Grid:
    """One series for each group. `q` is the parameter of `quantile`, one number a step."""
    if not grid.count:
        return empty(grid.values.shape[1])
    if node.op == "quantile":
        values = _quantiles(grid, groups, np.zeros(0) if q is None else q)
    else:
        values = _REDUCE[node.op](grid, groups)
    present = _counts(grid, groups) > 0
    drops = np.zeros(groups.count, np.bool_)
    drops[groups.codes[grid.drops & grid.present.any(axis=1)]] = True
    return Grid(groups.labels, values, present, drops)


def _ordered(rows: Floats, groups: Groups) -> tuple[Floats, Ints]:
    """The rows sorted by group, and where each group starts."""
    if groups.count == 1:
        return rows, np.zeros(1, np.int64)
    order = np.argsort(groups.codes, kind="stable")
    codes = groups.codes[order]
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    ordered: Floats = rows[order]
    return ordered, starts


def _counts(grid: Grid, groups: Groups) -> Ints:
    if groups.count == 1:
        return np.asarray(np.count_nonzero(grid.present, axis=0)[None, :], np.int64)
    order = np.argsort(groups.codes, kind="stable")
    codes = groups.codes[order]
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    counts: Ints = np.add.reduceat(grid.present[order], starts, axis=0, dtype=np.int64)
    return counts


def _sum(grid: Grid, groups: Groups) -> Floats:
    return group_sums(grid.values, grid.present, groups.codes, groups.count)


def _avg(grid: Grid, groups: Groups) -> Floats:
    counts = np.maximum(_counts(grid, groups), 1)
    mean = _sum(grid, groups) / counts
    wrong = ~np.isfinite(mean)
    if bool(wrong.any()):
        # The sum may have overflowed where the mean does not.
        parts = grid.values / counts[groups.codes]
        again = group_sums(parts, grid.present, groups.codes, groups.count)
        mean = np.where(wrong, again, mean)
    return mean


def _count(grid: Grid, groups: Groups) -> Floats:
    return _counts(grid, groups).astype(np.float64)


def _group(grid: Grid, groups: Groups) -> Floats:
    return np.ones((groups.count, grid.values.shape[1]))


def _extreme(pick: np.ufunc) -> _Reduce:
    def reduce(grid: Grid, groups: Groups) -> Floats:
        rows, starts = _ordered(np.where(grid.present, grid.values, np.nan), groups)
        values: Floats = pick.reduceat(rows, starts, axis=0)
        return values

    return reduce


def _stdvar(grid: Grid, groups: Groups) -> Floats:
    counts = np.maximum(_counts(grid, groups), 1)
    mean = _sum(grid, groups) / counts
    deviations = grid.values - mean[groups.codes]
    squares = group_sums(deviations**2, grid.present, groups.codes, groups.count)
    rest = group_sums(deviations, grid.present, groups.codes, groups.count)
    return (squares - rest * rest / counts) / counts


def _stddev(grid: Grid, groups: Groups) -> Floats:
    return np.sqrt(_stdvar(grid, groups))


_REDUCE: dict[str, _Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "count": _count,
    "group": _group,
    "min": _extreme(np.fmin),
    "max": _extreme(np.fmax),
    "stddev": _stddev,
    "stdvar": _stdvar,
}


def _members(groups: Groups) -> list[Ints]:
    """The series of each group, in the groups' order."""
    order = np.argsort(groups.codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups.codes[order])) + 1)


def _quantiles(grid: Grid, groups: Groups, q: Floats) -> Floats:
    result = np.zeros((groups.count, len(q)))
    for code, rows in enumerate(_members(groups)):
        result[code] = _quantile(grid.values[rows], grid.present[rows], q)
    return result


def _quantile(values: Floats, present: Bools, q: Floats) -> Floats:
    """Down the columns; NaNs are the smallest."""
    missing = np.isnan(values) & present
    nans = missing.sum(axis=0)
    ordered = np.where(missing, -np.inf, values)
    ordered[~present] = np.inf
    ordered.sort(axis=0)
    count = np.maximum(present.sum(axis=0), 1)
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * (count - 1)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, count - 1)
    weight = rank - low
    columns = np.arange(len(q))
    lower = np.where(low < nans, np.nan, ordered[low, columns])
    upper = np.where(high < nans, np.nan, ordered[high, columns])
    value = lower * (1 - weight) + upper * weight
    value = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, value))
    return np.where(np.isnan(q), np.nan, value)


def choose(
    node: ast.Aggregate, grid: Grid, groups: Groups, param: Floats, notes: Annotations
) -> Grid:
    """topk, bottomk, limitk, limit_ratio. An instant topk comes largest first, group by group."""
    if node.op == "limit_ratio":
        ratio = _ratios(node, param, notes)
        return _by_ratio(grid, ratio)
    k = _sizes(param, grid.count)
    if not grid.count:
        return grid
    chosen = np.zeros(grid.present.shape, np.bool_)
    members = _members(groups)
    for rows in members:
        values, present = grid.values[rows], grid.present[rows]
        if node.op == "limitk":
            chosen[rows] = present & (np.cumsum(present, axis=0) <= k)
        else:
            keys = values if node.op == "topk" else -values
            chosen[rows] = _largest(keys, present, k)
    result = Grid(grid.labels, grid.values, chosen, grid.drops)
    if grid.values.shape[1] == 1 and node.op != "limitk":
        sign = -1.0 if node.op == "topk" else 1.0
        parts = [rows[np.argsort(sign * grid.values[rows, 0], kind="stable")] for rows in members]
        return result.rows(np.concatenate(parts)).filled()
    return result.filled()


def _sizes(param: Floats, series: int) -> Ints:
    if bool(np.isnan(param).any()):
        raise EvalError("Parameter value is NaN")
    for value in param[np.abs(param) >= 2.0**63].tolist():
        raise EvalError(f"Scalar value {go_float(value)} overflows int64")
    return np.clip(np.trunc(param), 0, series).astype(np.int64)


def _largest(keys: Floats, present: Bools, k: Ints) -> Bools:
    """The k largest present cells of each column, NaN last; of equal ones the first."""
    numbers = present & ~np.isnan(keys)
    ranked = np.where(numbers, keys, -np.inf)
    chosen = np.zeros(present.shape, np.bool_)
    for size in np.unique(k).tolist():
        columns = np.flatnonzero(k == size)
        if size < 1:
            continue
        whole = len(columns) == len(k)
        part = ranked if whole else ranked[:, columns]
        of_numbers = numbers if whole else numbers[:, columns]
        if size < len(part):
            border = -np.partition(-part, size - 1, axis=0)[size - 1]
        else:
            border = np.full(len(columns), -np.inf)
        above = of_numbers & (part > border)
        room = size - above.sum(axis=0)
        equal = of_numbers & (part == border)
        taken = above | (equal & (np.cumsum(equal, axis=0) <= room))
        room = size - taken.sum(axis=0)
        rest = (present if whole else present[:, columns]) & ~of_numbers
        taken |= rest & (np.cumsum(rest, axis=0) <= room)
        chosen[:, columns] = taken
    return chosen


def _ratios(node: ast.Aggregate, param: Floats, notes: Annotations) -> Floats:
    for value in np.unique(param).tolist():
        if np.isnan(value):
            raise EvalError("Ratio value is NaN")
        if abs(value) > 1:
            limit = 1 if value > 0 else -1
            words = "ratio value should be between -1 and 1"
            pos = node.pos if node.param is None else node.param.pos
            notes.warn(f"{words}, got {go_float(value)}, capping to {limit}", pos)
    return np.clip(param, -1.0, 1.0)


def _by_ratio(grid: Grid, ratio: Floats) -> Grid:
    """The series whose hash lies below the ratio; of a negative one those above its complement."""
    places = np.array([series_hash(labels) / (2**64 - 1) for labels in grid.labels])[:, None]
    below = (ratio >= 0) & (places < ratio)
    above = (ratio < 0) & (places >= 1.0 + ratio)
    return grid.with_values(grid.values, grid.present & (below | above), drop=False).filled()


def count_values(node: ast.Aggregate, grid: Grid, label: str, sets: LabelSets) -> Grid:
    """How many series of each group have a value; the value becomes a label."""
    if not label or any(0xD800 <= ord(char) <= 0xDFFF for char in label):
        raise EvalError(f'invalid label name "{label}"')
    labels = [replaced(one, label, "") for one in grid.labels]
    groups = sets.groups(labels, tuple(sorted(node.grouping)), excluded=node.without)
    shown = not (node.without and label in node.grouping)
    rows: list[Labels] = []
    counts: list[Floats] = []
    for value in np.unique(grid.values[grid.present]).tolist():
        same = np.isnan(grid.values) if np.isnan(value) else grid.values == value
        hit = Grid(labels, grid.values, grid.present & same, grid.drops)
        counts.append(_count(hit, groups))
        text = _plain(value) if shown else ""
        rows.extend(replaced(one, label, text) for one in groups.labels)
    if not rows:
        return empty(grid.values.shape[1])
    values = np.concatenate(counts)
    return _added(Grid(rows, values, values > 0, np.zeros(len(rows), np.bool_)))


def _added(grid: Grid) -> Grid:
    """Rows with equal labels (their value was not shown) added up."""
    places: dict[Labels, int] = {}
    codes = [places.setdefault(labels, len(places)) for labels in grid.labels]
    if len(places) == len(codes):
        return merged(grid)
    values = np.zeros((len(places), grid.values.shape[1]))
    np.add.at(values, np.array(codes, np.int64), grid.values)
    return Grid(list(places), values, values > 0, np.zeros(len(places), np.bool_))


def _plain(value: float) -> str:
    """Go's FormatFloat(value, 'f', -1, 64)."""
    if not np.isfinite(value):
        return go_float(value)
    return np.format_float_positional(value, trim="-")
