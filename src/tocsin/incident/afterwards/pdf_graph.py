"""How does a graph look in a PDF? As lines, sharp at any size."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.graphics.shapes import Drawing, Line, PolyLine, Shape, String
from reportlab.lib import colors
from reportlab.lib.units import mm

from tocsin.incident.evidence.bundle import Graph
from tocsin.incident.evidence.drawing import (
    DRAWN,
    ROWS,
    STROKES,
    Mark,
    finite,
    moments,
    pieces,
    rows_of,
    scale,
    short,
    within,
)

_HEIGHT, _LEFT, _BOTTOM, _TOP = 58 * mm, 34.0, 14.0, 8.0
_SIZE, _LETTER, _ROW = 6.5, 3.5, 7.5
_QUIET = colors.HexColor("#5b6472")


class _Sheet:
    """Where moments and values lie on it."""

    def __init__(self, graph: Graph, width: float) -> None:
        self.graph = graph
        self.width = width
        self.series = graph.series[:DRAWN]
        self.low, self.high, self.ticks = scale(finite(self.series), graph.thresholds)

    def x(self, at_ms: int) -> float:
        """Points from the left."""
        span = max(1, self.graph.end_ms - self.graph.start_ms)
        return float(_LEFT + (at_ms - self.graph.start_ms) / span * (self.width - _LEFT - 4))

    def y(self, value: float) -> float:
        """Points from below."""
        share = (within(value) - self.low) / (self.high - self.low)
        return float(_BOTTOM + share * (_HEIGHT - _BOTTOM - _TOP))

    def level(self, value: float, colour: colors.Color) -> Line:
        """A line across."""
        at = self.y(value)
        return Line(_LEFT, at, self.width, at, strokeColor=colour, strokeWidth=0.4)


def drawing(graph: Graph, marks: Sequence[Mark], width: float, font: str = "Helvetica") -> Drawing:
    """The graph, so many points wide."""
    sheet = _Sheet(graph, width)
    shapes: list[Shape] = []
    for tick in sheet.ticks:
        shapes.append(sheet.level(tick, colors.lightgrey))
        label = String(_LEFT - 3, sheet.y(tick) - 3, short(tick), fontName=font, fontSize=_SIZE)
        label.textAnchor = "end"
        shapes.append(label)
    for at_ms, words in moments(graph.start_ms, graph.end_ms):
        label = String(sheet.x(at_ms), 2, words, fontName=font, fontSize=_SIZE)
        label.textAnchor = "middle"
        shapes.append(label)
    shapes += [
        sheet.level(one, colors.red) for one in graph.thresholds if sheet.low <= one <= sheet.high
    ]
    shapes += _marks(sheet, marks, font)
    shapes += _lines(sheet)
    made = Drawing(width, _HEIGHT)
    for one in shapes:
        made.add(one)
    return made


def _marks(sheet: _Sheet, marks: Sequence[Mark], font: str) -> list[Shape]:
    graph = sheet.graph
    placed: list[tuple[float, float, str, float]] = []
    for one in marks:
        if graph.start_ms <= one.at_ms <= graph.end_ms:
            at, word = sheet.x(one.at_ms), one.word[:20]
            wide = len(word) * _LETTER + 3
            left = at - wide if at + wide > sheet.width else at
            placed.append((left, left + wide, word, at))
    placed.sort()
    rows = rows_of((left, right) for left, right, _, _ in placed)
    shapes: list[Shape] = []
    for (left, right, word, at), row in zip(placed, rows, strict=True):
        y = _HEIGHT - _TOP - _SIZE - _ROW * (row % ROWS)
        is_left = left < at
        said = String(right - 1 if is_left else left + 1, y, word, fontName=font, fontSize=_SIZE)
        said.textAnchor = "end" if is_left else "start"
        line = Line(at, _BOTTOM, at, _HEIGHT - _TOP, strokeColor=_QUIET, strokeWidth=0.5)
        shapes += [line, said]
    return shapes


def _lines(sheet: _Sheet) -> list[Shape]:
    found: list[Shape] = []
    for place, one in enumerate(sheet.series):
        colour = colors.HexColor(STROKES[place % len(STROKES)])
        for piece in pieces(one, sheet.graph.step_ms):
            points = [part for ts, value in piece for part in (sheet.x(ts), sheet.y(value))]
            if len(points) >= 4:
                found.append(PolyLine(points, strokeColor=colour, strokeWidth=0.8))
    return found
