"""What may rules do with lines before they are kept? Ordered rules, each a question and what to do
with the lines that answer it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from tocsin.ingest.logs.grok import pattern_of
from tocsin.kit import typed, yaml
from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse

_LONGEST_PATTERN = 4_000
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_MOST_RULES = 200
_MOST_ACTIONS = 20

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ParseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Read fields out of a text."""

    form: Literal["json", "logfmt", "regexp", "grok", "key_value"]
    """`regexp` and `grok` take the fields that `pattern` names."""
    field: Name = "message"
    """The field whose text is read."""
    pattern: str = ""
    """RE2 with `(?P<name>…)`, or grok's `%{IP:client.address} %{NUMBER:duration_ms}`."""
    pairs: str = " "
    """What stands between two pairs of `key_value`."""
    equals: str = "="
    """What stands between a key and its value."""
    prefix: str = ""
    """Put before the fields' names."""

    def __post_init__(self) -> None:
        if self.form in ("regexp", "grok"):
            if not 0 < len(self.pattern) <= _LONGEST_PATTERN:
                raise Rejected(
                    f"{self.form} needs a pattern of up to {_LONGEST_PATTERN:,} characters"
                )
            expression, names = pattern_of(self.pattern, is_grok=self.form == "grok")
            compile_pattern(expression)
            if not names:
                raise Rejected(f"the pattern names no field: {self.pattern!r}")
        if self.form == "key_value" and not (self.pairs and self.equals):
            raise Rejected("key_value needs pairs and equals, such as ';' and '='")


class RedactConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Replace what must not be kept."""

    pattern: str = ""
    """What is replaced (RE2); the whole value without one."""
    fields: tuple[Name, ...] = ("message",)
    """Where: message, or fields by name."""
    by: str = "[redacted]"
    """What stands there instead."""

    def __post_init__(self) -> None:
        if not self.fields:
            raise Rejected("redact needs at least one field")
        if compile_pattern(self.pattern).search("") is not None and self.pattern:
            raise Rejected(f"{self.pattern!r} matches nothing at all; say what is to be replaced")


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Say whose lines they are."""

    service: str = ""
    environment: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not (self.service or self.environment or self.source):
            raise Rejected("route needs a service, an environment or a source")


class CountConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Count lines in a series for PromQL."""

    metric: str = "log_lines_total"
    """The counter's name."""
    by: tuple[Name, ...] = ("service",)
    """Fields that become labels; at most 10,000 sets of values are counted."""
    labels: dict[str, str] = {}
    """More labels."""

    def __post_init__(self) -> None:
        if not _METRIC.fullmatch(self.metric):
            raise Rejected(f"{self.metric!r} is no name of a metric")
        for label in self.labels:
            if not _METRIC.fullmatch(label) or ":" in label:
                raise Rejected(f"{label!r} is no name of a label")


class ActionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do; exactly one of its keys is given."""

    parse: ParseConfig | None = None
    """Read fields out of a text."""
    rename: dict[str, str] | None = None
    """Old names of fields and their new ones."""
    set: dict[str, str] | None = None
    """Fields and their values; `{field}` stands for another field's value."""
    remove: tuple[Name, ...] | None = None
    """Fields to leave out."""
    redact: RedactConfig | None = None
    """Replace what must not be kept."""
    route: RouteConfig | None = None
    """Say whose lines they are."""
    count: CountConfig | None = None
    """Count lines in a series."""
    sample: Annotated[int, msgspec.Meta(ge=2, le=100_000)] | None = None
    """Keep one of so many; a kept line counts for all of them."""
    drop: Literal[True] | None = None
    """Keep none."""

    def __post_init__(self) -> None:
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if len(given) != 1:
            known = ", ".join(self.__struct_fields__)
            what = "nothing" if not given else " and ".join(given)
            raise Rejected(f"one action is one of {known}; got {what}")

    @property
    def kind(self) -> str:
        """Which it is."""
        return next(one for one in self.__struct_fields__ if getattr(self, one) is not None)


class RuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with some lines, in this order."""

    name: Name
    """What it is called where it is counted."""
    when: str = "*"
    """Which lines: a question as the search understands it."""
    do: tuple[ActionConfig, ...]
    """What is done with them."""
    enabled: bool = True
    """Whether it is in force."""

    def __post_init__(self) -> None:
        if not 0 < len(self.do) <= _MOST_ACTIONS:
            raise Rejected(f"do: between 1 and {_MOST_ACTIONS} actions; got {len(self.do)}")
        matcher(parse(self.when), 0)


Rules = tuple[RuleConfig, ...]


def checked(rules: Rules) -> Rules:
    """The same rules; raises Rejected when two have one name, or there are too many."""
    names = [one.name for one in rules]
    for name in names:
        if names.count(name) > 1:
            raise Rejected(f"two rules are called {name!r}")
    if len(rules) > _MOST_RULES:
        raise Rejected(f"{len(rules)} rules; {_MOST_RULES} are the most")
    return rules


def read_rules(text: str, name: str = "rules") -> Rules:
    """Rules as they are written on a page, in YAML. Raises ConfigError with the place of the first
    mistake."""
    document = yaml.loads(text, name)
    if not text.strip() or document.data is None:
        return ()
    return checked(typed.decode(document, Rules))
