"""How does a graph look without any script? As SVG, drawn of the frozen points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from tocsin.incident.evidence.bundle import Graph, Points, value_of

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 26
COLOURS = 8
DRAWN = 20
LARGEST = 8e307
ROWS = 16
"""Of words of marks: more than that begin from the top again."""
_LETTER, _ROW = 6.2, 12
_POINTS = 900
_STEPS_MS = tuple(
    part * unit
    for unit, parts in (
        (1000, (1, 5, 15, 30)),
        (60_000, (1, 5, 10, 15, 30)),
        (3_600_000, (1, 3, 6, 12)),
        (86_400_000, (1, 2, 7, 14, 30, 90)),
    )
    for part in parts
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a word: a line across the graph."""

    at_ms: int
    word: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a moment and a value lie on the sheet."""

    start: int
    end: int
    low: float
    high: float

    def x(self, at_ms: int) -> float:
        share = (at_ms - self.start) / max(1, self.end - self.start)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (within(value) - self.low) / (self.high - self.low)
        return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def svg(graph: Graph, marks: Sequence[Mark] = ()) -> Markup:
    """The first 20 series as lines; a gap of more than two steps is a gap, and what is not finite
    is none. Its classes are `evidence/page.css`'s; without them the attributes do."""
    shown, thresholds = graph.series[:DRAWN], graph.thresholds
    start_ms, end_ms = graph.start_ms, graph.end_ms
    low, high, ticks = scale(finite(shown), thresholds)
    frame = _Frame(start_ms, max(end_ms, start_ms + 1), low, high)
    parts = [
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" class="graph" role="img"'
            ' aria-label="{}" font-family="sans-serif" font-size="11">'
        ).format(WIDTH, HEIGHT, graph.title)
    ]
    parts += _grid(frame, ticks)
    parts += [_threshold(frame, one) for one in thresholds if low <= one <= high]
    shown_marks = [one for one in marks if start_ms <= one.at_ms <= end_ms]
    parts += _marks(frame, shown_marks)
    for at, one in enumerate(shown):
        parts += _line(frame, one, graph.step_ms, at)
    if not any(one.ts for one in shown):
        words = '<text x="{}" y="{}" text-anchor="middle" fill="#777">no samples</text>'
        parts.append(Markup(words).format(WIDTH // 2, HEIGHT // 2))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def finite(series: Iterable[Points]) -> list[float]:
    """Every value that can be drawn."""
    found = (value_of(one) for points in series for one in points.values)
    return [one for one in found if math.isfinite(one)]


def within(value: float) -> float:
    """The value, or the largest of which two can be told apart on an axis."""
    return max(-LARGEST, min(LARGEST, value))


def scale(
    values: Sequence[float], thresholds: Sequence[float] = ()
) -> tuple[float, float, list[float]]:
    """The axis from low to high and its ticks: from zero when nothing is below it, with the
    thresholds in sight."""
    seen = [within(one) for one in (*values, *thresholds) if math.isfinite(one)]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    low = min(low, 0.0)
    if high <= low:
        high = low + max(1.0, abs(low))
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next((size * part for part in (1, 2, 2.5, 5, 10) if size * part >= rough), rough)
    if step <= 0 or not math.isfinite(high / step):
        return low, high, [low, high]
    ticks = [at * step for at in range(math.floor(low / step), math.ceil(high / step) + 1)]
    return ticks[0], ticks[-1], ticks


def _grid(frame: _Frame, ticks: Sequence[float]) -> list[Markup]:
    parts: list[Markup] = []
    for tick in ticks:
        y = frame.y(tick)
        parts.append(
            Markup(
                '<path class="grid" stroke="#8884" d="M{} {:.1f}H{}"/>'
                '<text x="{}" y="{:.1f}" text-anchor="end" fill="#777">{}</text>'
            ).format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, short(tick))
        )
    for at, words in moments(frame.start, frame.end):
        parts.append(
            Markup(
                '<path class="grid" stroke="#8884" d="M{:.1f} {}V{}"/>'
                '<text x="{:.1f}" y="{}" text-anchor="middle" fill="#777">{}</text>'
            ).format(frame.x(at), TOP, HEIGHT - BOTTOM, frame.x(at), HEIGHT - 8, words)
        )
    return parts


def moments(start_ms: int, end_ms: int) -> list[tuple[int, str]]:
    """Where an axis of time has a word, and that word, in UTC."""
    span = end_ms - start_ms
    step = next((one for one in _STEPS_MS if span / one <= 8), _STEPS_MS[-1])
    clock = _clock(step)
    return [
        (at, f"{datetime.fromtimestamp(at / 1000, UTC):{clock}}")
        for at in range(-(-start_ms // step) * step, end_ms + 1, step)
    ]


def _clock(step_ms: int) -> str:
    if step_ms >= 86_400_000:
        return "%m-%d"
    return "%H:%M" if step_ms >= 60_000 else "%H:%M:%S"


def short(value: float) -> str:
    """About four digits: 1.5, 20k, 3M, 0.002."""
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            factor = 1e3 if name == "k" else size
            return f"{value / factor:.4g}{name}"
    return f"{0.0 if abs(value) < 1e-12 else value:.4g}"


def _threshold(frame: _Frame, at: float) -> Markup:
    y = frame.y(at)
    return Markup(
        '<path class="threshold" stroke="#c33" stroke-dasharray="5 4" d="M{} {:.1f}H{}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end" class="bad" fill="#c33">{}</text>'
    ).format(LEFT, y, WIDTH - RIGHT, WIDTH - RIGHT - 2, y - 4, short(at))


def rows_of(spans: Iterable[tuple[float, float]]) -> list[int]:
    """For words from left to right: the first row, from 0, in which each lies on no other one."""
    ends: list[float] = []
    found: list[int] = []
    for left, right in spans:
        row = next((at for at, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [right]
        found.append(row)
    return found


def _marks(frame: _Frame, marks: Iterable[Mark]) -> list[Markup]:
    placed: list[tuple[float, float, Mark, float]] = []
    for one in marks:
        x, wide = frame.x(one.at_ms), len(one.word) * _LETTER + 6
        left = x - wide if x + wide > WIDTH else x
        placed.append((left, left + wide, one, x))
    placed.sort(key=lambda place: place[:2])
    rows = rows_of((left, right) for left, right, _, _ in placed)
    return [
        _mark(one, x, row, is_left=left < x)
        for (left, _, one, x), row in zip(placed, rows, strict=True)
    ]


def _mark(mark: Mark, x: float, row: int, *, is_left: bool) -> Markup:
    side, gap = ("end", -3) if is_left else ("start", 3)
    return Markup(
        '<path class="mark {}" stroke="#778" d="M{:.1f} {}V{}"/>'
        '<text x="{:.1f}" y="{}" text-anchor="{}" class="mark" fill="#778">{}</text>'
    ).format(
        mark.kind, x, TOP, HEIGHT - BOTTOM, x + gap, TOP + 8 + _ROW * (row % ROWS), side, mark.word
    )


def _line(frame: _Frame, points: Points, step_ms: int, at: int) -> list[Markup]:
    return [
        _piece([(frame.x(ts), frame.y(value)) for ts, value in thinned(piece)], at)
        for piece in pieces(points, step_ms)
    ]


def pieces(points: Points, step_ms: int) -> list[list[tuple[int, float]]]:
    """The times and finite values of a series between its gaps."""
    found: list[list[tuple[int, float]]] = [[]]
    before = 0
    for ts, written in zip(points.ts, points.values, strict=True):
        value = value_of(written)
        if not math.isfinite(value) or (found[-1] and ts - before > 2 * step_ms):
            found.append([])
        if math.isfinite(value):
            found[-1].append((ts, value))
            before = ts
    return [piece for piece in found if piece]


def thinned(piece: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """Of more points than can be told apart, the lowest and the highest of each stretch."""
    size = -(-len(piece) * 2 // _POINTS)
    if size <= 2:
        return piece
    kept: list[tuple[int, float]] = []
    for start in range(0, len(piece), size):
        part = piece[start : start + size]
        low = min(part, key=lambda point: point[1])
        high = max(part, key=lambda point: point[1])
        kept += sorted({low, high})
    return kept


STROKES = ("#3b6fd4", "#c8742a", "#2a9d6f", "#8a56c2", "#b8476b", "#4a9ab5", "#8a8326", "#777f8f")


def _piece(piece: Sequence[tuple[float, float]], at: int) -> Markup:
    colour = at % COLOURS
    if len(piece) == 1:
        return Markup('<circle class="s{}" fill="{}" cx="{:.1f}" cy="{:.1f}" r="2"/>').format(
            colour, STROKES[colour], *piece[0]
        )
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in piece)
    return Markup('<path class="s{}" stroke="{}" fill="none" stroke-width="1.5" d="M{}"/>').format(
        colour, STROKES[colour], path
    )
