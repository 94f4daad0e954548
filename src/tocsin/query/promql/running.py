"""How is one query run? Read, evaluate, and both again for the next piece of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from tocsin.kit.clock import Clock
from tocsin.kit.fault import TooLarge
from tocsin.model.series import SeriesData, SeriesSource
from tocsin.query.promql import ast
from tocsin.query.promql.annotations import Annotations
from tocsin.query.promql.evaluate import Evaluator, NodeStats, Reads
from tocsin.query.promql.faults import QueryCanceled, QueryTimeout, TooManySamples
from tocsin.query.promql.matrix import Grid, Steps
from tocsin.query.promql.plan import Context, Need, needs
from tocsin.query.promql.result import EngineLimits, QueryOptions, QueryStats
from tocsin.query.promql.window import Samples

_T = TypeVar("_T")

_FIRST_PART = 16
"""A wide query's first chunk is this part of it: it tells how dense the samples are."""


@dataclass(slots=True)
class Run:
    """One query while it runs: its deadline, what it has read, what it has to say."""

    text: str
    clock: Clock
    source: SeriesSource
    limits: EngineLimits
    options: QueryOptions
    heavy: asyncio.Semaphore
    stats: QueryStats = field(default_factory=QueryStats)
    canceled: bool = False
    _deadline: float = 0.0
    _notes: Annotations | None = None

    def __post_init__(self) -> None:
        self._deadline = self.clock.monotonic() + self.options.timeout_seconds

    @property
    def notes(self) -> Annotations:
        """Warnings and infos so far."""
        if self._notes is None:
            self._notes = Annotations(self.text)
        return self._notes

    def check(self) -> None:
        """Raise when nobody waits any more or the time is up."""
        if self.canceled:
            raise QueryCanceled
        if self.clock.monotonic() > self._deadline:
            raise QueryTimeout

    def chunks(self, expr: ast.Expr, steps: Steps) -> Chunks:
        """The pieces of time in which the steps are to be evaluated."""
        context = Context(self.options.lookback_ms, self.limits.subquery_step_ms)
        spans = [need.end_ms - need.start_ms for need in needs(expr, steps.first, context)]
        return Chunks(steps, self.limits, max(spans, default=0))

    async def admitted(self, queue: asyncio.Semaphore) -> None:
        """Wait for a place among the running queries. Raises QueryTimeout."""
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                await queue.acquire()
        except TimeoutError as error:
            raise QueryTimeout("query queue") from error

    async def read(self, expr: ast.Expr, steps: Steps, limit_samples: int) -> Reads:
        """Read all selectors of a resolved query at once. Raises TooManySamples, QueryTimeout."""
        began = self.clock.monotonic()
        context = Context(self.options.lookback_ms, self.limits.subquery_step_ms)
        wanted = needs(expr, steps, context)
        left = self._deadline - began
        try:
            async with asyncio.timeout(max(left, 0)):
                found = await self._gathered(wanted, limit_samples)
        except TimeoutError as error:
            raise QueryTimeout("query execution") from error
        except TooLarge as error:
            raise TooManySamples from error
        self._count(found, limit_samples)
        self.stats.fetch_seconds += self.clock.monotonic() - began
        return Reads(wanted, [Samples.of(data) for data in found])

    async def _gathered(self, wanted: list[Need], limit_samples: int) -> list[SeriesData]:
        reads = [
            self.source.select(
                need.matchers, need.start_ms, need.end_ms, limit_samples=limit_samples
            )
            for need in wanted
        ]
        if len(reads) == 1:
            return [await reads[0]]
        return list(await _all(reads))

    def _count(self, found: list[SeriesData], limit_samples: int) -> None:
        samples = sum(len(data.ts) for data in found)
        if samples > limit_samples:
            raise TooManySamples
        self.stats.samples_read += samples
        self.stats.series_read += sum(len(data.labels) for data in found)
        self.stats.peak_samples = max(self.stats.peak_samples, samples)
        self.stats.origins = tuple(sorted({*self.stats.origins, *(d.origin for d in found)}))
        for data in found:
            for warning in data.warnings:
                self.notes.warn_plain(warning)

    async def evaluate(self, reads: Reads, steps: Steps, work: Callable[[Evaluator], _T]) -> _T:
        """Do the work here when it is small, else in a thread so that ingest goes on."""
        explained: list[NodeStats] | None = [] if self.options.explain else None
        evaluator = Evaluator(
            reads,
            Context(self.options.lookback_ms, self.limits.subquery_step_ms),
            self.notes,
            self.check,
            self.clock.monotonic,
            min(self.options.limit_samples, self.limits.max_cells),
            explained,
        )
        began = self.clock.monotonic()

        def quiet() -> _T:
            # Infinities and NaN are values here; numpy's warnings about them are noise.
            with np.errstate(all="ignore"):
                return work(evaluator)

        try:
            if self._size(reads, steps) < self.limits.thread_cells:
                result = quiet()
            else:
                async with self.heavy:
                    result = await asyncio.to_thread(quiet)
        except asyncio.CancelledError:
            self.canceled = True
            raise
        self.stats.eval_seconds += self.clock.monotonic() - began
        peak = self.stats.peak_samples
        self.stats.peak_samples = max(peak, evaluator.peak_samples)
        self.stats.nodes = _summed(self.stats.nodes, explained or [])
        return result

    @staticmethod
    def _size(reads: Reads, steps: Steps) -> int:
        return sum(len(samples.ts) for samples in reads.samples) + reads.cells(steps)


async def _all(reads: Sequence[Coroutine[None, None, SeriesData]]) -> list[SeriesData]:
    """All reads at once; the first error is raised as it is, and the others end."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _summed(before: list[NodeStats], now: list[NodeStats]) -> list[NodeStats]:
    """The same nodes' times over all chunks of a query."""
    if len(before) != len(now):
        return before or now
    return [
        replace(
            new,
            seconds=old.seconds + new.seconds,
            series_in=max(old.series_in, new.series_in),
            series_out=max(old.series_out, new.series_out),
        )
        for old, new in zip(before, now, strict=True)
    ]


class Chunks:
    """Cuts a range query's steps so that no chunk reads many more samples than its budget.

    How dense the samples are is known after the first chunk only; it is a small one when the
    query is wide. Each chunk reads again what its first step looks back at (`reach_ms`), so that
    none is made much shorter than that.
    """

    def __init__(self, steps: Steps, limits: EngineLimits, reach_ms: int) -> None:
        self._steps = steps
        self._done = 0
        self._budget = limits.chunk_samples
        span = steps.step_ms * (steps.count - 1)
        narrow = span <= limits.chunk_span_ms
        self.least = max(1, reach_ms // steps.step_ms)
        self._size = steps.count if narrow else max(self.least, -(-steps.count // _FIRST_PART))

    def next(self) -> Steps | None:
        """The next piece, None at the end."""
        left = self._steps.count - self._done
        if left <= 0:
            return None
        count = min(self._size, left)
        start = self._steps.start_ms + self._done * self._steps.step_ms
        self._done += count
        return Steps(start, self._steps.step_ms, count)

    def smaller(self, piece: Steps) -> None:
        """The last piece held too much: it comes again, in quarters."""
        self._done -= piece.count
        self._size = max(self.least, piece.count // 4)

    def measured(self, samples: int, cells: int) -> None:
        """What the last piece held; the next one is made as large as the budget allows."""
        load = max(samples, cells, 1)
        fitting = min(self._steps.count, int(self._size * self._budget / load))
        self._size = max(self.least, fitting)


def joined(grids: list[Grid]) -> Grid:
    """The chunks of one query side by side."""
    if len(grids) == 1:
        return grids[0]
    places: dict[tuple[tuple[str, str], ...], int] = {}
    for grid in grids:
        for labels in grid.labels:
            places.setdefault(labels, len(places))
    width = sum(grid.values.shape[1] for grid in grids)
    values = np.zeros((len(places), width))
    present = np.zeros(values.shape, np.bool_)
    start = 0
    for grid in grids:
        rows = np.array([places[labels] for labels in grid.labels], np.int64)
        stop = start + grid.values.shape[1]
        values[rows, start:stop] = grid.values
        present[rows, start:stop] = grid.present
        start = stop
    return Grid(list(places), values, present, np.zeros(len(places), np.bool_))
