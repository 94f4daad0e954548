"""Why does a refreshing dashboard compute only its new tail? Results of range queries are kept.

A step's value is kept when nothing can change it any more: it lies further back than samples
usually arrive late (the grace), and the query looks at no other time than the step and what lies
before it. What arrives later still is told by `saw`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.labels import Labels
from tocsin.model.series import SeriesSource
from tocsin.query.promql.ast import (
    Call,
    Duration,
    DurationExpr,
    DurationOp,
    Expr,
    MatrixSelector,
    Subquery,
    ValueType,
    VectorSelector,
)
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.matrix import Bools, Floats
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.result import EngineLimits, QueryOptions, QueryStats, Result
from tocsin.query.promql.tree import walk

_OF_THE_RANGE = frozenset({"start", "end", "range"})
"""Functions whose value depends on the query's ends."""

_TOLD_WITH_TIMES = "needed to be fixed for monotonicity"
"""An info that counts steps: parts of it cannot be put together."""

_SERIES_BYTES = 200
_LARGEST_SHARE = 4
_WIDEST = 4

_steps = gauge.counter(
    "query_cache_steps", "Steps of range queries by whether they were kept.", ("kept",)
)
_bytes = gauge.gauge("query_cache_bytes", "Memory that kept results of range queries take.")

_Key = tuple[str, int, int, int, bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """Steps of one query that will not change: the first one's time and series × steps."""

    start_ms: int
    step_ms: int
    labels: Sequence[Labels]
    values: Floats
    present: Bools
    warnings: tuple[str, ...]
    infos: tuple[str, ...]

    @property
    def count(self) -> int:
        return int(self.values.shape[1])

    @property
    def end_ms(self) -> int:
        """The last step's time."""
        return self.start_ms + (self.count - 1) * self.step_ms

    @property
    def size_bytes(self) -> int:
        own = self.values.nbytes + self.present.nbytes
        return own + _SERIES_BYTES * (len(self.labels) + 1)

    def between(self, start_ms: int, end_ms: int) -> _Kept:
        """The steps from one time to another (both included), without series that have none."""
        first = max(0, (start_ms - self.start_ms) // self.step_ms)
        stop = max(first, min(self.count, (end_ms - self.start_ms) // self.step_ms + 1))
        return replace(
            self,
            start_ms=self.start_ms + first * self.step_ms,
            values=self.values[:, first:stop],
            present=self.present[:, first:stop],
        )


@dataclass(slots=True, eq=False)
class _Running:
    """A query that is being computed; steps from `until_ms` on may have missed late samples."""

    until_ms: int = 2**62


class CachingEngine(Engine):
    """An Engine whose range queries reuse what the same query, at the same steps, had before.

    `grace_ms` is how late samples may arrive unannounced; `max_bytes` bounds what is kept.
    """

    def __init__(
        self,
        source: SeriesSource,
        clock: Clock,
        limits: EngineLimits | None = None,
        *,
        grace_ms: int = 120_000,
        max_bytes: int = 64 << 20,
    ) -> None:
        super().__init__(source, clock, limits)
        self._now_ms = clock.now_ms
        self._grace_ms = grace_ms
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._used_bytes = 0
        self._running: set[_Running] = set()
        self._newest_ms = -(2**62)
        """The last step that any result has."""

    @property
    def kept_bytes(self) -> int:
        """Memory that kept results take."""
        return self._used_bytes

    def saw(self, oldest_ms: int) -> None:
        """Samples from this time on were just written; what is kept of that time goes.

        They came late, or the clock was set back since it was kept.
        """
        if oldest_ms <= max(self._newest_ms, self._settled_ms()):
            self.forget(oldest_ms)

    def forget(self, from_ms: int = -(2**62)) -> None:
        """Samples at or after this time were written late or deleted: what saw them goes."""
        for running in self._running:
            running.until_ms = min(running.until_ms, from_ms)
        for key, kept in list(self._kept.items()):
            if kept.end_ms >= from_ms:
                self._put(key, kept.between(kept.start_ms, from_ms - 1))
        self._newest_ms = min(self._newest_ms, from_ms - 1)

    def _settled_ms(self) -> int:
        return self._now_ms() - self._grace_ms

    async def range(
        self,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        options: QueryOptions | None = None,
    ) -> Result:
        """As Engine.range."""
        chosen = options or QueryOptions()
        if chosen.explain or chosen.source is not None or step_ms <= 0 or end_ms <= start_ms:
            return await super().range(text, start_ms, end_ms, step_ms, options)
        expr = parse(text, experimental=chosen.experimental)
        self._check_range(start_ms, end_ms, step_ms)
        if not is_cacheable(expr):
            return await super().range(text, start_ms, end_ms, step_ms, options)
        end_ms -= (end_ms - start_ms) % step_ms
        key = to_text(expr), step_ms, start_ms % step_ms, chosen.lookback_ms, chosen.experimental
        found = self._find(key, start_ms, end_ms)
        running = _Running()
        self._running.add(running)
        try:
            if found is None:
                _steps.labels("no").inc((end_ms - start_ms) // step_ms + 1)
                result = await super().range(text, start_ms, end_ms, step_ms, chosen)
            else:
                result = await self._completed(text, found, (start_ms, end_ms), chosen)
        finally:
            self._running.discard(running)
        self._keep(key, _of(result, step_ms), min(self._settled_ms(), running.until_ms - 1))
        return result

    def _find(self, key: _Key, start_ms: int, end_ms: int) -> _Kept | None:
        """The steps of the range that are kept; not those that a clock set back made young."""
        kept = self._kept.get(key)
        end_ms = min(end_ms, self._settled_ms())
        if kept is None or kept.end_ms < start_ms or kept.start_ms > end_ms:
            return None
        self._kept.move_to_end(key)
        return kept.between(start_ms, end_ms)

    async def _completed(
        self, text: str, kept: _Kept, ends: tuple[int, int], options: QueryOptions
    ) -> Result:
        """The kept steps with those before and after them, which are computed."""
        start_ms, end_ms = ends
        step = kept.step_ms
        parts = [kept]
        stats = QueryStats()
        _steps.labels("yes").inc(kept.count)
        if kept.start_ms > start_ms:
            head = await super().range(text, start_ms, kept.start_ms - step, step, options)
            parts.insert(0, _of(head, step))
            stats = head.stats
        if kept.end_ms < end_ms:
            tail = await super().range(text, kept.end_ms + step, end_ms, step, options)
            parts.append(_of(tail, step))
            stats = _sum(stats, tail.stats)
        _steps.labels("no").inc(sum(part.count for part in parts if part is not kept))
        cells = sum(part.values.size for part in parts)
        if cells > options.limit_samples // 100:
            joined = await asyncio.to_thread(_joined, parts)
        else:
            joined = _joined(parts)
        times = np.arange(start_ms, end_ms + 1, step, dtype=np.int64)
        return Result(
            ValueType.MATRIX,
            joined.labels,
            times,
            joined.values,
            joined.present,
            warnings=joined.warnings,
            infos=joined.infos,
            stats=stats,
        )

    def _keep(self, key: _Key, fresh: _Kept, until_ms: int) -> None:
        """Keep the steps up to a time, joined to those kept before."""
        step_ms = fresh.step_ms
        fresh = fresh.between(fresh.start_ms, until_ms)
        if fresh.count <= 0 or any(_TOLD_WITH_TIMES in info for info in fresh.infos):
            return
        before = self._kept.get(key)
        if before is not None and before.start_ms < fresh.start_ms <= before.end_ms + step_ms:
            # Panels over different times share one entry: the longest one's beginning stays.
            oldest = fresh.end_ms - _WIDEST * fresh.count * step_ms
            older = before.between(max(before.start_ms, oldest), fresh.start_ms - step_ms)
            if older.count > 0:
                fresh = _joined([older, fresh])
        if before is not None and before.end_ms > fresh.end_ms >= before.start_ms:
            newer = before.between(fresh.end_ms + step_ms, before.end_ms)
            fresh = _joined([fresh, newer]) if newer.count > 0 else fresh
        self._put(key, fresh)

    def _put(self, key: _Key, kept: _Kept) -> None:
        """Replace an entry; one that is empty or too large for its share goes."""
        before = self._kept.pop(key, None)
        if before is not None:
            self._used_bytes -= before.size_bytes
        if kept.count > 0 and kept.size_bytes * _LARGEST_SHARE <= self._max_bytes:
            # A view would hold all of what it is a part of in memory.
            own = replace(kept, values=kept.values.copy(), present=kept.present.copy())
            self._kept[key] = own
            self._newest_ms = max(self._newest_ms, own.end_ms)
            self._used_bytes += own.size_bytes
        while self._used_bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._used_bytes -= oldest.size_bytes
        _bytes.set(self._used_bytes)


def is_cacheable(expr: Expr) -> bool:
    """Whether each step's value depends only on that time and on samples not younger than it."""
    return all(_is_bound_to_its_step(node) for node in walk(expr))


def _is_bound_to_its_step(node: Expr) -> bool:
    match node:
        case Call():
            return node.func not in _OF_THE_RANGE
        case VectorSelector():
            return node.at_ms is None and node.at is None and not node.smoothed and _back(node)
        case Subquery():
            durations = (node.range, node.step or 0)
            timeless = node.at_ms is None and node.at is None
            return timeless and _back(node) and not any(map(_uses_range, durations))
        case MatrixSelector():
            return not _uses_range(node.range)
        case _:
            return True


def _back(node: VectorSelector | Subquery) -> bool:
    """Whether the offset surely looks back; what is computed may turn out negative."""
    return isinstance(node.offset, int) and node.offset >= 0


def _uses_range(duration: Duration | None) -> bool:
    if not isinstance(duration, DurationExpr):
        return False
    if duration.op is DurationOp.RANGE:
        return True
    return _uses_range(duration.left) or _uses_range(duration.right)


def _of(result: Result, step_ms: int) -> _Kept:
    return _Kept(
        int(result.times[0]),
        step_ms,
        result.labels,
        result.values,
        result.present,
        result.warnings,
        result.infos,
    )


def _joined(parts: Sequence[_Kept]) -> _Kept:
    """Neighbouring stretches of steps as one, ordered by labels, without empty series."""
    places: dict[Labels, int] = {}
    for part in parts:
        alive = part.present.any(axis=1)
        for row in np.flatnonzero(alive).tolist():
            places.setdefault(part.labels[row], len(places))
    order = {labels: row for row, labels in enumerate(sorted(places))}
    width = sum(part.count for part in parts)
    values = np.zeros((len(order), width))
    present = np.zeros(values.shape, np.bool_)
    start = 0
    for part in parts:
        rows = np.array([order.get(labels, -1) for labels in part.labels], np.int64)
        there = rows >= 0
        stop = start + part.count
        values[rows[there], start:stop] = part.values[there]
        present[rows[there], start:stop] = part.present[there]
        start = stop
    return _Kept(
        parts[0].start_ms,
        parts[0].step_ms,
        list(order),
        values,
        present,
        tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
        tuple(dict.fromkeys(text for part in parts for text in part.infos)),
    )


def _sum(one: QueryStats, other: QueryStats) -> QueryStats:
    return QueryStats(
        samples_read=one.samples_read + other.samples_read,
        series_read=max(one.series_read, other.series_read),
        peak_samples=max(one.peak_samples, other.peak_samples),
        parse_seconds=one.parse_seconds + other.parse_seconds,
        fetch_seconds=one.fetch_seconds + other.fetch_seconds,
        eval_seconds=one.eval_seconds + other.eval_seconds,
        chunks=one.chunks + other.chunks,
        origins=tuple(sorted({*one.origins, *other.origins})),
    )
