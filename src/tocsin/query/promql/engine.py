"""Ask PromQL: text and times in, arrays out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.model.series import SeriesData, SeriesSource
from tocsin.query.promql import ast
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.check import type_of
from tocsin.query.promql.evaluate import Evaluator, Reads, as_grid
from tocsin.query.promql.faults import SAME_LABELS, EvalError, InvalidQuery, TooManySamples
from tocsin.query.promql.matrix import Grid, Steps, empty, finished, nameless
from tocsin.query.promql.parse import parse
from tocsin.query.promql.resolve import Times, resolve
from tocsin.query.promql.result import EngineLimits, QueryOptions, Result, SlowQuery
from tocsin.query.promql.running import Run, joined
from tocsin.query.promql.window import Windows

__all__ = ["Engine", "EngineLimits", "QueryOptions", "Result", "SlowQuery"]

_log = log.get("promql")
_seconds = gauge.histogram("query_seconds", "Time that PromQL queries took.", ("type",))
_samples = gauge.counter("query_samples_read", "Samples that PromQL queries have read.")

_TOO_FINE = (
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
    "resolution (?step=XX)"
)
_RANGE_TYPES = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "instant vector",
    ValueType.MATRIX: "range vector",
    ValueType.STRING: "string",
}


class Engine:
    """Evaluates queries over a source, several at a time.

    Raises, besides ParseError: InvalidQuery for what cannot be asked, EvalError (QueryTimeout,
    QueryCanceled, TooManySamples among them) for what cannot be evaluated.
    """

    def __init__(
        self, source: SeriesSource, clock: Clock, limits: EngineLimits | None = None
    ) -> None:
        self._source = source
        self._clock = clock
        self._limits = limits or EngineLimits()
        self._queue = asyncio.Semaphore(self._limits.at_once)
        self._heavy = asyncio.Semaphore(self._limits.heavy_at_once)
        self._slow: deque[SlowQuery] = deque(maxlen=self._limits.slow_kept)

    @property
    def slow_queries(self) -> tuple[SlowQuery, ...]:
        """The latest queries that took long, oldest first."""
        return tuple(self._slow)

    async def instant(self, text: str, at_ms: int, options: QueryOptions | None = None) -> Result:
        """The value of a query at one time."""
        run = self._run(text, options)
        expr = self._parsed(run, Times(at_ms, at_ms, 0))
        steps = Steps(at_ms, 1, 1)
        kind = type_of(expr)
        await run.admitted(self._queue)
        try:
            reads = await run.read(expr, steps, run.options.limit_samples)
            result = await run.evaluate(reads, steps, lambda ev: _instant(ev, expr, kind, steps))
        finally:
            self._queue.release()
        self._finish(run, steps, "instant")
        return _noted(result, run)

    async def range(
        self,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        options: QueryOptions | None = None,
    ) -> Result:
        """The values of a query from start to end (included), every `step_ms`."""
        self._check_range(start_ms, end_ms, step_ms)
        run = self._run(text, options)
        expr = self._parsed(run, Times(start_ms, end_ms, step_ms))
        kind = type_of(expr)
        if kind not in (ValueType.SCALAR, ValueType.VECTOR):
            raise InvalidQuery(
                f'invalid expression type "{_RANGE_TYPES[kind]}" for range query, must be '
                "Scalar or instant Vector"
            )
        steps = Steps(start_ms, step_ms, (end_ms - start_ms) // step_ms + 1)
        await run.admitted(self._queue)
        try:
            grid = await self._in_chunks(run, expr, steps)
        finally:
            self._queue.release()
        order = sorted(range(grid.count), key=grid.labels.__getitem__)
        grid = grid.rows(np.array(order, np.int64))
        self._finish(run, steps, "range")
        result = Result(ValueType.MATRIX, grid.labels, steps.times, grid.values, grid.present)
        return _noted(result, run)

    async def _in_chunks(self, run: Run, expr: ast.Expr, steps: Steps) -> Grid:
        grids: list[Grid] = []
        chunks = run.chunks(expr, steps)
        cells = 0
        while (piece := chunks.next()) is not None:
            run.check()
            reads = await self._read_piece(run, expr, piece, chunks.least)
            if reads is None:
                chunks.smaller(piece)
                continue
            grid = await run.evaluate(reads, piece, _range(expr, piece))
            run.stats.chunks += 1
            chunks.measured(sum(len(read.ts) for read in reads.samples), grid.values.size)
            cells += grid.values.size
            if cells > min(run.options.limit_samples, self._limits.max_cells):
                raise TooManySamples
            grids.append(grid)
        return joined(grids)

    async def _read_piece(self, run: Run, expr: ast.Expr, piece: Steps, least: int) -> Reads | None:
        """The piece's samples, None when fewer steps would hold less memory."""
        limit = run.options.limit_samples
        if piece.count <= least:
            return await run.read(expr, piece, limit)
        bound = min(limit, 2 * self._limits.chunk_samples)
        try:
            reads = await run.read(expr, piece, bound)
        except TooManySamples:
            return None
        return None if reads.cells(piece) > self._limits.chunk_cells else reads

    def _check_range(self, start_ms: int, end_ms: int, step_ms: int) -> None:
        if step_ms <= 0:
            raise InvalidQuery(
                "zero or negative query resolution step widths are not accepted. "
                "Try a positive integer"
            )
        if end_ms < start_ms:
            raise InvalidQuery("end timestamp must not be before start time")
        if (end_ms - start_ms) // step_ms > self._limits.max_points:
            raise InvalidQuery(_TOO_FINE)

    def _run(self, text: str, options: QueryOptions | None) -> Run:
        chosen = options or QueryOptions()
        source = chosen.source or self._source
        return Run(text, self._clock, source, self._limits, chosen, self._heavy)

    def _parsed(self, run: Run, times: Times) -> ast.Expr:
        began = self._clock.monotonic()
        expr = resolve(parse(run.text, experimental=run.options.experimental), times)
        run.stats.parse_seconds = self._clock.monotonic() - began
        return expr

    def _finish(self, run: Run, steps: Steps, kind: str) -> None:
        stats = run.stats
        _seconds.labels(kind).observe(stats.total_seconds)
        _samples.inc(stats.samples_read)
        if stats.total_seconds < self._limits.slow_seconds:
            return
        slow = SlowQuery(
            run.text,
            self._clock.now_ms(),
            stats.total_seconds,
            stats.samples_read,
            stats.series_read,
            steps.count,
        )
        self._slow.append(slow)
        _log.warning(
            "slow_query",
            query=run.text[:1000],
            seconds=round(stats.total_seconds, 3),
            samples=stats.samples_read,
            series=stats.series_read,
            steps=steps.count,
        )


def _range(expr: ast.Expr, steps: Steps) -> Callable[[Evaluator], Grid]:
    def work(evaluator: Evaluator) -> Grid:
        return finished(as_grid(evaluator.value(expr, steps), steps))

    return work


def _instant(evaluator: Evaluator, expr: ast.Expr, kind: ValueType, steps: Steps) -> Result:
    value = evaluator.value(expr, steps)
    if isinstance(value, Windows):
        return _matrix(value, steps)
    text = value if isinstance(value, str) else ""
    grid = empty(1) if isinstance(value, str) else finished(as_grid(value, steps))
    return Result(kind, grid.labels, steps.times, grid.values, grid.present, text)


def _matrix(windows: Windows, steps: Steps) -> Result:
    """The samples of each series' only window, as they are."""
    rows = np.flatnonzero(windows.counts[:, 0] > 0)
    first, counts = windows.first[rows, 0], windows.counts[rows, 0]
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    index = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
    names = [
        nameless(windows.labels[row]) if windows.drops[row] else windows.labels[row]
        for row in rows.tolist()
    ]
    if len(set(names)) != len(names):
        raise EvalError(SAME_LABELS)
    data = SeriesData(names, offsets, windows.ts[index], windows.values[index])
    none = empty(1)
    return Result(ValueType.MATRIX, (), steps.times, none.values, none.present, matrix=data)


def _noted(result: Result, run: Run) -> Result:
    notes = run.notes
    return replace(result, warnings=notes.warnings, infos=notes.infos, stats=run.stats)
