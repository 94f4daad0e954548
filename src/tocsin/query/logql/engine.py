"""Ask LogQL: lines, or series counted of lines; the latter in the same form as PromQL's.

What stands around range aggregations is evaluated by PromQL's own engine, over a source that
holds what was counted for each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp
from tocsin.model.series import SeriesData, Unlisted
from tocsin.query.logql import ast
from tocsin.query.logql.count import Counted, Series, count_lines, counted
from tocsin.query.logql.faults import LogqlError
from tocsin.query.logql.parse import LEAF, parse
from tocsin.query.logql.windows import Steps
from tocsin.query.logs.parse import parse as parse_question
from tocsin.query.logs.search import LogSearch
from tocsin.query.logs.sql import condition
from tocsin.query.promql import ast as promql
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.faults import InvalidQuery
from tocsin.query.promql.matrix import Bools, Floats, Ints, without
from tocsin.query.promql.parse import parse as parse_promql
from tocsin.query.promql.result import QueryOptions, Result
from tocsin.query.promql.tree import unwrap, walk

_AT_ONCE = 4
_MOST_POINTS = 11_000
_LOOKBACK_MS = 1
"""Counted series have a value at each step or none: nothing lies between."""


class LogqlEngine:
    """Evaluates metric queries. Raises LogqlError, EvalError, and as LogSearch does."""

    def __init__(self, search: LogSearch, clock: Clock) -> None:
        self._search = search
        self._outer = Engine(Leaves({}, Steps(0, 1, 1, 1, 0)), clock)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def instant(self, text: str, at_ms: int) -> Result:
        """The value of a metric query at one time."""
        query = metric(text)
        async with self._turns:
            source, notes = await self._counted(query, at_ms, 1000, 1)
        asked = self._outer.instant(query.promql, at_ms, _options(source))
        return await _outer(asked, notes)

    async def range(self, text: str, start_ms: int, end_ms: int, step_ms: int) -> Result:
        """The values from start to end (included), every `step_ms`."""
        query = metric(text)
        if step_ms <= 0 or end_ms < start_ms:
            raise LogqlError("the end must not lie before the start, and steps must be positive")
        count = (end_ms - start_ms) // step_ms + 1
        if count > _MOST_POINTS:
            raise LogqlError(
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the "
                "value of the step parameter"
            )
        async with self._turns:
            source, notes = await self._counted(query, start_ms, step_ms, count)
        last = start_ms + step_ms * (count - 1)
        asked = self._outer.range(query.promql, start_ms, last, step_ms, _options(source))
        return await _outer(asked, notes)

    async def at_times(self, text: str, times_ms: Ints) -> tuple[Sequence[Labels], Floats, Bools]:
        """The series of a query at times that are equally far apart: labels, values, presence."""
        step = int(times_ms[1] - times_ms[0]) if len(times_ms) > 1 else 0
        if step:
            result = await self.range(text, int(times_ms[0]), int(times_ms[-1]), step)
        else:
            result = await self.instant(text, int(times_ms[-1]))
        return result.labels, result.values, result.present

    async def lines_at(
        self, question: str, by: tuple[str, ...], range_ms: int, times_ms: Ints
    ) -> tuple[Sequence[Labels], Floats, Bools]:
        """How many lines answer a question in Tocsin's own language, in the range before each
        time, by the values of fields. Raises Rejected with the place of a mistake."""
        step = int(times_ms[1] - times_ms[0]) if len(times_ms) > 1 else 1000
        steps = Steps(int(times_ms[0]), step, len(times_ms), range_ms, 0)
        where = condition(parse_question(question), self._search.now_ns())
        async with self._turns:
            found = await count_lines(self._search, where, steps, by)
        values = np.array(list(found.values())).reshape(len(found), len(times_ms))
        return list(found), values, ~np.isnan(values)

    async def _counted(
        self, query: ast.MetricQuery, start_ms: int, step_ms: int, count: int
    ) -> tuple[Leaves, tuple[str, ...]]:
        groups = _groups(query.promql)
        found: dict[str, Series] = {}
        notes: list[str] = []
        for number, leaf in enumerate(query.leaves):
            steps = Steps(start_ms, step_ms, count, leaf.range_ms, leaf.offset_ms)
            name = f"{LEAF}{number}"
            part: Counted = await counted(self._search, leaf, steps, groups.get(name))
            found[name] = part.series
            notes += part.warnings
        return Leaves(found, Steps(start_ms, step_ms, count, 1, 0)), tuple(notes)


def metric(text: str) -> ast.MetricQuery:
    """A query that has series; raises LogqlError for one that has lines, or for a mistake."""
    query = parse(text)
    if isinstance(query, ast.LogQuery):
        raise LogqlError(
            "log queries are not supported as an instant query type, please change your query to "
            "a range query type"
        )
    try:
        parse_promql(query.promql)
    except (ParseError, Rejected) as error:
        raise LogqlError(f"parse error : {error}") from error
    return query


def _options(source: Leaves) -> QueryOptions:
    return QueryOptions(lookback_ms=_LOOKBACK_MS, source=source)


async def _outer(asked: object, notes: tuple[str, ...]) -> Result:
    try:
        result: Result = await asked  # type: ignore[misc]  # the engine's coroutine
    except (ParseError, InvalidQuery) as error:
        raise LogqlError(str(error)) from error
    labels = [without(one, (NAME,)) for one in result.labels]
    return replace(result, labels=labels, warnings=(*notes, *result.warnings))


def _groups(text: str) -> Mapping[str, tuple[str, ...]]:
    """Which labels are kept of each leaf that a sum stands around."""
    found: dict[str, tuple[str, ...]] = {}
    for node in walk(parse_promql(text)):
        if isinstance(node, promql.Aggregate) and node.op == "sum" and not node.without:
            inner = unwrap(node.expr)
            if isinstance(inner, promql.VectorSelector):
                name = _name_of(inner.matchers)
                if name is not None:
                    found[name] = node.grouping
    return found


def _name_of(matchers: Sequence[Matcher]) -> str | None:
    return next(
        (one.value for one in matchers if one.name == NAME and one.op is MatchOp.EQUAL), None
    )


@dataclass(frozen=True, slots=True)
class Leaves(Unlisted):
    """What was counted, as a source of series for PromQL's engine."""

    leaves: Mapping[str, Series]
    steps: Steps

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """The series of the leaf that the selector names."""
        name = _name_of(matchers) or ""
        times = self.steps.times_ms
        inside = (times >= start_ms) & (times <= end_ms)
        labels: list[Labels] = []
        offsets, ts, values = [0], [], []
        for own, all_values in self.leaves.get(name, {}).items():
            there = inside & ~np.isnan(all_values)
            labels.append(tuple(sorted((*own, (NAME, name)))))
            ts.append(times[there])
            values.append(all_values[there])
            offsets.append(offsets[-1] + len(ts[-1]))
        if not labels:
            return SeriesData.empty("logs")
        return SeriesData(
            labels,
            np.array(offsets, np.int64),
            np.concatenate(ts),
            np.concatenate(values),
            "logs",
        )
