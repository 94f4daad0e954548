"""What names a series? Its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from tocsin.kit.regex import compile_pattern

NAME = "__name__"

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""(name, value) pairs sorted by name, no empty values; the metric's name is the pair `__name__`."""

_pairs: dict[tuple[str, str], tuple[str, str]] = {}
_PAIRS_KEPT = 2_000_000


def make(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Sort, drop empty values (they mean "no such label"), and share equal pairs between series."""
    return tuple(sorted(_shared(pair) for pair in pairs if pair[1]))


def from_mapping(mapping: Mapping[str, str]) -> Labels:
    """Labels of a dict."""
    return make(mapping.items())


def _shared(pair: tuple[str, str]) -> tuple[str, str]:
    if len(_pairs) > _PAIRS_KEPT:
        _pairs.clear()
    return _pairs.setdefault(pair, pair)


def get(labels: Labels, name: str) -> str:
    """The label's value, empty when it is not there."""
    for key, value in labels:
        if key == name:
            return value
    return ""


def metric_name(labels: Labels) -> str:
    """The value of `__name__`, empty when the series has none."""
    return get(labels, NAME)


def series_id(labels: Labels) -> int:
    """64 bits that name a series for ever: 16 of the metric's name, 48 of the full label set.

    One metric's samples lie together on disk because the name comes first. With 48 bits, two of a
    million series of one metric share an id with a chance of 0.2 %; the registry detects it.
    """
    name = hashlib.blake2b(metric_name(labels).encode(), digest_size=2).digest()
    text = "\xff".join(f"{key}\xfe{value}" for key, value in labels)
    rest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(name + rest, "big")


def metric_id_range(metric: str) -> tuple[int, int]:
    """The first and the last id that a series of this metric can have."""
    high = int.from_bytes(hashlib.blake2b(metric.encode(), digest_size=2).digest(), "big")
    return high << 48, (high << 48) | (1 << 48) - 1


class MatchOp(Enum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class Matcher:
    """One condition on one label, as in `{job="api", path!~"/health.*"}`.

    Regular expressions (RE2) are anchored at both ends; a wrong one raises Rejected. An absent
    label compares as the empty string.
    """

    __slots__ = ("_pattern", "name", "op", "value")

    def __init__(self, name: str, op: MatchOp, value: str) -> None:
        self.name = name
        self.op = op
        self.value = value
        is_regex = op in (MatchOp.REGEX, MatchOp.NOT_REGEX)
        self._pattern = compile_pattern(value) if is_regex else None

    def matches(self, value: str) -> bool:
        """Whether a label of that value satisfies the condition."""
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.REGEX:
                return self._pattern is not None and self._pattern.fullmatch(value) is not None
            case MatchOp.NOT_REGEX:
                return self._pattern is not None and self._pattern.fullmatch(value) is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matcher) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"{self.name}{self.op.value}{self.value!r}"

    def _key(self) -> tuple[str, MatchOp, str]:
        return self.name, self.op, self.value
