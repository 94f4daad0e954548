"""How is the histogram of lines drawn? Bars of a fixed drawing, the worst level at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.model.logs import level_name
from tocsin.query.logs.search import Bucket, Span

WIDTH = 1_000
HEIGHT = 100
_LEVELS = ("fatal", "error", "warn", "info", "debug", "trace", "unknown")


@dataclass(frozen=True, slots=True)
class Part:
    """One level's share of a bar, in the drawing's units from above."""

    level: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: `start_s` and `end_s` since the epoch, its place and its parts."""

    start_s: int
    end_s: int
    x: float
    width: float
    lines: int
    words: str
    parts: Sequence[Part]


def bars_of(buckets: Sequence[Bucket], span: Span, step_s: int) -> list[Bar]:
    """The bars of a range; a level that is there at all is a pixel high at the least."""
    counts: dict[int, dict[str, int]] = {}
    for one in buckets:
        levels = counts.setdefault(one.start_s, {})
        name = level_name(one.level)
        levels[name] = levels.get(name, 0) + one.lines
    most = max((sum(levels.values()) for levels in counts.values()), default=0)
    start_s, end_s = span.start_ns / 1e9, span.end_ns / 1e9
    scale = WIDTH / (end_s - start_s)
    return [
        _bar(at, step_s, levels, most, (start_s, end_s), scale)
        for at, levels in sorted(counts.items())
    ]


def _bar(
    at: int,
    step_s: int,
    levels: dict[str, int],
    most: int,
    ends: tuple[float, float],
    scale: float,
) -> Bar:
    left, right = max(at, ends[0]), min(at + step_s, ends[1])
    bottom = float(HEIGHT)
    parts = []
    for name in _LEVELS:
        if count := levels.get(name, 0):
            height = max(1.5, count / most * (HEIGHT - 8))
            bottom -= height
            parts.append(Part(name, round(max(bottom, 0), 2), round(height, 2)))
    words = ", ".join(f"{levels[name]:,} {name}" for name in _LEVELS if name in levels)
    x, width = (left - ends[0]) * scale, (right - left) * scale
    return Bar(
        start_s=at,
        end_s=at + step_s,
        x=round(x, 2),
        width=round(max(width * 0.86, 0.6), 2),
        lines=sum(levels.values()),
        words=words,
        parts=parts,
    )
