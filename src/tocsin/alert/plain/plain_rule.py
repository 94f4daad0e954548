"""What do the rules under `alerts` of `tocsin.yaml` say? Compiled to rules of the one engine.

They may stand as a list of `{name, condition, …}`, by their names, or, as some applications export
their configuration, below `alertRules` or `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from tocsin.alert.plain.condition import compiled, doubts_about
from tocsin.alert.plain.condition_tokens import ConditionError
from tocsin.alert.plain.indicators import Indicator
from tocsin.alert.plain.spoken_unit import unit_of
from tocsin.alert.rules import template
from tocsin.alert.rules.rule_file import EXTENSION, Rule, RuleFileError, RuleGroup, Unknown
from tocsin.kit.document import ConfigError, Document, Entries, Items
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode
from tocsin.model.labels import NAME

GROUP = "alerts"
_WRAPPERS = ("alertRules", "rules")
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"


class PlainRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: what must be wrong for how long, how bad that is, and what is said."""

    name: str = ""
    """The alert's name; needed in a list, else it is the key."""
    condition: str
    """A comparison of indicators, such as `error_rate > 5% and request_rate > 1/s`."""
    duration: Duration = Duration(0)
    """How long it must hold before the alert fires."""
    severity: str = ""
    """Becomes the label `severity`."""
    message: str = ""
    """Becomes the annotation `summary`; may be a template, as in Prometheus's rules."""
    runbook: str = ""
    """An address; becomes the annotation `runbook_url`."""
    recover: str = ""
    """A condition. An alert that fires goes on until this holds; without it, until `condition`
    no longer holds."""
    by: tuple[Annotated[str, msgspec.Meta(pattern=_LABEL)], ...] = ()
    """Labels, such as `service`: one alert for each of their values."""
    no_data: Unknown = Unknown.ALERT
    """What a condition without data means, where it had some: `alert` of its own, `keep` what
    fires, `ok`."""
    on_error: Unknown = Unknown.ALERT
    """What a condition that cannot be evaluated means: the same choices."""
    keep_firing_for: Duration = Duration(0)
    """How long an alert goes on after the condition no longer holds."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


def plain_rules(
    document: Document | None, indicators: Mapping[str, Indicator], interval_ms: int
) -> list[RuleGroup]:
    """The group of all plain rules, none without rules. Raises RuleFileError with every mistake."""
    if document is None:
        return []
    problems: list[ConfigError] = []
    rules: list[Rule] = []
    seen: set[tuple[object, ...]] = set()
    for name, part in _listed(document, problems):
        try:
            rule = _Reader(part, name, indicators).rule(problems)
        except ConfigError as error:
            problems.append(error)
            continue
        if (rule.key, rule.expr) in seen:
            problems.append(part.error(f"the rule {rule.name!r} stands here a second time"))
        seen.add((rule.key, rule.expr))
        rules.append(rule)
    if problems:
        raise RuleFileError(problems)
    if not rules:
        return []
    return [RuleGroup(GROUP, document.name, interval_ms, 0, 0, tuple(rules))]


def _listed(document: Document, problems: list[ConfigError]) -> Iterator[tuple[str, Document]]:
    """Each rule, with the key it stands under; empty in a list."""
    node = document.node
    if isinstance(node, Items):
        for number in range(len(node.nodes)):
            part = document.get(number)
            if part is not None:
                yield "", part
    elif isinstance(node, Entries):
        for name in node.nodes:
            part = document.get(name)
            if part is None:
                continue
            if name in _WRAPPERS and not _is_rule(part):
                yield from _listed(part, problems)
            else:
                yield name, part
    elif document.data is not None:
        problems.append(document.error("expected a list of rules, or rules by their names"))


def _is_rule(part: Document) -> bool:
    return isinstance(part.node, Entries) and "condition" in part.node.nodes


class _Reader:
    """One rule as it stands."""

    def __init__(self, part: Document, key: str, indicators: Mapping[str, Indicator]) -> None:
        self._part = part
        self._indicators = indicators
        self._entry = decode(part, PlainRule)
        self._name = self._entry.name or key

    def rule(self, problems: list[ConfigError]) -> Rule:
        """The rule; what is wrong with it is added to `problems`."""
        entry = self._entry
        if not self._name:
            problems.append(self._part.error("the rule has no name", "name"))
        labels = dict(entry.labels)
        if entry.severity:
            labels.setdefault("severity", entry.severity)
        annotations = dict(entry.annotations)
        for key, text in (("summary", entry.message), ("runbook_url", entry.runbook)):
            if text:
                annotations.setdefault(key, text)
        problems.extend(self._wrong_names(labels, annotations))
        problems.extend(self._wrong_templates(labels, annotations))
        return Rule(
            name=self._name,
            expr=self._compiled("condition", problems),
            labels=tuple(sorted(labels.items())),
            is_alert=True,
            hold_ms=entry.duration.ms,
            keep_firing_ms=entry.keep_firing_for.ms,
            annotations=tuple(sorted(annotations.items())),
            recover=self._compiled("recover", problems) if entry.recover else "",
            no_data=entry.no_data,
            on_error=entry.on_error,
            written=entry.condition,
            recover_written=entry.recover,
            unit=unit_of(entry.condition),
            doubts=self._doubts() if not problems else (),
            place=self._part.node.place,
        )

    def _compiled(self, key: str, problems: list[ConfigError]) -> str:
        text: str = getattr(self._entry, key)
        try:
            return compiled(text, self._indicators, self._entry.by)
        except ConditionError as error:
            problems.append(self._part.error(f"{text!r}: {error}", key))
            return "vector(0)"

    def _doubts(self) -> tuple[str, ...]:
        entry, known = self._entry, self._indicators
        return (
            *(f"condition: {words}" for words in doubts_about(entry.condition, known, entry.by)),
            *(
                f"recover: {words}"
                for words in (doubts_about(entry.recover, known, entry.by) if entry.recover else ())
            ),
        )

    def _wrong_names(
        self, labels: Mapping[str, str], annotations: Mapping[str, str]
    ) -> Iterator[ConfigError]:
        for name in labels:
            if not name or name in (NAME, "alertname"):
                yield self._part.error(f"invalid label name: {name!r}", "labels", name)
        for name in annotations:
            if name.startswith(EXTENSION):
                words = f"write {name.removeprefix(EXTENSION)} beside the condition instead"
                yield self._part.error(words, "annotations", name)

    def _wrong_templates(
        self, labels: Mapping[str, str], annotations: Mapping[str, str]
    ) -> Iterator[ConfigError]:
        for key, texts in (("labels", labels), ("annotations", annotations)):
            for name, text in texts.items():
                try:
                    template.check(text, self._name)
                except Rejected as error:
                    where = (key, name) if name in getattr(self._entry, key) else ("message",)
                    yield self._part.error(f"bad template: {error}", *where)
