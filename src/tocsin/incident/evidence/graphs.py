"""What did an alert's rule look at? Its query's values, and the stored samples behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.alert.rules.doubt import data_of
from tocsin.alert.trying.proposal import subject_of
from tocsin.incident.evidence.bundle import Graph, Points, Selection, number, plain
from tocsin.incident.evidence.ports import Asking, Limits, Room, Samples
from tocsin.kit.fault import TooLarge
from tocsin.model.labels import Labels, make
from tocsin.model.series import SeriesData
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.result import QueryOptions, Result
from tocsin.query.promql.tree import unwrap, walk

_LOOKBACK_MS = 300_000
_LONG_MS = 6 * 3_600_000
_AFTER_MS = 2 * 3_600_000
_BEFORE_END_MS = 2 * 3_600_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One graph: a rule's expression for alerts of these label sets."""

    id: str
    title: str
    expr: str
    recover: str = ""
    unit: str = ""
    alerts: tuple[tuple[str, Labels], ...] = ()
    """Fingerprints and labels of the alerts that it belongs to."""
    every_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when."""

    start_ms: int
    end_ms: int

    def windows(self) -> list[Stretch]:
        """Where stored samples are frozen: all of it, or the ends of a long one."""
        if self.end_ms - self.start_ms <= _LONG_MS:
            return [self]
        return [
            Stretch(self.start_ms, self.start_ms + _AFTER_MS + 3_600_000),
            Stretch(self.end_ms - _BEFORE_END_MS, self.end_ms),
        ]


async def freeze(
    engine: Asking, samples: Samples, asked: Asked, stretch: Stretch, limits: Limits, room: Room
) -> Graph:
    """The graph. Raises the faults of the engine and of the source, but TooLarge for a selector,
    which is left out."""
    query, thresholds = drawn(asked.expr, asked.recover)
    step = step_of(stretch, asked.every_ms, limits.points)
    options = QueryOptions(timeout_seconds=limits.seconds, limit_samples=limits.read_samples)
    result = await engine.range(query, stretch.start_ms, stretch.end_ms, step, options)
    series = _drawn_series(result, asked, limits, room)
    return Graph(
        id=asked.id,
        title=asked.title,
        alerts=tuple(one for one, _ in asked.alerts),
        query=query,
        unit=asked.unit,
        thresholds=thresholds,
        start_ms=stretch.start_ms,
        end_ms=stretch.end_ms,
        step_ms=step,
        series=series,
        stored=await _stored(samples, asked, stretch, limits, room),
    )


def _drawn_series(result: Result, asked: Asked, limits: Limits, room: Room) -> tuple[Points, ...]:
    order = likest(result.labels, [labels for _, labels in asked.alerts])
    kept: list[Points] = []
    for row in order[: limits.series]:
        points = _evaluated(result, row)
        if len(points.ts) > room.values:
            break
        room.values -= len(points.ts)
        kept.append(points)
    if len(kept) < len(order):
        why = f"{len(order)} series; those most like the alert are there"
        room.lacks(f"{len(order) - len(kept)} series of the graph {asked.title}", why)
    return tuple(kept)


def drawn(expr: str, recover: str = "") -> tuple[str, tuple[float, ...]]:
    """What is drawn of a rule: the value that is compared with a number, and the number; of
    conditions that must hold together the first."""
    node = unwrap(parse(expr))
    while isinstance(node, ast.Binary) and node.op == "and":
        node = unwrap(node.left)
    first = to_text(node)
    found = subject_of(first)
    if found is None:
        return data_of(first) or first, ()
    back = subject_of(recover) if recover else None
    both = (found.threshold, back.threshold) if back else (found.threshold,)
    return found.query, tuple(one for one in both if np.isfinite(one))


def step_of(stretch: Stretch, every_ms: int, points: int) -> int:
    """The rule's own interval, or as long that the points suffice; whole seconds."""
    least = -(-(stretch.end_ms - stretch.start_ms) // (points * 1000)) * 1000
    return max(every_ms, least, 1000)


def selectors_of(expr: str) -> list[tuple[tuple[str, ast.VectorSelector], int]]:
    """Each selector with its text, and how far before a moment it looks, ms."""
    reach: dict[str, tuple[ast.VectorSelector, int]] = {}
    parsed = parse(expr)
    ranged = {id(n.selector): n.range for n in walk(parsed) if isinstance(n, ast.MatrixSelector)}
    around = sum(
        node.range
        for node in walk(parsed)
        if isinstance(node, ast.Subquery) and isinstance(node.range, int)
    )
    for node in walk(parsed):
        if not isinstance(node, ast.VectorSelector):
            continue
        back = ranged.get(id(node), _LOOKBACK_MS)
        offset = node.offset if isinstance(node.offset, int) else 0
        ms = (back if isinstance(back, int) else _LOOKBACK_MS) + max(0, offset) + around
        bare = to_text(ast.VectorSelector(node.name, node.matchers))
        known = reach.get(bare)
        reach[bare] = (node, max(ms, known[1] if known else 0))
    return [((text, node), ms) for text, (node, ms) in reach.items()]


def likest(found: Sequence[Labels], wanted: Sequence[Labels]) -> list[int]:
    """The rows, those first that have most labels in common with an alert."""
    sets = [set(labels) for labels in wanted]

    def unlike(row: int) -> tuple[int, int]:
        own = set(found[row])
        return -max((len(own & one) for one in sets), default=0), row

    return sorted(range(len(found)), key=unlike)


def _evaluated(result: Result, row: int) -> Points:
    there = np.flatnonzero(result.present[row])
    return Points(
        labels=plain(result.labels[row]),
        ts=tuple(result.times[there].tolist()),
        values=tuple(number(value) for value in result.values[row, there].tolist()),
    )


async def _stored(
    samples: Samples, asked: Asked, stretch: Stretch, limits: Limits, room: Room
) -> tuple[Selection, ...]:
    found: list[Selection] = []
    windows = stretch.windows()
    for (text, node), reach in selectors_of(asked.expr):
        if len(windows) > 1:
            room.lacks(
                f"stored samples of {text} between the first three hours and the last two",
                "the incident was long; the graph has values of all of it",
            )
        for window in windows:
            start = window.start_ms - reach
            try:
                data = await samples.select(
                    node.matchers, start, window.end_ms, limit_samples=limits.read_samples
                )
            except TooLarge as error:
                room.lacks(f"stored samples of {text}", str(error))
                continue
            found.append(_selection(data, text, start, window.end_ms, asked, limits, room))
    return tuple(found)


def _selection(  # noqa: PLR0913  one value each of a selection, its graph and the file's room
    data: SeriesData, text: str, start: int, end: int, asked: Asked, limits: Limits, room: Room
) -> Selection:
    order = likest([make(one) for one in data.labels], [labels for _, labels in asked.alerts])
    kept: list[Points] = []
    for row in order[: limits.series]:
        first, last = int(data.offsets[row]), int(data.offsets[row + 1])
        if last - first > room.samples:
            break
        room.samples -= last - first
        kept.append(
            Points(
                labels=plain(data.labels[row]),
                ts=tuple(data.ts[first:last].tolist()),
                values=tuple(number(value) for value in data.values[first:last].tolist()),
            )
        )
    if len(kept) < len(order):
        what = f"stored samples of {len(order) - len(kept)} of {len(order)} series of {text}"
        room.lacks(what, "a file holds so many; those most like the alert are there")
    for words in data.warnings:
        room.lacks(f"single samples of {text}", words)
    return Selection(
        selector=text, start_ms=start, end_ms=end, series=tuple(kept), origin=data.origin
    )
