"""Which numbers stand for durations, `start()` and `end()`? Known once the query's times are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tocsin.query.promql import ast
from tocsin.query.promql.durations import ms_of_seconds
from tocsin.query.promql.faults import InvalidQuery


@dataclass(frozen=True, slots=True)
class Times:
    """The query's own range and step, in milliseconds."""

    start_ms: int
    end_ms: int
    step_ms: int


_OF_QUERY: dict[str, Callable[[Times], float]] = {
    "start": lambda times: times.start_ms / 1000,
    "end": lambda times: times.end_ms / 1000,
    "step": lambda times: times.step_ms / 1000,
    "range": lambda times: (times.end_ms - times.start_ms) / 1000,
}
"""Functions of the query's own times; they are numbers once those are known."""


def resolve(expr: ast.Expr, times: Times) -> ast.Expr:
    """The same tree with whole milliseconds for all durations and `at` times.

    Raises InvalidQuery when a duration expression divides by zero or is not positive where it
    must be.
    """
    match expr:
        case ast.VectorSelector():
            return _selector(expr, times)
        case ast.MatrixSelector():
            selector = _selector(expr.selector, times)
            return replace(expr, selector=selector, range=_positive(expr.range, times))
        case ast.Subquery():
            return replace(
                expr,
                expr=resolve(expr.expr, times),
                range=_positive(expr.range, times),
                step=None if expr.step is None else _positive(expr.step, times),
                offset=_milliseconds(expr.offset, times),
                at_ms=_at(expr.at_ms, expr.at, times),
                at=None,
            )
        case ast.Call() if expr.func in _OF_QUERY:
            return ast.NumberLiteral(_OF_QUERY[expr.func](times), pos=expr.pos)
        case ast.Call():
            return replace(expr, args=tuple(resolve(arg, times) for arg in expr.args))
        case ast.Aggregate():
            param = None if expr.param is None else resolve(expr.param, times)
            return replace(expr, expr=resolve(expr.expr, times), param=param)
        case ast.Binary():
            return replace(expr, left=resolve(expr.left, times), right=resolve(expr.right, times))
        case ast.Unary() | ast.Paren():
            return replace(expr, expr=resolve(expr.expr, times))
        case _:
            return expr


def whole(duration: ast.Duration) -> int:
    """A duration of a resolved tree."""
    if not isinstance(duration, int):
        raise TypeError(f"{duration} was not resolved")
    return duration


def _selector(node: ast.VectorSelector, times: Times) -> ast.VectorSelector:
    if isinstance(node.offset, int) and node.at is None:
        return node
    offset = _milliseconds(node.offset, times)
    return replace(node, offset=offset, at_ms=_at(node.at_ms, node.at, times), at=None)


def _at(at_ms: int | None, at: ast.AtModifier | None, times: Times) -> int | None:
    if at is None:
        return at_ms
    return times.start_ms if at is ast.AtModifier.START else times.end_ms


def _positive(duration: ast.Duration, times: Times) -> int:
    value = _milliseconds(duration, times)
    if value <= 0 and not isinstance(duration, int):
        raise InvalidQuery("duration must be greater than 0")
    return value


def _milliseconds(duration: ast.Duration, times: Times) -> int:
    if isinstance(duration, int):
        return duration
    seconds = _seconds(duration, times)
    if not math.isfinite(seconds) or abs(seconds) > 1 << 53:
        raise InvalidQuery("duration is out of range")
    return ms_of_seconds(seconds)


def _seconds(duration: ast.Duration | None, times: Times) -> float:
    if duration is None:
        return 0.0
    if isinstance(duration, int):
        return duration / 1000
    if isinstance(duration, ast.NumberLiteral):
        return duration.value
    left, right = _seconds(duration.left, times), _seconds(duration.right, times)
    return _computed(duration.op, left, right, times)


def _computed(  # noqa: C901 - one line per operator
    op: ast.DurationOp, left: float, right: float, times: Times
) -> float:
    match op:
        case ast.DurationOp.ADD:
            return left + right
        case ast.DurationOp.SUB:
            return left - right
        case ast.DurationOp.MUL:
            return left * right
        case ast.DurationOp.DIV:
            if right == 0:
                raise InvalidQuery("division by zero")
            return left / right
        case ast.DurationOp.MOD:
            if right == 0:
                raise InvalidQuery("modulo by zero")
            return math.fmod(left, right)
        case ast.DurationOp.POW:
            return _power(left, right)
        case ast.DurationOp.NEG:
            return -right
        case ast.DurationOp.STEP:
            return times.step_ms / 1000
        case ast.DurationOp.RANGE:
            return (times.end_ms - times.start_ms) / 1000
        case ast.DurationOp.MIN:
            return min(left, right)
        case ast.DurationOp.MAX:
            return max(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except (OverflowError, ValueError) as error:
        raise InvalidQuery("duration is out of range") from error
