"""What stands on one side of a comparison? A piece of PromQL, and what it measures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from tocsin.alert.plain.condition_tokens import ConditionError, Dimension, Token
from tocsin.alert.plain.narrow import has_no_labels
from tocsin.query.promql.durations import format_duration
from tocsin.query.promql.parse import parse

_FINEST_MS = 60_000
_MOST_STEPS = 120


class Role(Enum):
    """What a piece of a condition is."""

    CONSTANT = "a number"
    MEASURE = "something measured"
    VERDICT = "a condition"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a condition, compiled. `dimension` None is not known; `is_selector` says that it
    is a metric as it stands, which can have a range."""

    text: str
    role: Role
    dimension: Dimension | None = None
    value: float = 0.0
    is_selector: bool = False
    is_deviation: bool = False
    """Whether it counts standard deviations from what is usual."""
    is_indicator: bool = False
    """Whether it is an indicator as it stands."""
    is_single: bool | None = None
    """Whether it is one number without labels, where that is known; its text says it too."""

    @property
    def inside(self) -> str:
        """Its text, to be put into another."""
        is_plain = self.is_selector or self.role is Role.CONSTANT
        return self.text if is_plain else f"({self.text})"

    @property
    def has_no_labels(self) -> bool:
        """Whether it is one number without labels."""
        return has_no_labels(parse(self.text)) if self.is_single is None else self.is_single

    def over(self, span_ms: int, *, offset_ms: int = 0, finest_ms: int = _FINEST_MS) -> str:
        """Its samples of that long, `offset_ms` ago; what is no metric is sampled for it."""
        span, offset = format_duration(span_ms), ""
        if offset_ms:
            offset = f" offset {format_duration(offset_ms)}"
        if self.is_selector:
            return f"{self.text}[{span}]{offset}"
        step_ms = max(finest_ms, span_ms // _MOST_STEPS // _FINEST_MS * _FINEST_MS)
        return f"({self.text})[{span}:{format_duration(min(step_ms, span_ms))}]{offset}"


def verdict(text: str, *, is_single: bool | None = None) -> Piece:
    """A condition of that text."""
    return Piece(text, Role.VERDICT, is_single=is_single)


def is_zero(piece: Piece) -> bool:
    """Zero is zero in every unit."""
    return piece.role is Role.CONSTANT and piece.value == 0.0


def beside(left: Piece, right: Piece) -> str:
    """How the series of both sides meet: one number without labels stands beside each."""
    if Role.CONSTANT in (left.role, right.role) or left.has_no_labels == right.has_no_labels:
        return ""
    return " on () group_left ()" if right.has_no_labels else " on () group_right ()"


def dimension_of(left: Piece, sign: str, right: Piece) -> Dimension | None:
    """What `left sign right` measures; None when that is not known."""
    one, other = left.dimension, right.dimension
    if sign in "+-":
        return other if one is None else one
    if other is Dimension.NUMBER:
        return one
    if one is Dimension.NUMBER and sign == "*":
        return other
    return Dimension.NUMBER if sign == "/" and one is other and one is not None else None


def value_of(left: float, sign: Token, right: float) -> float:
    """What two numbers come to. Raises ConditionError when that is no finite number."""
    match sign.text:
        case "+":
            value = left + right
        case "-":
            value = left - right
        case "*":
            value = left * right
        case _:
            value = left / right
    if not math.isfinite(value):
        raise ConditionError("the number is too large", sign.at)
    return value
