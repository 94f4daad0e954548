"""How is an expression narrowed to some series, or asked for each service apart?"""

from __future__ import annotations

from dataclasses import replace

from tocsin.model.labels import Matcher
from tocsin.query.promql import ast
from tocsin.query.promql.tree import walk

_OF_SERIES = frozenset(("topk", "bottomk", "limitk", "limit_ratio"))
_WITHOUT_LABELS = frozenset(("vector", "scalar", "time", "pi"))


def narrowed(
    expr: ast.Expr, matchers: tuple[Matcher, ...] = (), by: tuple[str, ...] = ()
) -> ast.Expr:
    """The same with these matchers on each selector, and aggregations also `by` these labels."""
    match expr:
        case ast.VectorSelector():
            return replace(expr, matchers=(*expr.matchers, *matchers))
        case ast.MatrixSelector():
            more = (*expr.selector.matchers, *matchers)
            return replace(expr, selector=replace(expr.selector, matchers=more))
        case ast.Aggregate():
            grouping = expr.grouping
            if not expr.without and expr.op not in _OF_SERIES:
                grouping = tuple(dict.fromkeys((*by, *grouping)))
            return replace(expr, expr=narrowed(expr.expr, matchers, by), grouping=grouping)
        case ast.Subquery() | ast.Paren() | ast.Unary():
            return replace(expr, expr=narrowed(expr.expr, matchers, by))
        case ast.Call():
            return replace(expr, args=tuple(narrowed(one, matchers, by) for one in expr.args))
        case ast.Binary():
            left, right = (narrowed(side, matchers, by) for side in (expr.left, expr.right))
            return replace(expr, left=left, right=right)
        case _:
            return expr


def aggregates(expr: ast.Expr) -> bool:
    """Whether it sums up series anywhere."""
    return any(isinstance(node, ast.Aggregate) for node in walk(expr))


def has_no_labels(expr: ast.Expr) -> bool:
    """Whether its result is one series without labels at the most."""
    match expr:
        case ast.Aggregate():
            return not expr.grouping and not expr.without and expr.op not in _OF_SERIES
        case ast.Paren() | ast.Unary() | ast.Subquery():
            return has_no_labels(expr.expr)
        case ast.Call():
            return expr.func in _WITHOUT_LABELS or all(has_no_labels(one) for one in expr.args)
        case ast.Binary():
            return has_no_labels(expr.left) and has_no_labels(expr.right)
        case ast.NumberLiteral() | ast.StringLiteral():
            return True
        case _:
            return False
