"""Which alerts are held back because a more important one fires?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tocsin.alert.routing.matchers import matcher_text, matches_all
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, Matcher, get


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets that have the same values in `equal` are held back."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The rule on one line, as people write matchers."""
        source = ",".join(matcher_text(one) for one in self.source)
        target = ",".join(matcher_text(one) for one in self.target)
        same = f" with the same {', '.join(self.equal)}" if self.equal else ""
        return f"{{{source}}} holds back {{{target}}}{same}"


def holding_rule(
    rules: Sequence[InhibitRule], labels: Labels, source: Alert, now_ms: int
) -> InhibitRule | None:
    """The first rule by which that alert holds back one of these labels; None when none does."""
    if source.is_resolved(now_ms):
        return None
    for rule in rules:
        is_pair = matches_all(rule.source, source.labels) and matches_all(rule.target, labels)
        if is_pair and _equal(rule, labels) == _equal(rule, source.labels):
            is_both = matches_all(rule.source, labels)
            if not (is_both and matches_all(rule.target, source.labels)):
                return rule
    return None


def inhibited(
    rules: Sequence[InhibitRule], labels: Labels, sources: Iterable[Alert], now_ms: int
) -> tuple[Alert, InhibitRule] | None:
    """Which of the sources holds such an alert back, by which rule; None when none does."""
    for source in sources:
        rule = holding_rule(rules, labels, source, now_ms)
        if rule is not None:
            return source, rule
    return None


class Inhibitor:
    """The firing sources of every rule, looked up by what must be equal."""

    def __init__(self, rules: Sequence[InhibitRule]) -> None:
        self._rules = tuple(rules)
        self._sources: list[dict[tuple[str, ...], dict[Labels, Alert]]] = [{} for _ in rules]

    def saw(self, alert: Alert) -> None:
        """An alert is new or changed."""
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if matches_all(rule.source, alert.labels):
                sources.setdefault(_equal(rule, alert.labels), {})[alert.labels] = alert

    def forget(self, labels: Labels) -> None:
        """An alert is gone."""
        for rule, sources in zip(self._rules, self._sources, strict=True):
            key = _equal(rule, labels)
            found = sources.get(key)
            if found is not None and found.pop(labels, None) is not None and not found:
                del sources[key]

    def inhibited_by(self, labels: Labels, now_ms: int) -> Alert | None:
        """The firing alert that holds this one back, None when there is none.

        An alert that is both source and target of a rule is not held back by another such one.
        """
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if not sources or not matches_all(rule.target, labels):
                continue
            is_both = matches_all(rule.source, labels)
            for source in sources.get(_equal(rule, labels), {}).values():
                if source.is_resolved(now_ms):
                    continue
                if is_both and matches_all(rule.target, source.labels):
                    continue
                return source
        return None


def _equal(rule: InhibitRule, labels: Labels) -> tuple[str, ...]:
    return tuple(get(labels, name) for name in rule.equal)
