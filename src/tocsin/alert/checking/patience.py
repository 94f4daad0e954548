"""Does a rule wait before it fires, and does it end where it is well again?"""

from __future__ import annotations

import math

from tocsin.alert.checking.bounds import range_of
from tocsin.model.labels import NAME
from tocsin.query.promql import ast

_OF_A_TIME = frozenset(
    ("absent_over_time", "predict_linear", "avg_over_time", "quantile_over_time", "deriv")
)
"""Functions that look at so much that one sample hardly moves them."""
_LINES = frozenset(("logs", "logql"))


def is_calm(expr: ast.Expr) -> bool:
    """Whether no single sample can make it true, so that it needs no `for`."""
    match expr:
        case ast.NumberLiteral() | ast.StringLiteral():
            return True
        case ast.Paren(expr=inner) | ast.Unary(expr=inner) | ast.Aggregate(expr=inner):
            return is_calm(inner)
        case ast.Call(func=func, args=args):
            return func in _OF_A_TIME or (bool(args) and all(map(is_calm, args)))
        case ast.VectorSelector(matchers=matchers):
            return any(one.name == NAME and one.value in _LINES for one in matchers)
        case ast.Binary():
            return _is_calm_of_two(expr)
        case _:
            return False


def _is_calm_of_two(expr: ast.Binary) -> bool:
    left, right = expr.left, expr.right
    match expr.op:
        case "and":
            return is_calm(left) or is_calm(right)
        case "unless":
            return is_calm(left)
        # That nothing changed is true of a whole time; that something did is not.
        case "==" if isinstance(left, ast.Call) and left.func == "changes":
            return is_calm(right)
        case _:
            return is_calm(left) and is_calm(right)


def recovery_doubt(condition: ast.Expr, recover: ast.Expr) -> str:
    """Why an alert of `x > 5` would not end as it should by the other condition, in which the same
    is compared; empty when it does, or when nobody can tell."""
    wrong, well = range_of(condition), range_of(recover)
    if wrong is None or well is None or wrong[0] != well[0]:
        return ""
    _, wrong_low, wrong_high, _ = wrong
    _, low, high, _ = well
    if wrong_high == math.inf and wrong_low > -math.inf:
        goes_on, adds_nothing = low > -math.inf, high > wrong_low
    elif wrong_low == -math.inf and wrong_high < math.inf:
        goes_on, adds_nothing = high < math.inf, low < wrong_high
    else:
        return ""
    if goes_on:
        return "recover looks in the condition's own direction: where all is well the alert goes on"
    if adds_nothing:
        return "recover adds nothing: it holds wherever the condition does not"
    return ""
