"""Functions that order an instant query's result; a range query's is ordered by labels anyway."""

from __future__ import annotations

import re
from functools import cmp_to_key

import numpy as np

from tocsin.model.labels import get
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Grid

_CHUNKS = re.compile(r"[0-9]+|[^0-9]+")


def _ineffective(site: Site) -> bool:
    if site.steps.count == 1:
        return False
    text = "sort is ineffective for range queries since results are always ordered by labels"
    site.notes.warn(text, site.node.pos)
    return True


def _by_value(name: str, *, descending: bool) -> Function:
    """NaN comes last either way."""

    def call(site: Site) -> Grid:
        grid = site.grid(0)
        if _ineffective(site) or not grid.count:
            return grid
        values = grid.values[:, 0]
        keys = np.where(np.isnan(values), np.inf, -values if descending else values)
        return grid.rows(np.lexsort((keys, np.isnan(values))))

    return Function(name, call)


def _by_label(name: str, *, descending: bool) -> Function:
    """In natural order of the labels' values, then of all labels."""

    def call(site: Site) -> Grid:
        grid = site.grid(0)
        names = [site.text(index) for index in range(1, site.count)]
        if _ineffective(site):
            return grid

        def compare(left: int, right: int) -> int:
            a, b = grid.labels[left], grid.labels[right]
            for label in names:
                x, y = get(a, label), get(b, label)
                if x != y:
                    return -1 if _before(x, y) else 1
            return (a > b) - (a < b)

        order = sorted(range(grid.count), key=cmp_to_key(compare), reverse=descending)
        return grid.rows(np.array(order, np.int64))

    return Function(name, call, experimental=True)


def _before(left: str, right: str) -> bool:
    """Whether a text comes first when its numbers count as numbers."""
    lefts, rights = _CHUNKS.findall(left), _CHUNKS.findall(right)
    for a, b in zip(lefts, rights, strict=False):
        if a.isdecimal() and b.isdecimal():
            if int(a) != int(b):
                return int(a) < int(b)
        elif a != b:
            return bool(a < b)
    return len(lefts) <= len(rights)


FUNCTIONS = (
    _by_value("sort", descending=False),
    _by_value("sort_desc", descending=True),
    _by_label("sort_by_label", descending=False),
    _by_label("sort_by_label_desc", descending=True),
)
