"""How are the series of a range aggregation made? In SQL when lines need not be looked into,
else of lines read page by page, each page in a thread."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tocsin.model.labels import Labels, MatchOp, make
from tocsin.query.logql import ast
from tocsin.query.logql.faults import LogqlError, TooManySeries
from tocsin.query.logql.labels import (
    LINE,
    STREAM,
    beside,
    label_sql,
    labels_of,
    line_of,
    other_names,
)
from tocsin.query.logql.parsers import ERROR
from tocsin.query.logql.process import Entry, Step, compiled
from tocsin.query.logql.pushdown import Plan, only_counts, plan
from tocsin.query.logql.windows import Floats, Samples, Steps, folded, per_second, rolled
from tocsin.query.logs.pages import pages
from tocsin.query.logs.search import Line, LogSearch, Span, within

MOST_SERIES = 5_000
MOST_LINES = 5_000_000
_MOST_CELLS = 5_000_000
_MOST_OVERLAP = 5_000
COUNTS = frozenset(("count_over_time", "rate", "bytes_over_time", "bytes_rate"))

Series = dict[Labels, Floats]
"""A value for each step, NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Series, and what is to be said of lines that had no value."""

    series: Series
    warnings: tuple[str, ...] = ()


async def counted(
    search: LogSearch, leaf: ast.RangeOf, steps: Steps, by: tuple[str, ...] | None
) -> Counted:
    """The series of a range aggregation. `by` are the labels that the sum around it keeps.

    Raises LogqlError for too much, and as LogSearch does.
    """
    parts = plan(leaf.lines)
    group = _group(leaf, by)
    if leaf.op == "absent_over_time":
        found = await _in_sql(search, leaf, parts, steps, ())
        return Counted(_absent(leaf, found, steps)) if not parts.stages else await _absent_lines(
            search, leaf, parts, steps
        )  # fmt: skip
    is_counted = leaf.op in COUNTS and leaf.lines.unwrap is None
    known = group is not None and set(group) <= {*STREAM, "detected_level", *parts.labels}
    if is_counted and (not parts.stages or (known and only_counts(parts.stages))):
        return Counted(await _in_sql(search, leaf, parts, steps, group))
    return await _of_lines(search, leaf, parts, steps, group)


def _group(leaf: ast.RangeOf, by: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if leaf.grouping is not None:
        return None if leaf.without else leaf.grouping
    adds_up = leaf.op in COUNTS or leaf.op == "sum_over_time"
    return by if adds_up else None


async def count_lines(search: LogSearch, where: str, steps: Steps, by: tuple[str, ...]) -> Series:
    """How many lines fulfil a condition in SQL, by labels."""
    every = ast.RangeOf("count_over_time", ast.LogQuery(()), steps.range_ms)
    return await _in_sql(search, every, Plan(where, (), ()), steps, by)


async def _in_sql(
    search: LogSearch,
    leaf: ast.RangeOf,
    parts: Plan,
    steps: Steps,
    group: tuple[str, ...] | None,
) -> Series:
    names = group if group is not None else tuple(dict.fromkeys((*STREAM, *parts.labels)))
    keys = [f"{label_sql(name)} AS k{place}" for place, name in enumerate(names)]
    each = f"length({LINE}) * weight" if leaf.op.startswith("bytes") else "weight"
    span = Span(steps.first_ns, steps.end_ns)
    width = steps.folded
    grouped = ", ".join(["at", *(f"k{place}" for place in range(len(names)))])
    sql = (
        f"SELECT {', '.join([f'{_place_sql(steps)} AS at', *keys, f'sum({each})'])} FROM logs"
        f" WHERE {within(span)} AND {parts.where} GROUP BY {grouped} LIMIT {_MOST_CELLS + 1}"
    )
    rows: list[list[Any]] = await search.ask(sql, list)
    if len(rows) > _MOST_CELLS:
        raise TooManySeries(MOST_SERIES)
    size = steps.count + width - 1 if width else steps.count
    found: dict[tuple[str, ...], Floats] = {}
    for at, *key, total in rows:
        place = int(at) + (width - 1 if width else 0)
        if 0 <= place < size:
            found.setdefault(tuple(key), np.zeros(size))[place] += float(total)
        if len(found) > MOST_SERIES:
            raise TooManySeries(MOST_SERIES)
    scale = per_second(leaf.op, steps.range_ms)
    series: Series = {}
    for key_values, sums in found.items():
        values = rolled(sums, steps) if width else sums
        labels = make(zip(names, key_values, strict=True))
        series[labels] = np.where(values > 0, values / scale, np.nan)
    return series


def _place_sql(steps: Steps) -> str:
    """Which step a line belongs to: one when ranges are whole steps, else all that see it."""
    start = (steps.start_ms - steps.offset_ms) * 10**6
    step, length = steps.step_ms * 10**6, steps.range_ms * 10**6
    since = f"(toUnixTimestamp64Nano(ts) - {start})"
    first = f"toInt64(ceil({since} / {step}))"
    if steps.folded:
        return first
    if steps.count > 1 and steps.range_ms // steps.step_ms > _MOST_OVERLAP:
        raise LogqlError("the range is far longer than the step; make the step longer")
    last = f"toInt64(ceil(({since} + {length}) / {step}))"
    return f"arrayJoin(range(greatest(0, {first}), least({steps.count}, {last})))"


@dataclass(slots=True)
class _Samples:
    ts: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Gathering:
    """Samples of lines by their labels, filled page by page."""

    leaf: ast.RangeOf
    run: Step
    group: tuple[str, ...] | None
    series: dict[Labels, _Samples] = field(default_factory=lambda: defaultdict(_Samples))
    lines: int = 0
    failed: int = 0

    @property
    def _selected(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.leaf.lines.matchers)

    def take(self, page: Sequence[Line]) -> None:
        """All lines of a page; CPU work."""
        self.lines += len(page)
        if self.lines > MOST_LINES:
            raise LogqlError(
                f"the query would look into more than {MOST_LINES:,} lines one by one; narrow its "
                "selector or range, or filter lines before they are parsed"
            )
        others = other_names(self.group or self._selected)
        for line in page:
            labels = labels_of(line)
            if others:
                labels |= beside(line, labels, others)
            entry = Entry(line.ts_ns, line_of(line), labels)
            if self.run(entry):
                self._add(entry, line.weight)

    def _add(self, entry: Entry, weight: int) -> None:
        value = self._value(entry)
        if value is None:
            self.failed += weight
            return
        labels = make(self._labels(entry).items())
        if labels not in self.series and len(self.series) >= MOST_SERIES:
            raise TooManySeries(MOST_SERIES)
        samples = self.series[labels]
        samples.ts.append(entry.ts_ns)
        samples.values.append(value)
        samples.weights.append(weight)

    def _value(self, entry: Entry) -> float | None:
        if self.leaf.lines.unwrap is not None:
            return entry.value
        return float(len(entry.line.encode())) if self.leaf.op.startswith("bytes") else 1.0

    def _labels(self, entry: Entry) -> dict[str, str]:
        if self.group is not None:
            return {name: entry.labels.get(name, "") for name in self.group}
        if self.leaf.without:
            left_out = self.leaf.grouping or ()
            return {n: v for n, v in entry.labels.items() if n not in left_out}
        kept = {*STREAM, *self._selected, ERROR}
        return {n: v for n, v in entry.labels.items() if n in kept or n in entry.parsed}


async def _of_lines(
    search: LogSearch,
    leaf: ast.RangeOf,
    parts: Plan,
    steps: Steps,
    group: tuple[str, ...] | None,
) -> Counted:
    gathering = _Gathering(leaf, compiled(parts.stages), group)
    span = Span(steps.first_ns, steps.end_ns)
    async for page in pages(search, parts.where, span, newest_first=False):
        await asyncio.to_thread(gathering.take, page)
    series = await asyncio.to_thread(_folded, gathering, leaf, steps)
    if gathering.failed:
        words = f"{gathering.failed} lines have no number to unwrap and were left out"
        return Counted(series, (words,))
    return Counted(series)


def _folded(gathering: _Gathering, leaf: ast.RangeOf, steps: Steps) -> Series:
    return {
        labels: folded(
            leaf.op,
            leaf.param,
            Samples(
                np.array(samples.ts, np.int64),
                np.array(samples.values),
                np.array(samples.weights, np.float64),
            ),
            steps,
        )
        for labels, samples in gathering.series.items()
    }


async def _absent_lines(search: LogSearch, leaf: ast.RangeOf, parts: Plan, steps: Steps) -> Counted:
    found = await _of_lines(search, leaf, parts, steps, ())
    return Counted(_absent(leaf, found.series, steps), found.warnings)


def _absent(leaf: ast.RangeOf, found: Series, steps: Steps) -> Series:
    """1 where no series has a value, with the labels that the selector names."""
    there = np.zeros(steps.count, np.bool_)
    for values in found.values():
        there |= ~np.isnan(values)
    if there.all():
        return {}
    equal = [(m.name, m.value) for m in leaf.lines.matchers if m.op is MatchOp.EQUAL]
    return {make(equal): np.where(there, np.nan, 1.0)}
