"""What does a LogQL query consist of?"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.model.labels import Matcher


@dataclass(frozen=True, slots=True)
class LineFilter:
    """`|= "a" or "b"`; `op` is one of |=, !=, |~, !~, |>, !>; `is_ip` compares addresses."""

    op: str
    texts: tuple[str, ...]
    is_ip: bool = False

    @property
    def excludes(self) -> bool:
        """Whether lines with any of the texts are left out."""
        return self.op.startswith("!")


@dataclass(frozen=True, slots=True)
class Text:
    """`label="a"`, `=~` and the like in a pipeline."""

    matcher: Matcher


@dataclass(frozen=True, slots=True)
class Number:
    """`label > 20ms`: as a number, or in seconds or bytes."""

    label: str
    op: str
    value: float
    unit: str
    """"", "duration" or "bytes"."""


@dataclass(frozen=True, slots=True)
class Address:
    """`addr = ip("10.0.0.0/8")`."""

    label: str
    op: str
    network: str


@dataclass(frozen=True, slots=True)
class Both:
    """`and`, or a comma."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Either:
    """`or`."""

    left: Condition
    right: Condition


Condition = Text | Number | Address | Both | Either


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """Lines whose labels fulfil a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Parser:
    """`json`, `logfmt`, `unpack`, `pattern` or `regexp`. `picks` are (label, path) pairs."""

    kind: str
    pattern: str = ""
    picks: tuple[tuple[str, str], ...] = ()
    strict: bool = False
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A Go template that makes the line."""

    template: str


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """Labels renamed (`is_template` False) or made by templates."""

    changes: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """`drop` or `keep` of labels, some only where they match."""

    kind: str
    names: tuple[str, ...]
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Decolorize:
    """Colours of terminals taken away."""


@dataclass(frozen=True, slots=True)
class Unwrap:
    """A label as the sample's value; `convert` is "", "duration" or "bytes"."""

    label: str
    convert: str


Stage = LineFilter | LabelFilter | Parser | LineFormat | LabelFormat | Chosen | Decolorize | Unwrap


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A selector and its pipeline."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()

    @property
    def unwrap(self) -> Unwrap | None:
        """Which label is the value."""
        return next((one for one in self.stages if isinstance(one, Unwrap)), None)


@dataclass(frozen=True, slots=True)
class RangeOf:
    """`op(param, lines [range] offset …) by (…)`. Durations in milliseconds."""

    op: str
    lines: LogQuery
    range_ms: int
    offset_ms: int = 0
    param: float = 0.0
    grouping: tuple[str, ...] | None = None
    without: bool = False


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """PromQL over series that are counted of lines: `promql` names them `logql:0` and so on."""

    promql: str
    leaves: tuple[RangeOf, ...]
