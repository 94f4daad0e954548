"""What do relabelling rules make of a label set? (Prometheus, configuration: relabel_config)"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import Match, Pattern, compile_pattern

Action: TypeAlias = Literal[
    "replace", "keep", "drop", "keepequal", "dropequal", "hashmod",
    "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase",
]  # fmt: skip

_ALL: Final = "(.*)"
_NEED_TARGET: Final = ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
_NAME_ONLY: Final = ("labeldrop", "labelkeep")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


class RelabelRule(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `relabel_configs` or `metric_relabel_configs`."""

    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = _ALL
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"
    action: Action = "replace"

    def __post_init__(self) -> None:
        compile_pattern(self.regex)
        action = self.action
        if action in _NEED_TARGET and not self.target_label:
            raise Rejected(f"the action {action} requires target_label")
        if action == "hashmod" and self.modulus <= 0:
            raise Rejected("the action hashmod requires a modulus greater than 0")
        plain = (self.source_labels, self.modulus, self.target_label) == ((), 0, "")
        if action in _NAME_ONLY and not (plain and self.replacement == "$1"):
            raise Rejected(f"the action {action} takes only regex, no other key")
        if action in ("keepequal", "dropequal") and (self.regex, self.modulus) != (_ALL, 0):
            raise Rejected(f"the action {action} takes only source_labels and target_label")

    def __str__(self) -> str:
        parts = [f"action {self.action}"]
        if self.source_labels:
            parts.append(f"source_labels [{', '.join(self.source_labels)}]")
        if self.regex != _ALL:
            parts.append(f"regex {self.regex!r}")
        if self.target_label:
            parts.append(f"target_label {self.target_label}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rule dropped the label set: its place in the list, counted from one."""

    number: int
    rule: RelabelRule

    def __str__(self) -> str:
        return f"rule {self.number} ({self.rule})"


class Relabeling:
    """A list of rules, compiled."""

    def __init__(self, rules: Sequence[RelabelRule]) -> None:
        self.rules = tuple(rules)
        self._steps = [(_STEPS[rule.action], rule, compile_pattern(rule.regex)) for rule in rules]

    def apply(self, labels: dict[str, str]) -> Verdict | None:
        """Change the labels in place; the rule that drops them, None when they stay."""
        for number, (step, rule, pattern) in enumerate(self._steps, 1):
            if not step(labels, rule, pattern):
                return Verdict(number, rule)
        return None


Step: TypeAlias = Callable[[dict[str, str], RelabelRule, Pattern], bool]


def _source(labels: dict[str, str], rule: RelabelRule) -> str:
    return rule.separator.join(labels.get(name, "") for name in rule.source_labels)


def _keep(labels: dict[str, str], rule: RelabelRule, pattern: Pattern) -> bool:
    return pattern.fullmatch(_source(labels, rule)) is not None


def _drop(labels: dict[str, str], rule: RelabelRule, pattern: Pattern) -> bool:
    return pattern.fullmatch(_source(labels, rule)) is None


def _keepequal(labels: dict[str, str], rule: RelabelRule, _: Pattern) -> bool:
    return labels.get(rule.target_label, "") == _source(labels, rule)


def _dropequal(labels: dict[str, str], rule: RelabelRule, _: Pattern) -> bool:
    return labels.get(rule.target_label, "") != _source(labels, rule)


def _replace(labels: dict[str, str], rule: RelabelRule, pattern: Pattern) -> bool:
    found = pattern.fullmatch(_source(labels, rule))
    if found is None:
        return True
    target = expand(rule.target_label, found)
    if target:
        _set(labels, target, expand(rule.replacement, found))
    return True


def _lowercase(labels: dict[str, str], rule: RelabelRule, _: Pattern) -> bool:
    _set(labels, rule.target_label, _source(labels, rule).lower())
    return True


def _uppercase(labels: dict[str, str], rule: RelabelRule, _: Pattern) -> bool:
    _set(labels, rule.target_label, _source(labels, rule).upper())
    return True


def _hashmod(labels: dict[str, str], rule: RelabelRule, _: Pattern) -> bool:
    # Prometheus takes the last 8 of MD5's 16 bytes; shards must agree with it.
    digest = hashlib.md5(_source(labels, rule).encode(), usedforsecurity=False).digest()
    _set(labels, rule.target_label, str(int.from_bytes(digest[8:], "big") % rule.modulus))
    return True


def _labelmap(labels: dict[str, str], rule: RelabelRule, pattern: Pattern) -> bool:
    for name, value in list(labels.items()):
        found = pattern.fullmatch(name)
        if found is not None and (target := expand(rule.replacement, found)):
            _set(labels, target, value)
    return True


def _labeldrop(labels: dict[str, str], _: RelabelRule, pattern: Pattern) -> bool:
    for name in [name for name in labels if pattern.fullmatch(name)]:
        del labels[name]
    return True


def _labelkeep(labels: dict[str, str], _: RelabelRule, pattern: Pattern) -> bool:
    for name in [name for name in labels if not pattern.fullmatch(name)]:
        del labels[name]
    return True


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def expand(template: str, found: Match) -> str:
    """Put groups in for `$1`, `${1}`, `$name`; unknown ones are empty, `$$` is a dollar sign.

    As Go's regexp.Expand: a name is as long as it can be, so `$1x` is the group called `1x`.
    """
    if "$" not in template:
        return template
    groups, named = found.groups(), found.groupdict()

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if name.isdecimal():
            number = int(name)
            if number == 0:
                return found.group(0) or ""
            return (groups[number - 1] or "") if number <= len(groups) else ""
        return named.get(name) or ""

    return _REFERENCE.sub(group, template)


def is_legacy_label_name(name: str) -> bool:
    """Whether a label's name is one of letters, digits and underscores."""
    return _LABEL_NAME.fullmatch(name) is not None


_STEPS: Final[dict[str, Step]] = {
    "replace": _replace,
    "keep": _keep,
    "drop": _drop,
    "keepequal": _keepequal,
    "dropequal": _dropequal,
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": _labeldrop,
    "labelkeep": _labelkeep,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
}
