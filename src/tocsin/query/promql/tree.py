"""What lies below an expression, and does its value depend on the evaluation time?"""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.query.promql import ast

_CLOCK = frozenset(
    [
        "days_in_month",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "hour",
        "minute",
        "month",
        "year",
        "predict_linear",
        "time",
        "timestamp",
    ]
)
"""Functions whose result changes with the evaluation time even when their arguments do not."""


def unwrap(expr: ast.Expr) -> ast.Expr:
    """The expression without its parentheses."""
    while isinstance(expr, ast.Paren):
        expr = expr.expr
    return expr


def children(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The expressions directly below."""
    match expr:
        case ast.MatrixSelector():
            yield expr.selector
        case ast.Subquery() | ast.Unary() | ast.Paren():
            yield expr.expr
        case ast.Call():
            yield from expr.args
        case ast.Aggregate():
            if expr.param is not None:
                yield expr.param
            yield expr.expr
        case ast.Binary():
            yield expr.left
            yield expr.right
        case _:
            return


def walk(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The expression and all below it, parents first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def fixed(expr: ast.Expr) -> bool:
    """Whether the value is the same at every step, so that one evaluation does for all."""
    match expr:
        case ast.NumberLiteral() | ast.StringLiteral():
            return True
        case ast.VectorSelector():
            return expr.at_ms is not None
        case ast.Subquery():
            return expr.at_ms is not None
        case ast.Call():
            return expr.func not in _CLOCK and all(fixed(arg) for arg in expr.args)
        case _:
            return all(fixed(child) for child in children(expr))
