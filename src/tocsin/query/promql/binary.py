"""Arithmetic and comparison between scalars, vectors, and vectors with each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tocsin.model.labels import Labels, get
from tocsin.query.promql import ast
from tocsin.query.promql.faults import SAME_LABELS, EvalError
from tocsin.query.promql.labelsets import Groups, LabelSets, text
from tocsin.query.promql.matrix import (
    Bools,
    Floats,
    Grid,
    Ints,
    any_series,
    empty,
    merged,
    nameless,
    only,
    replaced,
    stack,
    without,
)

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}

_EXPLICIT = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


def scalars(op: str, left: Floats, right: Floats) -> Floats:
    """Two scalars; a comparison gives 1 or 0."""
    if op in COMPARISON:
        return COMPARISON[op](left, right).astype(np.float64)
    return ARITHMETIC[op](left, right)


def with_scalar(node: ast.Binary, grid: Grid, scalar: Floats, *, scalar_first: bool) -> Grid:
    """A vector and a scalar; a comparison without bool keeps the vector's own values."""
    pair = (scalar, grid.values) if scalar_first else (grid.values, scalar)
    if node.op in ARITHMETIC:
        return grid.with_values(ARITHMETIC[node.op](*pair), drop=True)
    holds = COMPARISON[node.op](*pair)
    if node.return_bool:
        return grid.with_values(holds.astype(np.float64), drop=True)
    return grid.with_values(grid.values, grid.present & holds, drop=False)


@dataclass(frozen=True, slots=True)
class _Side:
    """One operand: its series and the match group of each."""

    grid: Grid
    codes: Ints


class Join:
    """One operation between two vectors.

    Within, `many` is the side with possibly several series in a match group and `one` the other;
    in one-to-one matching `many` is the left side.
    """

    def __init__(self, node: ast.Binary, sets: LabelSets) -> None:
        self._op = node.op
        self._bool = node.return_bool
        self._matching = node.matching or ast.VectorMatching()
        self._swapped = self._matching.cardinality is ast.Cardinality.ONE_TO_MANY
        self._paired = self._matching.cardinality is ast.Cardinality.ONE_TO_ONE
        self._sets = sets
        self._group_labels: list[Labels] = []

    def of(self, left: Grid, right: Grid) -> Grid:
        """The result; raises EvalError when series match more than they may."""
        matching = self._matching
        filling = matching.fill_left is not None or matching.fill_right is not None
        steps = left.values.shape[1]
        if not filling and not (left.count and right.count):
            return empty(steps)
        many, one = self._sides(*((right, left) if self._swapped else (left, right)))
        if not filling:
            self._forbid_duplicates(one, any_series(many.grid.present))
        else:
            self._forbid_duplicates(one, np.ones(steps, np.bool_))
        index, partner = _pairs(many.codes, one.codes)
        there = many.grid.present[index] & one.grid.present[partner]
        parts = [self._matched(many, one, index, partner, there)]
        if matching.fill_right is not None:
            parts.append(self._fill_one(many, one, matching.fill_right))
        if matching.fill_left is not None:
            parts.append(self._fill_many(many, one, matching.fill_left))
        return merged(stack([part.filled() for part in parts]), SAME_LABELS)

    def _sides(self, many: Grid, one: Grid) -> tuple[_Side, _Side]:
        many_groups, one_groups = self._groups(many), self._groups(one)
        places: dict[Labels, int] = {}
        codes = [
            np.array(
                [places.setdefault(labels, len(places)) for labels in groups.labels], np.int64
            )[groups.codes]
            for groups in (many_groups, one_groups)
        ]
        self._group_labels = list(places)
        return _Side(many, codes[0]), _Side(one, codes[1])

    def _groups(self, grid: Grid) -> Groups:
        matching = self._matching
        names = tuple(sorted(matching.labels))
        return self._sets.groups(grid.labels, names, excluded=not matching.on)

    def _forbid_duplicates(self, one: _Side, relevant: Bools) -> None:
        """The `one` side may have one series of a match group at a time."""
        for rows in _repeated(one.codes):
            together = one.grid.present[rows].sum(axis=0) > 1
            together &= relevant
            if not bool(together.any()):
                continue
            step = int(np.argmax(together))
            pair = rows[one.grid.present[rows, step]][:2].tolist()
            first, second = sorted(one.grid.labels[row] for row in pair)
            side = "left" if self._swapped else "right"
            group = text(self._group_labels[int(one.codes[pair[0]])])
            raise EvalError(
                f"found duplicate series for the match group {group} on the {side} hand-side of "
                f"the operation: [{text(first)}, {text(second)}];many-to-many matching not "
                "allowed: matching labels must be unique on one side"
            )

    def _matched(self, many: _Side, one: _Side, index: Ints, partner: Ints, there: Bools) -> Grid:
        labels = [
            self._result_labels(many.grid.labels[i], one.grid.labels[j])
            for i, j in zip(index.tolist(), partner.tolist(), strict=True)
        ]
        self._forbid_many(many.codes[index], labels, there)
        drops = many.grid.drops[index]
        return self._computed(
            labels, (many.grid.values[index], one.grid.values[partner]), there, drops
        )

    def _forbid_many(self, codes: Ints, labels: list[Labels], there: Bools) -> None:
        for rows in _repeated(codes):
            if self._paired:
                if bool((there[rows].sum(axis=0) > 1).any()):
                    raise EvalError(_EXPLICIT)
                continue
            seen: dict[Labels, Bools] = {}
            for row in rows.tolist():
                known = seen.get(labels[row])
                if known is not None and bool((known & there[row]).any()):
                    raise EvalError(_UNIQUE)
                seen[labels[row]] = there[row] if known is None else known | there[row]

    def _computed(
        self, labels: list[Labels], pair: tuple[Floats, Floats], present: Bools, drops: Bools
    ) -> Grid:
        left, right = (pair[1], pair[0]) if self._swapped else pair
        if self._op in ARITHMETIC:
            values = ARITHMETIC[self._op](left, right)
            return Grid(labels, values, present, np.zeros(len(labels), np.bool_))
        holds = COMPARISON[self._op](left, right)
        if self._bool:
            ones = np.ones(len(labels), np.bool_)
            return Grid(labels, holds.astype(np.float64), present, ones)
        return Grid(labels, left, present & holds, drops)

    def _result_labels(self, many: Labels, one: Labels) -> Labels:
        matching = self._matching
        if self._op in ARITHMETIC:
            many = nameless(many)
        if self._paired:
            many = only(many, matching.labels) if matching.on else without(many, matching.labels)
        for name in matching.include:
            many = replaced(many, name, get(one, name))
        return many

    def _fill_one(self, many: _Side, one: _Side, value: float) -> Grid:
        """Where a series has no partner: a made-up one without labels."""
        alone = many.grid.present & ~_any_of(one, many.codes)
        labels = [self._result_labels(labels, ()) for labels in many.grid.labels]
        filler = np.full(many.grid.values.shape, value)
        return self._computed(labels, (many.grid.values, filler), alone, many.grid.drops)

    def _fill_many(self, many: _Side, one: _Side, value: float) -> Grid:
        """Where a series of the `one` side has no partner: one with the match group's labels."""
        alone = one.grid.present & ~_any_of(many, one.codes)
        labels = [
            self._result_labels(nameless(self._group_labels[code]), labels)
            for code, labels in zip(one.codes.tolist(), one.grid.labels, strict=True)
        ]
        filler = np.full(one.grid.values.shape, value)
        return self._computed(labels, (filler, one.grid.values), alone, one.grid.drops)


def set_operation(op: str, left: Grid, right: Grid, groups: tuple[Groups, Groups]) -> Grid:
    """`and`, `or`, `unless`: series of the left (and right) side by what the other side has."""
    left_codes, right_codes = _shared(*groups)
    sides = _Side(left, left_codes), _Side(right, right_codes)
    if op == "and":
        present = left.present & _any_of(sides[1], left_codes)
        return left.with_values(left.values, present, drop=False)
    if op == "unless":
        present = left.present & ~_any_of(sides[1], left_codes)
        return left.with_values(left.values, present, drop=False)
    rest = right.present & ~_any_of(sides[0], right_codes)
    return merged(stack([left, right.with_values(right.values, rest, drop=False).filled()]))


def _shared(left: Groups, right: Groups) -> tuple[Ints, Ints]:
    places: dict[Labels, int] = {}
    sides = []
    for groups in (left, right):
        codes = [places.setdefault(labels, len(places)) for labels in groups.labels]
        sides.append(np.array(codes, np.int64)[groups.codes])
    return sides[0], sides[1]


def _any_of(side: _Side, codes: Ints) -> Bools:
    """For each of some series' groups: at which steps the side has a series of that group."""
    size = max(int(side.codes.max(initial=-1)), int(codes.max(initial=-1))) + 1
    some = np.zeros((size, side.grid.present.shape[1]), np.bool_)
    if len(np.unique(side.codes)) == len(side.codes):
        some[side.codes] = side.grid.present
    else:
        np.logical_or.at(some, side.codes, side.grid.present)
    return some[codes]


def _pairs(many: Ints, one: Ints) -> tuple[Ints, Ints]:
    """Indices of all pairs of the same group, ordered by the `many` side."""
    order = np.argsort(one, kind="stable")
    ordered = one[order]
    start = np.searchsorted(ordered, many, side="left")
    counts = np.searchsorted(ordered, many, side="right") - start
    index = np.repeat(np.arange(len(many), dtype=np.int64), counts)
    within = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
    return index, order[np.repeat(start, counts) + within]


def _repeated(codes: Ints) -> list[Ints]:
    """For each code that occurs more than once: where."""
    if not len(codes) or int(np.bincount(codes).max()) < 2:
        return []
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    return [rows for rows in np.split(order, cuts) if len(rows) > 1]
