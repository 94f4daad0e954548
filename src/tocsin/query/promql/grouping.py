"""What stands between an operator and its right side, or behind the word of an aggregation?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tocsin.query.promql.ast import Cardinality, VectorMatching
from tocsin.query.promql.cursor import Cursor
from tocsin.query.promql.duration_expr import number
from tocsin.query.promql.quoting import is_valid_label_name, quote, unquote
from tocsin.query.promql.tokens import FILLS, LABEL_NAMES, Kind

_CONTEXT = "grouping opts"


@dataclass(frozen=True, slots=True)
class Modifiers:
    """`bool on (…) group_left (…) fill (…)`, as written."""

    return_bool: bool
    matching: VectorMatching


def labels(cursor: Cursor) -> tuple[str, ...]:
    """`(a, "b.c",)`: the names in parentheses; a comma may trail."""
    cursor.expect(Kind.LEFT_PAREN, _CONTEXT, '"("')
    names: list[str] = []
    while not (cursor.sees(Kind.RIGHT_PAREN)):
        names.append(_label(cursor))
        if not cursor.sees(Kind.COMMA, Kind.RIGHT_PAREN):
            raise cursor.unexpected(_CONTEXT, '"," or ")"')
        if cursor.sees(Kind.COMMA):
            cursor.take()
    cursor.take()
    return tuple(names)


def _label(cursor: Cursor) -> str:
    token = cursor.peek()
    if token.kind is not Kind.STRING and token.kind not in LABEL_NAMES:
        raise cursor.unexpected(_CONTEXT, "label")
    cursor.take()
    name = unquote(token.text) if token.kind is Kind.STRING else token.text
    if not is_valid_label_name(name):
        reason = f"invalid label name for grouping: {quote(name)}"
        raise cursor.error(reason, token.start, token.end)
    return name


def modifiers(cursor: Cursor) -> Modifiers:
    """What follows a binary operator."""
    return_bool = cursor.sees(Kind.BOOL)
    if return_bool:
        cursor.take()
    matching = VectorMatching()
    if cursor.sees(Kind.ON, Kind.IGNORING):
        on = cursor.take().kind is Kind.ON
        matching = replace(matching, on=on, labels=labels(cursor))
        if cursor.sees(Kind.GROUP_LEFT, Kind.GROUP_RIGHT):
            is_left = cursor.take().kind is Kind.GROUP_LEFT
            side = Cardinality.MANY_TO_ONE if is_left else Cardinality.ONE_TO_MANY
            include = labels(cursor) if cursor.sees(Kind.LEFT_PAREN) else ()
            matching = replace(matching, cardinality=side, include=include)
    if cursor.peek().kind in FILLS:
        matching = _fills(cursor, matching)
    return Modifiers(return_bool, matching)


def _fills(cursor: Cursor, matching: VectorMatching) -> VectorMatching:
    first = cursor.peek()
    if not cursor.experimental:
        reason = "binop fill modifiers are experimental and not enabled"
        raise cursor.error(reason, first.start, first.end)
    kind = cursor.take().kind
    value = _fill_value(cursor)
    if kind is Kind.FILL:
        return replace(matching, fill_left=value, fill_right=value)
    other = Kind.FILL_RIGHT if kind is Kind.FILL_LEFT else Kind.FILL_LEFT
    second = None
    if cursor.sees(other):
        cursor.take()
        second = _fill_value(cursor)
    left, right = (value, second) if kind is Kind.FILL_LEFT else (second, value)
    return replace(matching, fill_left=left, fill_right=right)


def _fill_value(cursor: Cursor) -> float:
    cursor.expect(Kind.LEFT_PAREN)
    negative = cursor.sees(Kind.SUB)
    if cursor.sees(Kind.ADD, Kind.SUB):
        cursor.take()
    if not cursor.sees(Kind.NUMBER, Kind.DURATION):
        raise cursor.unexpected()
    value = number(cursor).value
    cursor.expect(Kind.RIGHT_PAREN)
    return -value if negative and value == value else value
