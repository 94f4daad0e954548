"""Trigonometry: angles in radians, and the two conversions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Floats, Grid


def _of(name: str, compute: Callable[[Floats], Floats]) -> Function:
    def call(site: Site) -> Grid:
        grid = site.grid(0)
        return grid.with_values(compute(grid.values), drop=True)

    return Function(name, call)


def _rad(values: Floats) -> Floats:
    return values * np.pi / 180


def _deg(values: Floats) -> Floats:
    return values * 180 / np.pi


FUNCTIONS = (
    _of("sin", np.sin),
    _of("cos", np.cos),
    _of("tan", np.tan),
    _of("asin", np.arcsin),
    _of("acos", np.arccos),
    _of("atan", np.arctan),
    _of("sinh", np.sinh),
    _of("cosh", np.cosh),
    _of("tanh", np.tanh),
    _of("asinh", np.arcsinh),
    _of("acosh", np.arccosh),
    _of("atanh", np.arctanh),
    _of("rad", _rad),
    _of("deg", _deg),
)
