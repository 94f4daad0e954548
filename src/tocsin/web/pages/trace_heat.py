"""How are durations over time drawn? Cells of a fixed drawing, the longest at the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log2

from tocsin.query.logs.search import Span
from tocsin.query.traces.answers import HeatCell
from tocsin.web.api.trace_json import bucket_ends
from tocsin.web.pages.filters import duration

WIDTH, HEIGHT = 1_000, 150
_LEAST_BUCKETS = 16
"""The scale is never finer than this: a single duration is no wall of colour."""
_LABELS = tuple(first * 10**power for first in (1, 3, 2, 5) for power in range(3, 13))
_LEAST_GAP = 22
"""Between two durations beside the drawing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Spans of one bucket: its place from above, how opaque it is, and its share that failed."""

    y: float
    height: float
    opacity: float
    bad: float


@dataclass(frozen=True, slots=True)
class Column:
    """One step: `start_s` and `end_s` since the epoch, its place and its cells."""

    start_s: int
    end_s: int
    x: float
    width: float
    words: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Label:
    """A duration beside the drawing."""

    y: float
    words: str
    ns: int


@dataclass(frozen=True, slots=True)
class Heat:
    """The whole drawing, and what it counts."""

    columns: Sequence[Column]
    labels: Sequence[Label]
    spans: int
    failures: int
    step_s: int


def heat_of(cells: Sequence[HeatCell], span: Span, step_s: int) -> Heat:
    """The drawing of a range."""
    steps: dict[int, list[HeatCell]] = {}
    for one in cells:
        steps.setdefault(one.start_s, []).append(one)
    low, high = _scale(cells)
    most = max((one.spans for one in cells), default=1)
    ends = (span.start_ns / 1e9, span.end_ns / 1e9)
    columns = [
        _column(at, step_s, found, (low, high), most, ends) for at, found in sorted(steps.items())
    ]
    return Heat(
        columns=columns,
        labels=_labels(low, high),
        spans=sum(one.spans for one in cells),
        failures=sum(one.failures for one in cells),
        step_s=step_s,
    )


def _scale(cells: Sequence[HeatCell]) -> tuple[int, int]:
    """The lowest bucket and the one behind the highest."""
    low = min((one.bucket for one in cells), default=80)
    high = max((one.bucket for one in cells), default=80) + 1
    missing = max(0, _LEAST_BUCKETS - (high - low))
    return max(0, low - missing // 2), high + missing - missing // 2


def _column(
    at: int,
    step_s: int,
    found: Sequence[HeatCell],
    scale: tuple[int, int],
    most: int,
    ends: tuple[float, float],
) -> Column:
    left, right = max(at, ends[0]), min(at + step_s, ends[1])
    wide = WIDTH / (ends[1] - ends[0])
    spans, failures = sum(one.spans for one in found), sum(one.failures for one in found)
    shortest = bucket_ends(min(one.bucket for one in found))[0]
    longest = bucket_ends(max(one.bucket for one in found))[1]
    words = f"{spans:,} span{'' if spans == 1 else 's'}"
    words += f", {failures:,} failed" if failures else ""
    words += f", {duration(shortest / 1e9)} to {duration(longest / 1e9)}"
    return Column(
        start_s=at,
        end_s=at + step_s,
        x=round((left - ends[0]) * wide, 2),
        width=round(max((right - left) * wide * 0.9, 0.8), 2),
        words=words,
        cells=[_cell(one, scale, most) for one in found],
    )


def _cell(one: HeatCell, scale: tuple[int, int], most: int) -> Cell:
    each = HEIGHT / (scale[1] - scale[0])
    dense = log(1 + one.spans) / log(1 + most)
    return Cell(
        y=round((scale[1] - 1 - one.bucket) * each, 2),
        height=round(max(each, 2.0), 2),
        opacity=round(0.22 + 0.78 * dense, 2),
        bad=round(one.failures / one.spans, 3) if one.spans else 0.0,
    )


def _labels(low: int, high: int) -> list[Label]:
    """Powers of ten first, then what stands between them, as far as there is room."""
    each = HEIGHT / (high - low)
    found: list[Label] = []
    for ns in _LABELS:
        y = round((high - 4 * log2(ns)) * each, 1)
        if 8 <= y <= HEIGHT - 4 and all(abs(y - one.y) >= _LEAST_GAP for one in found):
            found.append(Label(y, duration(ns / 1e9), ns))
    return found
