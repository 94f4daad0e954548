"""What stands on one side of a comparison? A piece of PromQL, and what it measures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tocsin.alert.condition_tokens import Dimension
from tocsin.alert.narrow import has_no_labels
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

    @property
    def inside(self) -> str:
        """Its text, to be put into another."""
        is_plain = self.is_selector or self.role is Role.CONSTANT
        return self.text if is_plain else f"({self.text})"

    @property
    def has_no_labels(self) -> bool:
        """Whether it is one number without labels."""
        return has_no_labels(parse(self.text))

    def over(self, span_ms: int, *, offset_ms: int = 0, finest_ms: int = _FINEST_MS) -> str:
        """Its samples of that long, `offset_ms` ago; what is no metric is sampled for it."""
        span, offset = format_duration(span_ms), ""
        if offset_ms:
            offset = f" offset {format_duration(offset_ms)}"
        if self.is_selector:
            return f"{self.text}[{span}]{offset}"
        step_ms = max(finest_ms, span_ms // _MOST_STEPS // _FINEST_MS * _FINEST_MS)
        return f"({self.text})[{span}:{format_duration(min(step_ms, span_ms))}]{offset}"


def verdict(text: str) -> Piece:
    """A condition of that text."""
    return Piece(text, Role.VERDICT)
