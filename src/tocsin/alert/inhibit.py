"""Which alerts are held back because a more important one fires?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.alert.matchers import matches_all
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, Matcher, get


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets that have the same values in `equal` are held back."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


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
