"""What is allowed in a rule file, and yet probably not meant?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tocsin.alert.checking.bounds import always_true, never_true
from tocsin.alert.checking.metrics import missing
from tocsin.alert.checking.patience import is_calm, recovery_doubt
from tocsin.alert.rules.rule_file import Rule, RuleGroup
from tocsin.model.labels import Labels, from_mapping
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.tree import walk

_CHOOSING = frozenset(("==", "!=", "<", "<=", ">", ">=", "and", "unless"))


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
            if is_known is not None:
                words = missing(rule, lambda name: name in recorded or is_known(name))
                if words:
                    yield f"{rule.place}: {rule.name}: {words}"


def _doubts(rule: Rule) -> Iterator[str]:
    if not rule.is_alert:
        return
    where = f"{rule.place}: {rule.name}:"
    parsed = parse(rule.expr)
    if not rule.hold_ms and not is_calm(parsed):
        word = "duration" if rule.written else "for"
        yield f"{where} no `{word}`: a single bad sample fires it"
    for words in rule.doubts:
        yield f"{where} {words}"
    for verdict in dict.fromkeys((*never_true(parsed), *always_true(parsed))):
        yield f"{where} {verdict.of(rule.written) if rule.written else verdict.words}"
    if rule.recover:
        recover = parse(rule.recover)
        for verdict in dict.fromkeys(never_true(recover)):
            said = verdict.of("recover") if rule.written else verdict.words
            yield f"{where} it never recovers: {said}"
        if words := recovery_doubt(parsed, recover):
            yield f"{where} {words}"
    compares = any(isinstance(node, ast.Binary) and node.op in _CHOOSING for node in walk(parsed))
    absent = any(isinstance(node, ast.Call) and "absent" in node.func for node in walk(parsed))
    if not compares and not absent:
        yield f"{where} the expression compares nothing: it fires for every series that is there"
