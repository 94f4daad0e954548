"""What follows from what: if the database is down, who needs to hear that the API is?

Unlike inhibition this is transitive, and what is shown is the root cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.alert.routing.matchers import matcher_text, matches_all
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, Matcher, get

_MOST_CAUSES = 32


@dataclass(frozen=True, slots=True)
class Dependency:
    """While an alert of `when` fires, alerts of `suppress` with the same `equal` follow from it."""

    when: tuple[Matcher, ...]
    suppress: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""

    @property
    def words(self) -> str:
        """The dependency as people call it."""
        when = ",".join(matcher_text(one) for one in self.when)
        suppress = ",".join(matcher_text(one) for one in self.suppress)
        return self.name or f"{{{suppress}}} follows from {{{when}}}"

    def leads(self, cause: Labels, labels: Labels) -> bool:
        """Whether an alert of these labels follows from that one."""
        return (
            cause != labels
            and matches_all(self.suppress, labels)
            and matches_all(self.when, cause)
            and all(get(cause, name) == get(labels, name) for name in self.equal)
        )


@dataclass(frozen=True, slots=True)
class RootCause:
    """Why an alert is not told: `path` leads from it to the cause that nothing else causes."""

    cause: Alert
    path: tuple[Alert, ...]
    rule: Dependency
    """What leads to the alert itself."""


class Dependencies:
    """The alerts that are a cause of others, looked up by what must be equal."""

    def __init__(self, rules: Sequence[Dependency]) -> None:
        self._rules = tuple(rules)
        self._causes: list[dict[tuple[str, ...], dict[Labels, Alert]]] = [{} for _ in rules]

    def saw(self, alert: Alert) -> None:
        """An alert is new or changed."""
        for rule, causes in zip(self._rules, self._causes, strict=True):
            if matches_all(rule.when, alert.labels):
                causes.setdefault(_equal(rule, alert.labels), {})[alert.labels] = alert

    def forget(self, labels: Labels) -> None:
        """An alert is gone."""
        for rule, causes in zip(self._rules, self._causes, strict=True):
            key = _equal(rule, labels)
            found = causes.get(key)
            if found is not None and found.pop(labels, None) is not None and not found:
                del causes[key]

    def causes_of(self, labels: Labels, now_ms: int) -> tuple[Alert, ...]:
        """The firing alerts from which such a one follows, directly or not, the nearest first; at
        most 32."""
        if not self._rules:
            return ()
        found: dict[Labels, Alert] = {}
        waiting = [labels]
        while waiting and len(found) < _MOST_CAUSES:
            for cause in self._direct(waiting.pop(0), now_ms):
                if cause.labels not in found and cause.labels != labels:
                    found[cause.labels] = cause
                    waiting.append(cause.labels)
        return tuple(found.values())[:_MOST_CAUSES]

    def _direct(self, labels: Labels, now_ms: int) -> list[Alert]:
        found: list[Alert] = []
        for rule, causes in zip(self._rules, self._causes, strict=True):
            if causes and matches_all(rule.suppress, labels):
                near = causes.get(_equal(rule, labels), {}).values()
                found += [
                    cause
                    for cause in near
                    if cause.labels != labels and not cause.is_resolved(now_ms)
                ]
        return sorted(found, key=_age)


def root_cause(
    rules: Sequence[Dependency], alert: Alert, causes: Sequence[Alert], now_ms: int
) -> RootCause | None:
    """The cause, among these, behind an alert; None when it has none and is to be told itself.

    Of alerts that cause each other in a circle the oldest is the root: one of them is always told.
    """
    nodes = {one.labels: one for one in causes if not one.is_resolved(now_ms)}
    nodes[alert.labels] = alert
    direct = {
        one: [other for other in nodes if any(rule.leads(other, one) for rule in rules)]
        for one in nodes
    }
    above = {one: _reached(direct, one) for one in nodes}
    if not above[alert.labels]:
        return None
    candidates = [
        one
        for one in above[alert.labels]
        if all(one in above[other] for other in above[one] if other != one)
    ]
    root = min(candidates, key=lambda one: _age(nodes[one]))
    if root == alert.labels:
        return None
    path = _path(direct, alert.labels, root)
    rule = next(rule for rule in rules if rule.leads(path[0], alert.labels))
    return RootCause(nodes[root], tuple(nodes[one] for one in path), rule)


def _reached(direct: Mapping[Labels, Sequence[Labels]], start: Labels) -> set[Labels]:
    """Everything above a node; the node itself only when it lies on a circle."""
    found: set[Labels] = set()
    waiting = list(direct[start])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += direct[one]
    return found


def _path(
    direct: Mapping[Labels, Sequence[Labels]], start: Labels, end: Labels
) -> tuple[Labels, ...]:
    """The shortest way up, without the start."""
    came: dict[Labels, Labels] = {}
    waiting = [start]
    while waiting:
        one = waiting.pop(0)
        if one == end:
            break
        for other in direct[one]:
            if other not in came and other != start:
                came[other] = one
                waiting.append(other)
    found = [end]
    while came[found[-1]] != start:
        found.append(came[found[-1]])
    return tuple(reversed(found))


def _age(alert: Alert) -> tuple[int, Labels]:
    return alert.starts_ms, alert.labels


def _equal(rule: Dependency, labels: Labels) -> tuple[str, ...]:
    return tuple(get(labels, name) for name in rule.equal)
