"""How does compiled PromQL read without the parentheses that nobody needs?"""

from __future__ import annotations

from dataclasses import replace

from tocsin.query.promql import ast

_BINDS = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
}
"""How tightly an operator binds; those of PromQL but `^`, which binds to the right."""


def unparenthesised(expr: ast.Expr) -> ast.Expr:
    """The same expression with fewer parentheses."""
    match expr:
        case ast.Paren():
            return unparenthesised(expr.expr)
        case ast.Call():
            return replace(expr, args=tuple(unparenthesised(one) for one in expr.args))
        case ast.Aggregate():
            return replace(expr, expr=unparenthesised(expr.expr))
        case ast.Binary():
            left = _side(expr.left, expr.op, is_left=True)
            return replace(expr, left=left, right=_side(expr.right, expr.op, is_left=False))
        case ast.Subquery():
            return replace(expr, expr=_kept(expr.expr))
        case ast.Unary():
            return replace(expr, expr=_kept(expr.expr))
        case _:
            return expr


def _side(expr: ast.Expr, op: str, *, is_left: bool) -> ast.Expr:
    if not isinstance(expr, ast.Paren):
        return unparenthesised(expr)
    inner = unparenthesised(expr)
    if isinstance(inner, ast.Binary):
        one, other = _BINDS.get(inner.op, 0), _BINDS.get(op, 9)
        if one < other or (one == other and not is_left):
            return ast.Paren(inner)
    return ast.Paren(inner) if isinstance(inner, ast.Unary) else inner


def _kept(expr: ast.Expr) -> ast.Expr:
    """Below what needs its parentheses around everything but names and calls."""
    if not isinstance(expr, ast.Paren):
        return unparenthesised(expr)
    inner = unparenthesised(expr)
    return inner if isinstance(inner, (ast.Call, ast.Aggregate)) else ast.Paren(inner)
