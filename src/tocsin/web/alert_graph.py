"""Which query draws what an alert judges, and where does it begin to be bad?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tocsin.alert.plain.narrow import narrowed
from tocsin.alert.rules.doubt import data_of
from tocsin.alert.rules.units import dimension_of, in_unit
from tocsin.alert.trying.proposal import Subject, number_of, subject_of
from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.quoting import quote
from tocsin.query.promql.tree import unwrap, walk

_NO_LABEL = '"__name__", ""'
_RENAMING = frozenset(("label_replace", "label_join", "absent", "absent_over_time", "info"))


@dataclass(frozen=True, slots=True)
class Graph:
    """What `tc-chart` draws: a query, and lines as its `thresholds` takes them."""

    query: str
    thresholds: str = ""
    is_compared: bool = False
    """Whether the query is the value that a number is compared with."""
    unit: str = ""
    """As `tc-chart` takes it; empty: it guesses."""


def graph_of(expr: str, recover: str = "", source: Labels = (), *, spoken_unit: str = "") -> Graph:
    """The graph of a rule's expression, as read by `parse`; of the one series with the labels
    `source` when they are given. Of conditions that must hold together the first is drawn. Its
    axis is in the unit in which the rule's author speaks."""
    compared = comparison(_first(expr))
    if compared is None:
        return Graph(of_series(data_of(expr) or expr, source))
    lines = [_line(compared.op, compared.threshold, "critical", "", spoken_unit)]
    back = comparison(recover) if recover else None
    if back is not None:
        lines.append(_line(back.op, back.threshold, "ok", "recovers ", spoken_unit))
    return Graph(
        of_series(compared.query, source),
        "; ".join(one for one in lines if one),
        is_compared=True,
        unit=dimension_of(spoken_unit),
    )


def _first(expr: str) -> str:
    node = unwrap(parse(expr))
    while isinstance(node, ast.Binary) and node.op == "and":
        node = unwrap(node.left)
        expr = to_text(node)
    return expr


def comparison(expr: str) -> Subject | None:
    """What is compared with a number, for equality too; None for another form."""
    found = subject_of(expr)
    if found is not None:
        return found
    node = unwrap(parse(expr))
    if not isinstance(node, ast.Binary) or node.op not in ("==", "!=") or node.return_bool:
        return None
    left, right = number_of(node.left), number_of(node.right)
    if (left is None) == (right is None):
        return None
    if right is not None:
        return Subject(to_text(node.left), node.op, right)
    return Subject(to_text(node.right), node.op, left if left is not None else math.nan)


def _line(op: str, at: float, state: str, words: str, unit: str) -> str:
    """A line at that value, with words in the unit in which the rule's author speaks."""
    if not math.isfinite(at):
        return ""
    space = "" if unit in ("", "%") else " "
    return f"{at!r} {state} {words}{op} {in_unit(at, unit):g}{space}{unit}"


def of_series(query: str, source: Labels) -> str:
    """The query for the series with these labels alone."""
    if not source:
        return query
    parsed = parse(query)
    if _keeps_labels(parsed):
        matchers = tuple(Matcher(name, MatchOp.EQUAL, value) for name, value in source)
        return to_text(narrowed(parsed, matchers))
    wanted = "vector(1)"
    for name, value in source:
        wanted = f"label_replace({wanted}, {quote(name)}, {quote(_literal(value))}, {_NO_LABEL})"
    names = ", ".join(name if _is_plain(name) else quote(name) for name, _ in source)
    return to_text(parse(f"({query}) and on ({names}) {wanted}"))


def _literal(value: str) -> str:
    """A replacement that means itself."""
    return value.replace("$", "$$")


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()


def _keeps_labels(parsed: ast.Expr) -> bool:
    """Whether a condition on a label of the result may be put on every selector."""
    selectors = 0
    for node in walk(parsed):
        match node:
            case ast.VectorSelector():
                selectors += 1
            case ast.Call() if node.func in _RENAMING:
                return False
            case ast.Aggregate() if node.op == "count_values":
                return False
            case ast.Binary(matching=matching) if matching is not None and (
                matching.on or matching.labels or matching.include
            ):
                return False
            case _:
                pass
    return selectors > 0
