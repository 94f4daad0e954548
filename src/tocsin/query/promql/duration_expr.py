"""How is a duration written where one is expected: `5m`, `300`, `step() * 2`, `(1h / 2)`?"""

from __future__ import annotations

from dataclasses import replace

from tocsin.query.promql import numbers
from tocsin.query.promql.ast import Duration, DurationExpr, DurationOp, NumberLiteral, Pos
from tocsin.query.promql.cursor import Cursor
from tocsin.query.promql.durations import is_out_of_range, ms_of_seconds, parse_duration
from tocsin.query.promql.tokens import Kind

_OPERATIONS = {
    Kind.ADD: (1, DurationOp.ADD),
    Kind.SUB: (1, DurationOp.SUB),
    Kind.MUL: (2, DurationOp.MUL),
    Kind.DIV: (2, DurationOp.DIV),
    Kind.MOD: (2, DurationOp.MOD),
    Kind.POW: (3, DurationOp.POW),
}
_UNARY_LEVEL = 3
_CALLS = {
    Kind.STEP: DurationOp.STEP,
    Kind.RANGE: DurationOp.RANGE,
    Kind.MIN: DurationOp.MIN,
    Kind.MIN_OF: DurationOp.MIN,
    Kind.MAX: DurationOp.MAX,
    Kind.MAX_OF: DurationOp.MAX,
}
_ZERO = {Kind.DIV: "division by zero", Kind.MOD: "modulo by zero"}

_Value = NumberLiteral | DurationExpr


def number(cursor: Cursor) -> NumberLiteral:
    """A number or a duration as a number of seconds; the cursor sees one."""
    token = cursor.take()
    pos = Pos(token.start, token.end)
    with cursor.blaming(token.start, token.end):
        if token.kind is Kind.NUMBER:
            return NumberLiteral(numbers.value(token.text), pos=pos)
        return NumberLiteral(parse_duration(token.text) / 1000, is_duration=True, pos=pos)


def in_brackets(cursor: Cursor) -> Duration:
    """The duration of `[…]` or of a subquery's step: longer than nothing."""
    value = _expression(cursor, 0)
    if isinstance(value, NumberLiteral):
        if value.value <= 0:
            reason = "duration must be greater than 0"
            raise cursor.error(reason, value.pos.start, value.pos.end)
        return ms_of_seconds(value.value)
    return value


def of_offset(cursor: Cursor) -> Duration:
    """The duration behind `offset`.

    A bare literal, call or signed parenthesis ends it, so that `x offset 1m + 2` adds to the
    series; only after an unsigned parenthesis does arithmetic go on in the duration.
    """
    if cursor.sees(Kind.ADD, Kind.SUB):
        sign = cursor.take()
        value = _signed(cursor, sign.kind, sign.start, _primary(cursor))
    elif cursor.sees(Kind.LEFT_PAREN):
        value = _expression(cursor, 0)
    else:
        value = _primary(cursor)
    return ms_of_seconds(value.value) if isinstance(value, NumberLiteral) else value


def _expression(cursor: Cursor, lowest: int) -> _Value:
    with cursor.deeper():
        left = _unary(cursor)
        links = 0
        while (found := _OPERATIONS.get(cursor.peek().kind)) and found[0] >= lowest:
            level, operation = found
            _must_be_enabled(cursor, left)
            sign = cursor.take()
            links += 1
            cursor.check_depth(links)
            # Only the power groups to the right.
            right = _expression(cursor, level if operation is DurationOp.POW else level + 1)
            if sign.kind in _ZERO and isinstance(right, NumberLiteral) and right.value == 0:
                raise cursor.error(_ZERO[sign.kind], sign.start, sign.end)
            pos = Pos(left.pos.start, right.pos.end)
            left = DurationExpr(operation, left, right, pos=pos)
        return left


def _unary(cursor: Cursor) -> _Value:
    if not cursor.sees(Kind.ADD, Kind.SUB):
        return _primary(cursor)
    sign = cursor.take()
    return _signed(cursor, sign.kind, sign.start, _expression(cursor, _UNARY_LEVEL))


def _signed(cursor: Cursor, sign: Kind, start: int, value: _Value) -> _Value:
    pos = Pos(start, value.pos.end)
    if isinstance(value, NumberLiteral):
        seconds = -value.value if sign is Kind.SUB else value.value
        return replace(value, value=seconds, pos=pos)
    if sign is Kind.ADD:
        return value
    return DurationExpr(DurationOp.NEG, right=value, pos=pos)


def _primary(cursor: Cursor) -> _Value:
    token = cursor.peek()
    if token.kind in (Kind.NUMBER, Kind.DURATION):
        literal = number(cursor)
        if is_out_of_range(literal.value) or literal.value != literal.value:
            raise cursor.error("duration out of range", token.start, token.end)
        return literal
    if token.kind is Kind.LEFT_PAREN:
        return _parenthesis(cursor)
    if token.kind in _CALLS:
        return _call(cursor)
    raise cursor.unexpected()


def _parenthesis(cursor: Cursor) -> _Value:
    start = cursor.take().start
    value = _expression(cursor, 0)
    end = cursor.expect(Kind.RIGHT_PAREN).end
    _must_be_enabled(cursor, value)
    if isinstance(value, DurationExpr):
        return replace(value, wrapped=True, pos=Pos(start, end))
    return value


def _call(cursor: Cursor) -> DurationExpr:
    name = cursor.take()
    operation = _CALLS[name.kind]
    cursor.expect(Kind.LEFT_PAREN)
    left = right = None
    if operation in (DurationOp.MIN, DurationOp.MAX):
        left = _expression(cursor, 0)
        cursor.expect(Kind.COMMA)
        right = _expression(cursor, 0)
    end = cursor.expect(Kind.RIGHT_PAREN).end
    made = DurationExpr(operation, left, right, pos=Pos(name.start, end))
    _must_be_enabled(cursor, made)
    return made


def _must_be_enabled(cursor: Cursor, value: _Value) -> None:
    if not cursor.experimental:
        reason = "experimental duration expression is not enabled"
        raise cursor.error(reason, value.pos.start, value.pos.end)
