"""Is nothing there? A 1 with the labels that the selector asked for."""

from __future__ import annotations

import numpy as np

from tocsin.model.labels import NAME, Labels, Matcher, MatchOp, make
from tocsin.query.promql import ast
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Bools, Grid, any_series, empty, single


def _absent(site: Site) -> Grid:
    return _where_nothing(site, site.grid(0).present)


def _absent_over_time(site: Site) -> Grid:
    return _where_nothing(site, site.windows(0).counts > 0)


def _where_nothing(site: Site, present: Bools) -> Grid:
    nothing = ~any_series(present)
    if not bool(nothing.any()):
        return empty(site.steps.count)
    return single(_asked(site.expr(0)), np.ones(site.steps.count), nothing)


def _asked(expr: ast.Expr) -> Labels:
    """Labels that are matched by exactly one `=`."""
    match expr:
        case ast.VectorSelector():
            return _equal(expr.matchers)
        case ast.MatrixSelector():
            return _equal(expr.selector.matchers)
        case _:
            return ()


def _equal(matchers: tuple[Matcher, ...]) -> Labels:
    asked: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            asked[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            asked.pop(matcher.name, None)
    return make(asked.items())


FUNCTIONS = (Function("absent", _absent), Function("absent_over_time", _absent_over_time))
