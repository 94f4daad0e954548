"""What is allowed in a rule file, and yet probably not meant?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tocsin.alert.checking.bounds import always_true, never_true
from tocsin.alert.rules.rule_file import Rule, RuleGroup
from tocsin.model.labels import NAME, Labels, MatchOp, from_mapping
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.tree import walk

_CHOOSING = frozenset(("==", "!=", "<", "<=", ">", ">=", "and", "unless"))
_WRITTEN_HERE = frozenset(("ALERTS", "ALERTS_FOR_STATE"))


def advice(
    groups: Sequence[RuleGroup],
    is_known: Callable[[str], bool] | None,
    unrouted: Callable[[Labels], str] | None = None,
) -> Iterator[str]:
    """One line for each doubt, with its place. `is_known` tells whether a metric has samples, and
    `unrouted` why nobody hears of alerts with such labels; None when nobody can tell."""
    recorded = {rule.name for group in groups for rule in group.rules if not rule.is_alert}
    seen: set[tuple[bool, str, object, str]] = set()
    for group in groups:
        for rule in group.rules:
            key = (*rule.key, rule.expr)
            if key in seen:
                yield f"{rule.place}: {rule.name} stands here a second time, labels and all"
            seen.add(key)
            yield from _doubts(rule)
            if unrouted is not None and rule.is_alert:
                why = unrouted(from_mapping({**dict(rule.labels), "alertname": rule.name}))
                if why:
                    yield f"{rule.place}: {rule.name}: nobody hears of it: {why}"
            for name in sorted(metrics_of(rule)):
                if is_known is None or name in recorded or name in _WRITTEN_HERE:
                    continue
                if not is_known(name):
                    yield f"{rule.place}: {rule.name}: no series of {name} is there: it cannot fire"


def metrics_of(rule: Rule) -> set[str]:
    """The metrics that a rule names."""
    return {
        matcher.value
        for node in walk(parse(rule.expr))
        if isinstance(node, ast.VectorSelector)
        for matcher in node.matchers
        if matcher.name == NAME and matcher.op is MatchOp.EQUAL
    }


def _doubts(rule: Rule) -> Iterator[str]:
    if not rule.is_alert:
        return
    where = f"{rule.place}: {rule.name}:"
    if not rule.hold_ms:
        yield f"{where} no `for`: a single bad sample fires it"
    for words in rule.doubts:
        yield f"{where} {words}"
    parsed = parse(rule.expr)
    for words in dict.fromkeys((*never_true(parsed), *always_true(parsed))):
        yield f"{where} {words}"
    if rule.recover:
        for words in dict.fromkeys(never_true(parse(rule.recover))):
            yield f"{where} it never recovers: {words}"
    compares = any(isinstance(node, ast.Binary) and node.op in _CHOOSING for node in walk(parsed))
    absent = any(isinstance(node, ast.Call) and "absent" in node.func for node in walk(parsed))
    if not compares and not absent:
        yield f"{where} the expression compares nothing: it fires for every series that is there"
