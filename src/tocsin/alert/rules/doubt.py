"""Can anybody tell whether something is wrong? What a rule does when its data or answer is missing.

A scrape that broke leaves an expression without series: that is not the service being well, nor
being broken. So the expression without its comparisons is asked too, and what it finds is data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from tocsin.alert.rules.rule_file import Rule, Unknown
from tocsin.alert.rules.state import Active, Held, Keep, Phase
from tocsin.model.labels import NAME, Labels, from_mapping
from tocsin.query.promql import ast
from tocsin.query.promql.check import type_of
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text

LEAST_HOLD_MS = 120_000
"""How long data or an answer must be missing before an alert says so, at the least: a restart of
what is watched is not worth a page."""

GONE_MS = 3_600_000
"""How long an alert goes on whose own series is missing while others of its rule are there: what
does not come back within that time was taken away."""

_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_QUESTIONS = {"logs": "q", "logql": "query"}
"""Selectors that count lines, and the label that holds their question."""
_WITHOUT_DATA = frozenset(("absent", "absent_over_time", "vector", "time", "pi"))


def is_watched(rule: Rule) -> bool:
    """Whether the rule's data is asked for beside the rule itself."""
    return bool(rule.recover or rule.written or rule.no_data is not Unknown.OK)


def data_of(text: str) -> str:
    """An expression that has a series for each one that `text` judges; empty when there is none,
    as for `absent(x)`. Its values are those that are compared, where that is one number."""
    found = _data(parse(text))
    return "" if found is None else to_text(found)


def _data(expr: ast.Expr) -> ast.Expr | None:
    match expr:
        case ast.Binary():
            return _data_of_binary(expr)
        case ast.Call() if expr.func in _WITHOUT_DATA:
            return None
        case ast.Call():
            args = [_inner(one) for one in expr.args]
            return None if None in args else replace(expr, args=tuple(a for a in args if a))
        case ast.Aggregate() | ast.Paren() | ast.Unary():
            below = _data(expr.expr)
            return None if below is None else replace(expr, expr=below)
        case ast.NumberLiteral() | ast.StringLiteral():
            return None
        case ast.VectorSelector() if _counts_lines(expr):
            return None
        case _:
            return expr


def _counts_lines(expr: ast.VectorSelector) -> bool:
    """Whether it is `logs{q=…}` or `logql{query=…}`: where nothing is counted, nothing was said,
    which is no missing data."""
    names = {one.name: one.value for one in expr.matchers}
    return _QUESTIONS.get(names.get(NAME, ""), NAME) in names.keys() - {NAME}


def _inner(expr: ast.Expr) -> ast.Expr | None:
    """As `_data`, of a function's argument, where numbers and texts are welcome."""
    return expr if _is_constant(expr) else _data(expr)


def _data_of_binary(expr: ast.Binary) -> ast.Expr | None:
    is_choice = expr.op in _COMPARISONS and not expr.return_bool
    left, right = _inner(expr.left), _inner(expr.right)
    match expr.op:
        case "unless":
            return left
        case "or":
            return None if left is None or right is None else replace(expr, left=left, right=right)
        case "and" if left is None or right is None:
            return left or right
    if left is None or right is None:
        return None
    if is_choice and _is_constant(right):
        return left
    if is_choice and _is_constant(left):
        return right
    return replace(expr, left=left, right=right, return_bool=is_choice or expr.return_bool)


def _is_constant(expr: ast.Expr) -> bool:
    return type_of(expr) in (ast.ValueType.SCALAR, ast.ValueType.STRING)


class Doubt:
    """What one rule does about missing data and failing evaluation; pure but for `had_data`."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.query = data_of(rule.expr) if rule.is_alert and is_watched(rule) else ""
        self.had_data: bool | None = None
        """Whether there was data before; None until that was found out."""
        self.is_missing = False
        own = {name: text for name, text in rule.labels if "{{" not in text}
        self._named = frozenset((NAME, "alertname", *(name for name, _ in rule.labels)))
        self._says = {
            why: from_mapping({**own, "alertname": rule.name, "state": why})
            for why in ("no_data", "error")
        }

    def source(self, labels: Labels) -> Labels:
        """What of an alert's labels comes from its series."""
        return tuple(pair for pair in labels if pair[0] not in self._named)

    def alert(self, why: str) -> Labels:
        """The labels of the rule's own alert: `why` is "no_data" or "error"."""
        return self._says[why]

    def saw(self, data: Collection[Labels], *, earlier: bool = False) -> None:
        """Note what the data query found; `earlier` is that of a time before Tocsin's start."""
        if data:
            self.had_data = True
        elif self.had_data is None and earlier:
            self.had_data = False
        if not earlier:
            self.is_missing = bool(self.query) and not data and self.had_data is True

    def in_question(self, active: Iterable[Active], found: Collection[Labels]) -> list[Active]:
        """Firing alerts that were not found now: are they over?"""
        own = set(self._says.values())
        return [
            one
            for one in active
            if one.phase is Phase.FIRING and one.labels not in found and one.labels not in own
        ]

    def keep(
        self, one: Active, data: Mapping[Labels, float], recovered: Collection[Labels], now_ms: int
    ) -> Keep | None:
        """Whether such an alert goes on, and why; None when it is over."""
        source = self.source(one.labels)
        if self.query and source not in data:
            if self.rule.no_data is Unknown.OK:
                return None
            is_gone = one.held is Held.NO_DATA and now_ms - one.held_since_ms >= GONE_MS
            return None if data and is_gone else Keep(Held.NO_DATA)
        if self.rule.recover and source not in recovered:
            return Keep(Held.NOT_RECOVERED, data.get(source))
        return None

    def words(self, why: str, error: str = "") -> tuple[tuple[str, str], ...]:
        """What the rule's own alert says."""
        rule = self.rule
        if why == "no_data":
            summary = f"{rule.name}: no data"
            said = f"`{rule.written or rule.expr}` has no series any more"
        else:
            summary = f"{rule.name}: cannot be evaluated"
            said = f"`{rule.written or rule.expr}` fails: {error}"
        runbook = dict(rule.annotations).get("runbook_url", "")
        link = (("runbook_url", runbook),) if runbook and "{{" not in runbook else ()
        tail = "; whether something is wrong cannot be told."
        return (("description", f"{said}{tail}"), *link, ("summary", summary))
