"""Which selectors does an expression have?"""

from __future__ import annotations

from tocsin.query.promql.ast import Expr, VectorSelector
from tocsin.query.promql.tree import walk


def selectors_of(expr: Expr) -> list[VectorSelector]:
    """All selectors in the order in which they were written."""
    return [found for found in walk(expr) if isinstance(found, VectorSelector)]
