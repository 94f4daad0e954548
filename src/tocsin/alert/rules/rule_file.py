"""What does a rule file of Prometheus say? Read unchanged, every mistake with its place.

Source: prometheus.io/docs/prometheus/latest/configuration/recording_rules and alerting_rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from tocsin.alert.rules import template
from tocsin.kit.document import ConfigError, Document, Place, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode, load, loads
from tocsin.model.labels import NAME, Labels
from tocsin.query.promql import ast
from tocsin.query.promql.check import type_of
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text

EXTENSION = "tocsin_"
"""Annotations of this prefix are for Tocsin, which Prometheus's tools take for texts: they are
never told. Known: `tocsin_recover`, `tocsin_no_data`, `tocsin_on_error`."""


class Unknown(StrEnum):
    """What becomes of a rule's alerts while nobody can tell whether something is wrong."""

    OK = "ok"
    """Nothing is wrong then: what fires is over."""
    KEEP = "keep"
    """What fires goes on."""
    ALERT = "alert"
    """What fires goes on, and an alert of its own with the label `state` says what is missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an alert of this name, or a recording rule whose result is kept under it.

    A label without a value takes that label away from the result.
    """

    name: str
    expr: str
    """The expression in its canonical form."""
    labels: Labels
    is_alert: bool
    hold_ms: int = 0
    keep_firing_ms: int = 0
    annotations: tuple[tuple[str, str], ...] = ()
    recover: str = ""
    """An alert that fires goes on until this finds its series; empty: until `expr` does not."""
    no_data: Unknown = Unknown.OK
    """When the expression has no series where it had some."""
    on_error: Unknown = Unknown.KEEP
    """When it cannot be evaluated."""
    written: str = ""
    """The condition that `expr` was made of, empty when it was written in PromQL."""
    recover_written: str = ""
    """The same of `recover`."""
    unit: str = ""
    """The unit that the condition speaks of, such as "ms"; values are in PromQL's basic units."""
    doubts: tuple[str, ...] = field(default=(), compare=False)
    """What its reader finds allowed and yet probably not meant."""
    place: Place = field(default=Place("", 0, 0), compare=False)

    @property
    def key(self) -> tuple[bool, str, Labels]:
        """What stays the same when a rule is edited but goes on: its kind, name and labels."""
        return self.is_alert, self.name, self.labels


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together, in order. Intervals in milliseconds; 0 is no limit."""

    name: str
    file: str
    interval_ms: int
    limit: int
    query_offset_ms: int
    rules: tuple[Rule, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What names it."""
        return self.file, self.name


@dataclass(frozen=True, slots=True)
class Defaults:
    """What `global` of a `prometheus.yml` gives to groups that say nothing."""

    interval_ms: int = 60_000
    query_offset_ms: int = 0


class _RuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    record: str = ""
    alert: str = ""
    expr: str = ""
    for_: Duration = msgspec.field(default=Duration(0), name="for")
    keep_firing_for: Duration = Duration(0)
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _GroupEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    interval: Duration = Duration(0)
    limit: int = 0
    query_offset: Duration | None = None
    labels: dict[str, str] = {}
    rules: list[object] = []


class _File(msgspec.Struct, frozen=True, kw_only=True):
    groups: list[object] = []


_EXTENSIONS = ("recover", "no_data", "on_error")


class RuleFileError(Rejected):
    """All mistakes of rule files, one a line."""

    def __init__(self, problems: list[ConfigError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def read(path: Path, defaults: Defaults) -> list[RuleGroup]:
    """The groups of one file; raises RuleFileError with every mistake in it."""
    return _read(lambda: load(path), str(path), defaults)


def read_groups(text: str, name: str, defaults: Defaults) -> list[RuleGroup]:
    """As `read`, of a text that is called so."""
    return _read(lambda: loads(text, name), name, defaults)


def _read(opened: Callable[[], Document], file: str, defaults: Defaults) -> list[RuleGroup]:
    try:
        document = opened()
        count = len(decode(document, _File).groups)
    except ConfigError as error:
        raise RuleFileError([error]) from error
    problems: list[ConfigError] = []
    groups: list[RuleGroup] = []
    seen: set[str] = set()
    for index in range(count):
        part = document.get("groups", index)
        if part is None:
            continue
        try:
            group = _group(part, file, defaults, problems)
        except ConfigError as error:
            problems.append(error)
            continue
        if group.name in seen:
            words = f"the group name {group.name!r} is repeated in the same file"
            problems.append(part.error(words, "name"))
        seen.add(group.name)
        groups.append(group)
    if problems:
        raise RuleFileError(problems)
    return groups


def _group(part: Document, file: str, defaults: Defaults, problems: list[ConfigError]) -> RuleGroup:
    entry = decode(part, _GroupEntry)
    if not entry.name:
        problems.append(part.error("the group has no name", "name"))
    _check_labels(part, entry.labels, problems)
    rules = []
    for index in range(len(entry.rules)):
        below = part.get("rules", index)
        if below is None:
            continue
        try:
            rules.append(_rule(below, entry, problems))
        except ConfigError as error:
            problems.append(error)
    offset = entry.query_offset
    return RuleGroup(
        entry.name,
        file,
        entry.interval.ms or defaults.interval_ms,
        max(0, entry.limit),
        defaults.query_offset_ms if offset is None else offset.ms,
        tuple(rules),
    )


def _rule(part: Document, group: _GroupEntry, problems: list[ConfigError]) -> Rule:
    entry = decode(part, _RuleEntry)
    problems.extend(_kind_problems(part, entry))
    _check_labels(part, entry.labels, problems)
    expr = expression(part, entry.expr, problems, "expr")
    if entry.alert:
        _check_templates(part, entry, problems)
    ours = _Extension(part, entry.annotations, problems)
    return Rule(
        name=entry.alert or entry.record,
        expr=expr,
        labels=tuple(sorted({**group.labels, **entry.labels}.items())),
        is_alert=bool(entry.alert),
        hold_ms=entry.for_.ms,
        keep_firing_ms=entry.keep_firing_for.ms,
        annotations=tuple(
            sorted(pair for pair in entry.annotations.items() if not pair[0].startswith(EXTENSION))
        ),
        recover=ours.recover(),
        no_data=ours.choice("no_data", Unknown.OK),
        on_error=ours.choice("on_error", Unknown.KEEP),
        place=part.node.place,
    )


class _Extension:
    """The annotations of one rule that are meant for Tocsin."""

    def __init__(
        self, part: Document, annotations: dict[str, str], problems: list[ConfigError]
    ) -> None:
        self._part, self._problems = part, problems
        self._given = {
            name.removeprefix(EXTENSION): text
            for name, text in annotations.items()
            if name.startswith(EXTENSION)
        }
        for name in self._given:
            if name not in _EXTENSIONS:
                words = f"unknown; known: {', '.join(EXTENSION + one for one in _EXTENSIONS)}"
                self._refuse(name, words)

    def recover(self) -> str:
        """The expression in its canonical form, empty when there is none."""
        text = self._given.get("recover", "")
        if not text:
            return ""
        return expression(self._part, text, self._problems, "annotations", EXTENSION + "recover")

    def choice(self, name: str, usual: Unknown) -> Unknown:
        """What is chosen for it."""
        text = self._given.get(name, usual.value)
        if text not in tuple(Unknown):
            self._refuse(name, f"expected {', '.join(Unknown)}, got {text!r}")
            return usual
        return Unknown(text)

    def _refuse(self, name: str, words: str) -> None:
        key = EXTENSION + name
        self._problems.append(
            self._part.error(words, "annotations", key, nearest=nearest(name, _EXTENSIONS))
        )


def _kind_problems(part: Document, entry: _RuleEntry) -> Iterator[ConfigError]:
    if entry.record and entry.alert:
        yield part.error("only one of record and alert may be set", "alert")
    if not entry.record and not entry.alert:
        yield part.error("one of record and alert must be set")
    if not entry.record:
        return
    for key, given in (
        ("annotations", entry.annotations),
        ("for", entry.for_),
        ("keep_firing_for", entry.keep_firing_for),
    ):
        if given:
            yield part.error("a recording rule does not have this; remove it", key)
    if "{" in entry.record or "}" in entry.record:
        words = f"braces in the name of a recording rule: {entry.record}; they belong into expr"
        yield part.error(words, "record")


def expression(part: Document, text: str, problems: list[ConfigError], *key: str) -> str:
    """An expression that a rule can have, in its canonical form; what is wrong with it is noted."""
    if not text.strip():
        problems.append(part.error("the expression is missing", *key))
        return ""
    try:
        parsed = parse(text)
    except ParseError as error:
        problems.append(part.error(f"could not parse expression: {error}", *key))
        return text
    kind = type_of(parsed)
    if kind not in (ast.ValueType.VECTOR, ast.ValueType.SCALAR):
        words = f"the expression gives a {kind.value}, a rule needs an instant vector or a scalar"
        problems.append(part.error(words, *key))
    return to_text(parsed)


def _check_labels(part: Document, given: dict[str, str], problems: list[ConfigError]) -> None:
    problems.extend(
        part.error(f"invalid label name: {name!r}", "labels", name)
        for name in given
        if not name or name == NAME
    )


def _check_templates(part: Document, entry: _RuleEntry, problems: list[ConfigError]) -> None:
    for key, texts in (("labels", entry.labels), ("annotations", entry.annotations)):
        for name, text in texts.items():
            try:
                template.check(text, entry.alert)
            except Rejected as error:
                problems.append(part.error(f"bad template: {error}", key, name))
