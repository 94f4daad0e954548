"""What are the words of a condition: numbers with their units, names, signs?"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from tocsin.alert.rules.units import PERCENT, SIZES, TIMES
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.query.promql.durations import parse_duration


class Dimension(Enum):
    """What a number measures; its value is the name of the unit that PromQL's numbers are in."""

    NUMBER = "number"
    SHARE = "ratio"
    TIME = "seconds"
    SIZE = "bytes"
    RATE = "per second"
    SIZE_RATE = "bytes per second"


SPOKEN = {
    Dimension.NUMBER: "a plain number",
    Dimension.SHARE: "a share such as 5%",
    Dimension.TIME: "a time such as 1500ms or 2s",
    Dimension.SIZE: "a size such as 500MB or 2GiB",
    Dimension.RATE: "a rate such as 10/s or 300/min",
    Dimension.SIZE_RATE: "a size in a time such as 5MB/s",
}

UNITS = {
    "%": (Dimension.SHARE, PERCENT),
    **{name: (Dimension.TIME, factor) for name, factor in TIMES.items()},
    **{name: (Dimension.SIZE, factor) for name, factor in SIZES.items()},
}
"""Each unit's dimension, and how much of the basic unit it is."""

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+(?![A-Za-z0-9_]))?")
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_.])")
_UNIT = re.compile(r"(\s?)(%|[A-Za-zµμ]+)")
_PER = re.compile(r"\s?/\s?([a-z]+)(?![A-Za-z0-9_(.{])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:.]*")
_SIGN = re.compile(r">=|<=|==|!=|&&|\|\||[-+*/()<>,=!]")
_BRACES = re.compile(r"""\{(?:[^{}"'`]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\}""")
_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")


class ConditionError(Rejected):
    """A mistake in a condition; `at` is the character where it is, from one."""

    def __init__(self, words: str, at: int, *, close: str | None = None) -> None:
        hint = f'; did you mean "{close}"?' if close else ""
        super().__init__(f"at character {at + 1}: {words}{hint}")
        self.at = at + 1


class Kind(Enum):
    """What a token is."""

    QUANTITY = "a number"
    NAME = "a name"
    SIGN = "a sign"
    BRACES = "matchers of labels"
    TEXT = "a text"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word with its place. A quantity has its value in basic units, and what it measures."""

    kind: Kind
    text: str
    at: int
    value: float = 0.0
    dimension: Dimension = Dimension.NUMBER

    @property
    def said(self) -> str:
        """How an error names it."""
        return "the end" if self.kind is Kind.END else repr(self.text)


def tokens(text: str) -> list[Token]:
    """All words and the end; raises ConditionError for what is none."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at)
        found.append(token)
        at += len(token.text)
    return [*found, Token(Kind.END, "", len(text))]


def _token(text: str, at: int) -> Token:
    if duration := _DURATION.match(text, at):
        seconds = _seconds(duration[0], at)
        return Token(Kind.QUANTITY, duration[0], at, seconds, Dimension.TIME)
    if number := _NUMBER.match(text, at):
        return _quantity(text, at, number)
    for kind, pattern in (
        (Kind.NAME, _NAME),
        (Kind.SIGN, _SIGN),
        (Kind.BRACES, _BRACES),
        (Kind.TEXT, _TEXT),
    ):
        if match := pattern.match(text, at):
            return Token(kind, match[0], at)
    if text[at] == "{":
        raise ConditionError("the brace is not closed", at)
    raise ConditionError(f"{text[at]!r} has no meaning here", at)


def _seconds(text: str, at: int) -> float:
    try:
        return parse_duration(text) / 1000
    except Rejected as error:
        raise ConditionError(str(error), at) from error


def _quantity(text: str, at: int, number: re.Match[str]) -> Token:
    end, value = number.end(), float(number[0])
    dimension = Dimension.NUMBER
    unit = _UNIT.match(text, end)
    if unit and unit[2] in UNITS:
        dimension, factor = UNITS[unit[2]]
        value *= factor
        end = unit.end()
    elif unit and not unit[1]:
        known = "%, ms, s, m, h, d, B, KB, MB, GB, KiB, MiB, GiB, /s, /min"
        words = f"unknown unit {unit[2]!r}; known: {known}"
        raise ConditionError(words, end, close=nearest(unit[2], UNITS))
    per = _PER.match(text, end)
    if per and per[1] in TIMES and dimension in (Dimension.NUMBER, Dimension.SIZE):
        is_size = dimension is Dimension.SIZE
        dimension = Dimension.SIZE_RATE if is_size else Dimension.RATE
        value /= TIMES[per[1]]
        end = per.end()
    if not math.isfinite(value):
        raise ConditionError("the number is too large", at)
    return Token(Kind.QUANTITY, text[at:end], at, value, dimension)
