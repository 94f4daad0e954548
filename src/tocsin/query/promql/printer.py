"""How is a tree written as a query again? On one line, or indented as `format_query` has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql.ast import (
    Aggregate,
    AtModifier,
    Binary,
    Call,
    Cardinality,
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
    VectorMatching,
    VectorSelector,
)
from tocsin.query.promql.durations import format_duration, ms_of_seconds
from tocsin.query.promql.floats import format_float
from tocsin.query.promql.quoting import is_plain_label_name, quote

MAX_LINE = 100
"""Characters up to which `pretty` leaves an expression on one line."""

_INDENT = "  "
_GROUPS = {Cardinality.MANY_TO_ONE: "group_left", Cardinality.ONE_TO_MANY: "group_right"}
_NAMED = {DurationOp.MIN: "min_of", DurationOp.MAX: "max_of"}
_BARE = {DurationOp.STEP: "step()", DurationOp.RANGE: "range()"}


def to_text(expr: Expr) -> str:
    """The query on one line; parsing it gives an equal tree but for the order of matchers."""
    match expr:
        case NumberLiteral():
            return _number(expr)
        case StringLiteral():
            return quote(expr.value)
        case VectorSelector() | MatrixSelector() | Subquery():
            return _timed(expr)
        case Call():
            return f"{expr.func}({', '.join(to_text(arg) for arg in expr.args)})"
        case Aggregate():
            param = f"{to_text(expr.param)}, " if expr.param is not None else ""
            return f"{_aggregation(expr)}({param}{to_text(expr.expr)})"
        case Binary():
            return f"{to_text(expr.left)} {_operator(expr)} {to_text(expr.right)}"
        case Unary():
            return expr.op + to_text(expr.expr)
        case Paren():
            return f"({to_text(expr.expr)})"
        case _:
            assert_never(expr)


def pretty(expr: Expr, level: int = 0) -> str:
    """The query in lines of up to MAX_LINE characters where it can be broken."""
    pad = _INDENT * level
    text = to_text(expr)
    if isinstance(expr, Unary):
        return f"{pad}{expr.op}{pretty(expr.expr, level).strip()}"
    if len(text.encode("utf-8", "surrogateescape")) <= MAX_LINE:
        # Prometheus forgets the indentation of subqueries that fit; kept for equal answers.
        return text if isinstance(expr, Subquery) else pad + text
    match expr:
        case Aggregate():
            args = [expr.expr] if expr.param is None else [expr.param, expr.expr]
            return f"{pad}{_aggregation(expr)}(\n{_lines(args, level)}\n{pad})"
        case Call() if expr.args:
            return f"{pad}{expr.func}(\n{_lines(expr.args, level)}\n{pad})"
        case Binary():
            left, right = pretty(expr.left, level + 1), pretty(expr.right, level + 1)
            return f"{left}\n{pad}{_operator(expr)}\n{right}"
        case Paren():
            return f"{pad}(\n{pretty(expr.expr, level + 1)}\n{pad})"
        case Subquery():
            return pretty(expr.expr, level) + _subquery(expr)
    return pad + text


def duration(value: Duration) -> str:
    """A duration as it stands in brackets or behind `offset`."""
    if isinstance(value, int):
        return f"-{format_duration(-value)}" if value < 0 else format_duration(value)
    if isinstance(value, NumberLiteral):
        return _number(value)
    text = _arithmetic(value)
    return f"({text})" if value.wrapped else text


def _arithmetic(expr: DurationExpr) -> str:
    if expr.op in _BARE:
        return _BARE[expr.op]
    right = duration(expr.right) if expr.right is not None else ""
    if expr.op is DurationOp.NEG:
        return f"-{right}"
    left = duration(expr.left) if expr.left is not None else ""
    if expr.op in _NAMED:
        return f"{_NAMED[expr.op]}({left}, {right})"
    return f"{left} {expr.op.value} {right}"


def _timed(expr: VectorSelector | MatrixSelector | Subquery) -> str:
    if isinstance(expr, Subquery):
        return to_text(expr.expr) + _subquery(expr)
    if isinstance(expr, VectorSelector):
        return _selector(expr) + _at(expr.at_ms, expr.at) + _extended(expr) + _offset(expr)
    inner = expr.selector
    span = f"[{duration(expr.range)}]"
    return _selector(inner) + span + _extended(inner) + _at(inner.at_ms, inner.at) + _offset(inner)


def _lines(args: Iterable[Expr], level: int) -> str:
    return ",\n".join(pretty(arg, level + 1) for arg in args)


def _number(expr: NumberLiteral) -> str:
    return duration(ms_of_seconds(expr.value)) if expr.is_duration else format_float(expr.value)


def _selector(expr: VectorSelector) -> str:
    shown = sorted(matcher_text(found) for found in expr.matchers if not _is_name(found, expr))
    return f"{expr.name}{{{','.join(shown)}}}" if shown or not expr.name else expr.name


def _is_name(matcher: Matcher, expr: VectorSelector) -> bool:
    equal = matcher.name == NAME and matcher.op is MatchOp.EQUAL
    return equal and matcher.value == expr.name != ""


def matcher_text(matcher: Matcher) -> str:
    """`label="value"`, the label in quotes if it needs them."""
    name = matcher.name if is_plain_label_name(matcher.name) else quote(matcher.name)
    return f"{name}{matcher.op.value}{quote(matcher.value)}"


def _at(at_ms: int | None, at: AtModifier | None) -> str:
    if at_ms is not None:
        return f" @ {at_ms / 1000:.3f}"
    return f" @ {at.value}()" if at else ""


def _offset(expr: VectorSelector | Subquery) -> str:
    return f" offset {duration(expr.offset)}" if expr.offset != 0 else ""


def _extended(expr: VectorSelector) -> str:
    if expr.anchored:
        return " anchored"
    return " smoothed" if expr.smoothed else ""


def _subquery(expr: Subquery) -> str:
    step = "" if expr.step is None else duration(expr.step)
    return f"[{duration(expr.range)}:{step}]{_at(expr.at_ms, expr.at)}{_offset(expr)}"


def _aggregation(expr: Aggregate) -> str:
    if not expr.without and not expr.grouping:
        return expr.op
    return f"{expr.op} {'without' if expr.without else 'by'} ({_labels(expr.grouping)}) "


def _labels(names: Iterable[str]) -> str:
    return ", ".join(name if is_plain_label_name(name) else quote(name) for name in names)


def _operator(expr: Binary) -> str:
    words = [expr.op]
    if expr.return_bool:
        words.append("bool")
    if expr.matching is not None:
        words += _matching(expr.matching)
    return " ".join(words)


def _matching(matching: VectorMatching) -> Iterable[str]:
    group = _GROUPS.get(matching.cardinality)
    if matching.labels or matching.on or group:
        yield f"{'on' if matching.on else 'ignoring'} ({_labels(matching.labels)})"
    if group:
        yield f"{group} ({_labels(matching.include)})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and right is not None and format_float(left) == format_float(right):
        yield f"fill ({format_float(left)})"
        return
    if left is not None:
        yield f"fill_left ({format_float(left)})"
    if right is not None:
        yield f"fill_right ({format_float(right)})"
