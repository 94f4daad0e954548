"""How are errors over time drawn? Bars of a fixed drawing, stacked by release or environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.errortracking.occurrences import OTHERS

WIDTH = 1_000
HEIGHT = 100
_SPARK_WIDTH = 100
_SPARK_HEIGHT = 24
_COLOURS = 12
_PARTS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One value's share of a bar, in the drawing's units from above; `colour` is 1 to 12, 0 for
    what is left together."""

    colour: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: its place, its parts, and what it says when one points at it."""

    start_s: float
    x: float
    width: float
    errors: int
    words: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the graph, such as a deploy."""

    at_s: float
    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Key:
    """One value in the legend; `colour` as in the bars."""

    name: str
    colour: int
    errors: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The drawing, `most` errors high."""

    bars: Sequence[Bar]
    keys: Sequence[Key]
    marks: Sequence[Mark]
    start_s: float
    end_s: float
    step_s: float
    most: int
    errors: int


def graph_of(
    counts: Mapping[str, Sequence[int]],
    marks: Sequence[tuple[float, str]],
    start_s: float,
    step_s: float,
) -> Graph:
    """The graph of counts by value; the eight most frequent have a colour of their own."""
    totals = {name: sum(row) for name, row in counts.items()}
    known = (name for name in totals if totals[name] and name != OTHERS)
    names = sorted(known, key=lambda one: -totals[one])
    shown, rest = names[:_PARTS], [*names[_PARTS:], *(name for name in counts if name == OTHERS)]
    steps = max((len(row) for row in counts.values()), default=0)
    rows = {name: list(counts[name]) for name in shown}
    if rest:
        rows[OTHERS] = [sum(counts[name][step] for name in rest) for step in range(steps)]
    colours = {name: place % _COLOURS + 1 for place, name in enumerate(shown)} | {OTHERS: 0}
    sums = [sum(row[step] for row in rows.values()) for step in range(steps)]
    most = max(sums, default=0)
    end_s = start_s + steps * step_s
    width = WIDTH / max(1, steps)
    bars = []
    for step in range(steps):
        counted = [(colours[name], name, row[step]) for name, row in rows.items() if row[step]]
        if counted:
            place = (round(step * width, 2), round(width * 0.84, 2))
            bars.append(_bar(start_s + step * step_s, place, counted, most))
    return Graph(
        bars=bars,
        keys=[Key(name, colours[name], sum(row)) for name, row in rows.items()],
        marks=[
            Mark(at_s, round((at_s - start_s) / (end_s - start_s) * WIDTH, 1), words)
            for at_s, words in marks
            if start_s <= at_s < end_s
        ],
        start_s=start_s,
        end_s=end_s,
        step_s=step_s,
        most=most,
        errors=sum(sums),
    )


def _bar(
    at_s: float, place: tuple[float, float], counted: Sequence[tuple[int, str, int]], most: int
) -> Bar:
    bottom = float(HEIGHT)
    parts = []
    for colour, _, count in counted:
        height = max(1.5, count / most * (HEIGHT - 6))
        bottom -= height
        parts.append(Part(colour, round(max(bottom, 0), 2), round(height, 2)))
    return Bar(
        start_s=at_s,
        x=place[0],
        width=place[1],
        errors=sum(count for _, _, count in counted),
        words=", ".join(f"{count:,} {name}".strip() for _, name, count in counted),
        parts=parts,
    )


def spark_of(counts: Sequence[int]) -> str:
    """The outline of small bars, an SVG path in a box of 100 by 24; empty without errors."""
    most = max(counts, default=0)
    if not most:
        return ""
    width = _SPARK_WIDTH / len(counts)
    bars = []
    for place, count in enumerate(counts):
        if count:
            height = max(2.0, count / most * _SPARK_HEIGHT)
            x, y = place * width, _SPARK_HEIGHT - height
            bars.append(f"M{x:.1f},{_SPARK_HEIGHT}V{y:.1f}h{width * 0.8:.1f}V{_SPARK_HEIGHT}z")
    return "".join(bars)


def growth_of(counts: Sequence[int]) -> float:
    """How many times as often in the last quarter of a range as in the rest, by the step."""
    quarter = max(1, len(counts) // 4)
    lately, before = sum(counts[-quarter:]), sum(counts[:-quarter])
    steps = max(1, len(counts) - quarter)
    return (lately / quarter + 0.1) / (before / steps + 0.1)
