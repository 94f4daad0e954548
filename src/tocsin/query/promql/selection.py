"""Which selectors does an expression have?"""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.query.promql.ast import Expr, VectorSelector
from tocsin.query.promql.tree import children


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it, parents first, in the order of writing."""
    waiting = [expr]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(list(children(found))))


def selectors_of(expr: Expr) -> list[VectorSelector]:
    """All selectors in the order in which they were written."""
    return [found for found in walk(expr) if isinstance(found, VectorSelector)]
