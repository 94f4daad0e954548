"""What does a query look like to a program? The JSON tree of Prometheus's `parse_query`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from tocsin.model.labels import Matcher
from tocsin.query.promql.ast import (
    Aggregate,
    AtModifier,
    Binary,
    Call,
    Duration,
    DurationExpr,
    DurationOp,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorMatching,
    VectorSelector,
)
from tocsin.query.promql.floats import format_float
from tocsin.query.promql.signatures import FUNCTIONS

Json = dict[str, object]

_TYPES = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "vector",
    ValueType.MATRIX: "matrix",
    ValueType.STRING: "string",
}
_DURATION_OPS = {DurationOp.NEG: "-", DurationOp.MIN: "min_of", DurationOp.MAX: "max_of"}


def to_tree(expr: Expr) -> Json:
    """The tree in dicts and lists that JSON can hold; times are milliseconds."""
    match expr:
        case NumberLiteral():
            return {"type": "numberLiteral", "val": format_float(expr.value)}
        case StringLiteral():
            return {"type": "stringLiteral", "val": expr.value}
        case VectorSelector() | MatrixSelector() | Subquery():
            return _timed(expr)
        case Call():
            return _call(expr)
        case Aggregate():
            return _aggregate(expr)
        case Binary():
            return _binary(expr)
        case Unary():
            return {"type": "unaryExpr", "op": expr.op, "expr": to_tree(expr.expr)}
        case Paren():
            return {"type": "parenExpr", "expr": to_tree(expr.expr)}
        case _:
            assert_never(expr)


def _timed(expr: VectorSelector | MatrixSelector | Subquery) -> Json:
    if isinstance(expr, Subquery):
        return _subquery(expr)
    if isinstance(expr, VectorSelector):
        return {"type": "vectorSelector", **_selector(expr)}
    span = {"range": _ms(expr.range), "rangeExpr": _duration(expr.range)}
    return {"type": "matrixSelector", **_selector(expr.selector), **span}


def _selector(expr: VectorSelector) -> Json:
    return {
        "name": expr.name,
        "offset": _ms(expr.offset),
        "offsetExpr": _duration(expr.offset),
        "matchers": _matchers(expr.matchers),
        "timestamp": expr.at_ms,
        "startOrEnd": _at(expr.at),
        "anchored": expr.anchored,
        "smoothed": expr.smoothed,
    }


def _subquery(expr: Subquery) -> Json:
    step = 0 if expr.step is None else expr.step
    return {
        "type": "subquery",
        "expr": to_tree(expr.expr),
        "range": _ms(expr.range),
        "rangeExpr": _duration(expr.range),
        "offset": _ms(expr.offset),
        "offsetExpr": _duration(expr.offset),
        "step": _ms(step),
        "stepExpr": _duration(step),
        "timestamp": expr.at_ms,
        "startOrEnd": _at(expr.at),
    }


def _call(expr: Call) -> Json:
    function = FUNCTIONS[expr.func]
    signature = {
        "name": function.name,
        "argTypes": [_TYPES[arg] for arg in function.args],
        "variadic": function.variadic,
        "returnType": _TYPES[function.returns],
    }
    return {"type": "call", "func": signature, "args": [to_tree(arg) for arg in expr.args]}


def _aggregate(expr: Aggregate) -> Json:
    return {
        "type": "aggregation",
        "op": expr.op,
        "expr": to_tree(expr.expr),
        "param": None if expr.param is None else to_tree(expr.param),
        "grouping": list(expr.grouping),
        "without": expr.without,
    }


def _binary(expr: Binary) -> Json:
    return {
        "type": "binaryExpr",
        "op": expr.op,
        "lhs": to_tree(expr.left),
        "rhs": to_tree(expr.right),
        "matching": None if expr.matching is None else _matching(expr.matching),
        "bool": expr.return_bool,
    }


def _matching(matching: VectorMatching) -> Json:
    return {
        "card": matching.cardinality.value,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    }


def _matchers(found: Sequence[Matcher]) -> list[Json]:
    return [
        {"name": matcher.name, "value": matcher.value, "type": matcher.op.value}
        for matcher in found
    ]


def _at(at: AtModifier | None) -> str | None:
    return at.value if at else None


def _ms(value: Duration) -> int:
    return value if isinstance(value, int) else 0


def _duration(value: Duration | None) -> Json | None:
    """The expression where a duration is one; None where it is known in milliseconds."""
    match value:
        case NumberLiteral():
            duration = {"duration": value.is_duration}
            return {"type": "numberLiteral", "val": format_float(value.value), **duration}
        case DurationExpr():
            return {
                "type": "durationExpr",
                "op": _DURATION_OPS.get(value.op, value.op.value),
                "lhs": _duration(value.left),
                "rhs": _duration(value.right),
                "wrapped": value.wrapped,
            }
    return None
