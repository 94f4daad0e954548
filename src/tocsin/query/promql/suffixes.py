"""What may follow a selector or any expression: a range, a subquery, `offset`, `@`, `anchored`?"""

from __future__ import annotations

import math
from dataclasses import replace

from tocsin.query.promql import duration_expr
from tocsin.query.promql.ast import (
    AtModifier,
    Duration,
    Expr,
    MatrixSelector,
    Pos,
    Subquery,
    VectorSelector,
)
from tocsin.query.promql.cursor import Cursor
from tocsin.query.promql.tokens import Kind

_ANY_DURATION = "number, duration, step(), or range()"
_ANY_STEP = 'number, duration, step(), range(), or "]"'
_WHAT_TAKES_TIME = "an instant vector selector or range vector selector or a subquery"

SUFFIXES = frozenset({Kind.LEFT_BRACKET, Kind.OFFSET, Kind.AT, Kind.ANCHORED, Kind.SMOOTHED})


def suffix(cursor: Cursor, expr: Expr) -> Expr:
    """The expression with the suffix that the cursor sees."""
    match cursor.peek().kind:
        case Kind.LEFT_BRACKET:
            return _brackets(cursor, expr)
        case Kind.OFFSET:
            return _offset(cursor, expr)
        case Kind.AT:
            return _at(cursor, expr)
    return _extended(cursor, expr)


def _brackets(cursor: Cursor, expr: Expr) -> Expr:
    opening = cursor.take()
    with cursor.within("subquery or range selector", _ANY_DURATION):
        range_ = duration_expr.in_brackets(cursor)
        if cursor.sees(Kind.RIGHT_BRACKET):
            return _matrix(cursor, expr, range_, opening.start)
        cursor.expect(Kind.COLON, "subquery or range", '":" or "]"')
    step: Duration | None = None
    if not cursor.sees(Kind.RIGHT_BRACKET):
        with cursor.within("subquery selector", _ANY_STEP):
            step = duration_expr.in_brackets(cursor)
    end = cursor.expect(Kind.RIGHT_BRACKET, "subquery selector", '"]"').end
    return Subquery(expr, range_, step, pos=Pos(expr.pos.start, end))


def _matrix(cursor: Cursor, expr: Expr, range_: Duration, opening: int) -> MatrixSelector:
    end = cursor.take().end
    if not isinstance(expr, VectorSelector):
        raise cursor.error("ranges only allowed for vector selectors", opening, end)
    if expr.offset != 0:
        raise cursor.error("no offset modifiers allowed before range", opening, end)
    if expr.at_ms is not None or expr.at is not None:
        raise cursor.error("no @ modifiers allowed before range", opening, end)
    return MatrixSelector(expr, range_, pos=Pos(expr.pos.start, end))


def _offset(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    with cursor.within("offset", _ANY_DURATION):
        offset = duration_expr.of_offset(cursor)
    pos = Pos(expr.pos.start, cursor.last_end)
    timed = _timed(expr)
    if timed is None:
        reason = f"offset modifier must be preceded by {_WHAT_TAKES_TIME}"
        raise cursor.error(reason, expr.pos.start, expr.pos.end)
    if timed.offset != 0:
        reason = "offset may not be set multiple times"
        raise cursor.error(reason, expr.pos.start, expr.pos.end)
    if isinstance(expr, MatrixSelector):
        return replace(expr, selector=replace(expr.selector, offset=offset), pos=pos)
    return replace(timed, offset=offset, pos=pos)


def _at(cursor: Cursor, expr: Expr) -> Expr:
    cursor.take()
    at_ms: int | None = None
    at: AtModifier | None = None
    with cursor.within("@", "timestamp"):
        if cursor.sees(Kind.START, Kind.END):
            at = AtModifier(cursor.take().kind.value)
            cursor.expect(Kind.LEFT_PAREN)
            cursor.expect(Kind.RIGHT_PAREN)
        else:
            at_ms = _timestamp(cursor, expr)
    pos = Pos(expr.pos.start, cursor.last_end)
    timed = _timed(expr)
    if timed is None:
        reason = f"@ modifier must be preceded by {_WHAT_TAKES_TIME}"
        raise cursor.error(reason, expr.pos.start, expr.pos.end)
    if timed.at_ms is not None or timed.at is not None:
        reason = "@ <timestamp> may not be set multiple times"
        raise cursor.error(reason, expr.pos.start, expr.pos.end)
    if isinstance(expr, MatrixSelector):
        return replace(expr, selector=replace(expr.selector, at_ms=at_ms, at=at), pos=pos)
    return replace(timed, at_ms=at_ms, at=at, pos=pos)


def _timestamp(cursor: Cursor, expr: Expr) -> int:
    negative = cursor.sees(Kind.SUB)
    if cursor.sees(Kind.ADD, Kind.SUB):
        cursor.take()
    if not cursor.sees(Kind.NUMBER, Kind.DURATION):
        raise cursor.unexpected()
    seconds = duration_expr.number(cursor).value
    if negative:
        seconds = -seconds
    if not -(2.0**63) < seconds < 2.0**63:
        reason = f"timestamp out of bounds for @ modifier: {_in_go(seconds)}"
        raise cursor.error(reason, expr.pos.start, expr.pos.end)
    # Half a millisecond goes away from zero, as Go's math.Round has it.
    return int(math.copysign(math.floor(abs(seconds) * 1000 + 0.5), seconds))


def _in_go(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return f"{value:+.0f}".replace("inf", "Inf") if math.isinf(value) else f"{value:f}"


def _timed(expr: Expr) -> VectorSelector | Subquery | None:
    """What holds the expression's offset and @; None when it cannot have any."""
    if isinstance(expr, MatrixSelector):
        return expr.selector
    return expr if isinstance(expr, VectorSelector | Subquery) else None


def _extended(cursor: Cursor, expr: Expr) -> Expr:
    token = cursor.take()
    word = token.kind.value
    where = expr.pos.start, expr.pos.end
    if not cursor.experimental:
        raise cursor.error(f"{word} modifier is experimental and not enabled", *where)
    if isinstance(expr, Subquery):
        raise cursor.error(f"{word} modifier is not supported for subqueries", *where)
    if not isinstance(expr, VectorSelector | MatrixSelector):
        raise cursor.error(f"{word} modifier not implemented", *where)
    selector = expr.selector if isinstance(expr, MatrixSelector) else expr
    anchored = selector.anchored or token.kind is Kind.ANCHORED
    smoothed = selector.smoothed or token.kind is Kind.SMOOTHED
    if anchored and smoothed:
        raise cursor.error("anchored and smoothed modifiers cannot be used together", *where)
    pos = Pos(expr.pos.start, token.end)
    if isinstance(expr, MatrixSelector):
        selector = replace(selector, anchored=anchored, smoothed=smoothed)
        return replace(expr, selector=selector, pos=pos)
    return replace(selector, anchored=anchored, smoothed=smoothed, pos=pos)
