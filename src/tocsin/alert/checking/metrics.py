"""Which metrics does a rule read, and which must be there for it to find anything?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tocsin.alert.rules.rule_file import Rule
from tocsin.model.labels import NAME, MatchOp
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.tree import children, walk

_WRITTEN_HERE = frozenset(("ALERTS", "ALERTS_FOR_STATE", "logs", "logql"))
"""What Tocsin itself makes the samples of, whether there are any or not."""
_OF_ABSENCE = frozenset(("absent", "absent_over_time"))


def metrics_of(rule: Rule) -> set[str]:
    """The metrics that a rule names."""
    return {
        name
        for node in walk(parse(rule.expr))
        if isinstance(node, ast.VectorSelector) and (name := _name(node))
    }


def missing(rule: Rule, is_known: Callable[[str], bool]) -> str:
    """Words about the metrics of a rule that are not there, empty when there is nothing to say.

    What stands in for each other (`a or b`) need not all be there: of a condition over indicators,
    which looks for the metrics of several libraries, only that it finds none of them is told.
    """
    names, is_vain = wanted(rule, is_known)
    if not names:
        return ""
    shown = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    words = f"no series of {shown} is there"
    if not is_vain:
        return words
    return f"{words}: it cannot fire" if rule.is_alert else f"{words}: it records nothing"


def wanted(rule: Rule, is_known: Callable[[str], bool]) -> tuple[Sequence[str], bool]:
    """The metrics that are missing, as `missing` tells them, and whether the rule is in vain
    without them."""
    parsed = parse(rule.expr)
    lacking = _lacking(parsed, is_known)
    if lacking:
        return list(dict.fromkeys(lacking)), True
    if rule.written:
        return [], False
    return sorted(name for name in _read(parsed) if not is_known(name)), False


def _read(expr: ast.Expr) -> set[str]:
    """The metrics that others write, but for those of whose absence something is said."""
    if isinstance(expr, ast.Call) and expr.func in _OF_ABSENCE:
        return set()
    if isinstance(expr, ast.VectorSelector):
        return {_name(expr)} - {"", *_WRITTEN_HERE}
    return {name for below in children(expr) for name in _read(below)}


def _name(selector: ast.VectorSelector) -> str:
    """The metric's name, empty where a pattern chooses it."""
    equal = (m.value for m in selector.matchers if m.name == NAME and m.op is MatchOp.EQUAL)
    return next(equal, "")


def _lacking(expr: ast.Expr, is_known: Callable[[str], bool]) -> tuple[str, ...]:
    """The metrics for want of which it finds nothing, in their order; none when it may find
    something."""
    match expr:
        case ast.VectorSelector():
            name = _name(expr)
            is_there = not name or name in _WRITTEN_HERE or is_known(name)
            return () if is_there else (name,)
        case ast.Call(func=func) if func in _OF_ABSENCE:
            return ()
        case ast.Binary(op="or", left=left, right=right):
            one, other = _lacking(left, is_known), _lacking(right, is_known)
            return (*one, *other) if one and other else ()
        case ast.Binary(op="unless", left=left):
            return _lacking(left, is_known)
        case _:
            return tuple(name for below in children(expr) for name in _lacking(below, is_known))
