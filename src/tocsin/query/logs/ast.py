"""What a question about log lines consists of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Compare(StrEnum):
    """How a field is compared."""

    EQUAL = ":"
    EXACT = "="
    DIFFERENT = "!="
    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Everything:
    """Every line."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of the text, in this order and next to each other; `field` empty means the body."""

    text: str
    is_phrase: bool = False


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` stands for any characters, `?` for one; a backslash takes away their meaning."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Regex:
    """An RE2 pattern found somewhere in the field."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field beside a value; numbers and levels compare by size."""

    field: str
    compare: Compare
    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """`[a TO b]`, ends included, or `{a TO b}`; `*` is an open end."""

    field: str
    low: str
    high: str
    with_low: bool
    with_high: bool


@dataclass(frozen=True, slots=True)
class Has:
    """The line has the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """What the part does not match."""

    part: Query


@dataclass(frozen=True, slots=True)
class All:
    """What every part matches."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """What at least one part matches."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """What at least so many parts match."""

    count: int
    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """The lines of these ids: those that their senders chose, or ours."""

    ids: tuple[str, ...]


Leaf = Ids | Words | Has | Wildcard | Regex | Range | Field
"""What has no parts."""
Query = Leaf | Everything | Not | All | Some | AtLeast
