"""How are the parts of a question put together, whatever table it is asked of?"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.query.logs.ast import (
    All,
    AtLeast,
    Compare,
    Everything,
    Field,
    Leaf,
    Not,
    Query,
    Range,
    Some,
)

SIGNS = {
    Compare.GREATER: ">",
    Compare.AT_LEAST: ">=",
    Compare.LESS: "<",
    Compare.AT_MOST: "<=",
}
"""Comparisons by size, in SQL."""


def joined(query: Query, leaf: Callable[[Leaf], str]) -> str:
    """A condition in SQL, true or false for each row; `leaf` writes what has no parts."""
    match query:
        case Everything():
            return "1"
        case Not(part):
            return f"NOT ({joined(part, leaf)})"
        case All(parts) | Some(parts):
            word = " AND " if isinstance(query, All) else " OR "
            return "(" + word.join(joined(part, leaf) for part in parts) + ")"
        case AtLeast(count, parts):
            return f"({' + '.join(f'({joined(part, leaf)})' for part in parts)} >= {count})"
    return leaf(query)


def ends_of(asked: Range) -> list[Field]:
    """What a range demands of its field at each end that is not open."""
    ends = []
    if asked.low != "*":
        compare = Compare.AT_LEAST if asked.with_low else Compare.GREATER
        ends.append(Field(asked.field, compare, asked.low))
    if asked.high != "*":
        compare = Compare.AT_MOST if asked.with_high else Compare.LESS
        ends.append(Field(asked.field, compare, asked.high))
    return ends
