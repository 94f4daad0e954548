"""How does a trial look? The value and its threshold, and under it where each version fired.

Everything is in thousandths of the width, so that value, firings and pages stand over one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tocsin.alert.trying.proposal import subject_of
from tocsin.query.promql.faults import EvalError
from tocsin.web.services import Services

if TYPE_CHECKING:
    from tocsin.alert.trying.trial_report import Outcome
    from tocsin.query.promql.result import Result

WIDTH = 1000.0
HEIGHT = 200.0
_POINTS = 500
_LINES = 6
_PAGES_MOST = 500
_LEAST_WIDTH = 1.5


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time."""

    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One version's firings and pages."""

    outcome: Outcome
    bands: Sequence[Band]
    pages: Sequence[float]


@dataclass(frozen=True, slots=True)
class Graph:
    """The lines of the value, each an SVG path; `threshold_y` is None when there is none."""

    lines: Sequence[str]
    more: int
    low: float
    high: float
    threshold: float | None
    threshold_y: float | None
    recover: float | None
    recover_y: float | None


def lane_of(outcome: Outcome) -> Lane:
    """Where the version fired and paged; firings that touch are one band."""

    def place(at: float) -> float:
        return WIDTH * min(1.0, max(0.0, (at - outcome.since) / outcome.span))

    bands: list[Band] = []
    for one in outcome.firings:
        left, right = place(one.fired), place(one.ended or outcome.until)
        if bands and left <= bands[-1].left + bands[-1].width:
            last = bands.pop()
            left, right = last.left, max(right, last.left + last.width)
        bands.append(Band(round(left, 2), max(_LEAST_WIDTH, round(right - left, 2))))
    pages = [round(place(one.at), 2) for one in outcome.pages[:_PAGES_MOST]]
    return Lane(outcome, bands, pages)


async def graph_of(given: Services, outcome: Outcome) -> Graph | None:
    """The value that the version compares, at 500 moments; None when there is none to draw."""
    subject = subject_of(outcome.expr)
    if subject is None:
        return None
    step_ms = max(1000, round(outcome.span * 1000 / _POINTS))
    begin_ms, end_ms = round(outcome.since * 1000), round(outcome.until * 1000)
    try:
        read = await given.engine.range(
            subject.query, begin_ms, end_ms, step_ms, given.config.query
        )
    except EvalError:
        return None  # the report says what could not be evaluated
    recovery = subject_of(outcome.recover) if outcome.recover else None
    return _drawn(read, subject.threshold, recovery.threshold if recovery else None)


def _drawn(read: Result, threshold: float, recover: float | None) -> Graph | None:
    values = np.where(read.present & np.isfinite(read.values), read.values, np.nan)
    rows = [row for row in range(len(values)) if not np.isnan(values[row]).all()]
    if not rows:
        return None
    rows.sort(key=lambda row: -float(np.nanmax(values[row])))
    shown = values[rows[:_LINES]]
    bounds = [float(np.nanmin(shown)), float(np.nanmax(shown)), threshold]
    low, high = min(bounds), max(bounds)
    room = (high - low) * 0.05 or 1.0
    low, high = low - room, high + room

    def height(value: float) -> float:
        return round(HEIGHT * (1 - (value - low) / (high - low)), 2)

    return Graph(
        lines=[_path(line, height) for line in shown],
        more=len(rows) - len(shown),
        low=low + room,
        high=high - room,
        threshold=threshold,
        threshold_y=height(threshold),
        recover=recover,
        recover_y=height(recover) if recover is not None and low <= recover <= high else None,
    )


def _path(line: NDArray[np.float64], height: Callable[[float], float]) -> str:
    """An SVG path; a gap in the values is a gap in the line."""
    parts: list[str] = []
    is_drawn = False
    last = max(1, len(line) - 1)
    for number, value in enumerate(line.tolist()):
        if math.isnan(value):
            is_drawn = False
            continue
        parts.append(f"{'L' if is_drawn else 'M'}{WIDTH * number / last:.1f} {height(value)}")
        is_drawn = True
    return "".join(parts)
