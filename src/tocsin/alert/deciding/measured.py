"""What did a rule find, and what does it compare that with? In the words of a receipt."""

from __future__ import annotations

from functools import lru_cache

from tocsin.alert.rules.humanize import general
from tocsin.alert.rules.units import in_unit
from tocsin.query.promql import ast
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.tree import unwrap

_COMPARES = (">", "<", ">=", "<=", "==", "!=")


def measured(value: float | None, expression: str, unit: str = "") -> str:
    """ "2,431 ms > 2,000 ms", "value 2,431" when it is compared with no fixed number, empty when
    there is no value. Without `unit` in PromQL's basic units, which are not named."""
    if value is None:
        return ""
    found = _bound(expression)
    said = spoken(value, unit)
    return f"{said} {found[0]} {spoken(found[1], unit)}" if found else f"value {said}"


def spoken(value: float, unit: str) -> str:
    """ "2,431 ms", "7.2%", "2,431" without a unit."""
    if not unit:
        return _plain(value)
    return f"{_plain(in_unit(value, unit))}{'' if unit == '%' else ' '}{unit}"


def _plain(value: float) -> str:
    """Thousands apart; what people cannot read at a glance in powers of ten."""
    if 1e-3 <= abs(value) < 1e15:
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return general(value)


@lru_cache(maxsize=1000)
def _bound(expression: str) -> tuple[str, float] | None:
    try:
        tree = unwrap(parse(expression)) if expression else None
    except ParseError:
        return None
    if not isinstance(tree, ast.Binary) or tree.op not in _COMPARES or tree.return_bool:
        return None
    right = unwrap(tree.right)
    sign = 1.0
    if isinstance(right, ast.Unary):
        sign, right = (-1.0 if right.op == "-" else 1.0), unwrap(right.expr)
    return (tree.op, sign * right.value) if isinstance(right, ast.NumberLiteral) else None
