"""How is a question about lines a series? By its name: `logs{q="payment failed", by="region",
in="5m"}` and `logql{query="…"}` are selectors like any other, and every PromQL tool reads them.

See docs/decisions/0014-a-log-query-is-a-selector.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp
from tocsin.model.samples import STALE, Metadata
from tocsin.model.series import ExemplarData, SeriesData, SeriesSource
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logql.faults import LogqlError
from tocsin.query.promql.durations import parse_duration
from tocsin.query.promql.matrix import Bools, Floats, Ints

LOGQL, LINES = "logql", "logs"
_INSTANT_MS = 300_000
"""What looks back no further wants one value, at the end."""
_FINEST_MS, _COARSEST_MS = 15_000, 240_000
"""Values lie closer than PromQL looks back, so that there are no gaps."""
_POINTS = 500


class LogSeriesSource:
    """A source of series that answers selectors of these two names itself."""

    def __init__(self, inner: SeriesSource, engine: LogqlEngine) -> None:
        self._inner = inner
        self._engine = engine

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """Samples of metrics, or counts of lines. Raises LogqlError for a wrong question."""
        given = _asked(matchers)
        if given is None:
            return await self._inner.select(matchers, start_ms, end_ms, limit_samples=limit_samples)
        if end_ms - start_ms <= _INSTANT_MS:
            times = np.array([end_ms], np.int64)
        else:
            step = _step(end_ms - start_ms)
            times = np.arange(-(-start_ms // step) * step, end_ms + 1, step, dtype=np.int64)
        name, values = given
        if name == LOGQL:
            text = values.get("query", "")
            found = await self._engine.at_times(text, times)
        else:
            by = tuple(one.strip() for one in values.get("by", "").split(",") if one.strip())
            found = await self._engine.lines_at(values.get("q", ""), by, _range(values), times)
        return _as_data(name, times, *found)

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """As the metrics have it."""
        return await self._inner.series(matcher_sets, start_ms, end_ms, limit)

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """As the metrics have it."""
        return await self._inner.label_names(matcher_sets, start_ms, end_ms)

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """As the metrics have it."""
        return await self._inner.label_values(name, matcher_sets, start_ms, end_ms)

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """As the metrics have it."""
        return await self._inner.exemplars(matcher_sets, start_ms, end_ms)

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """As the metrics have it."""
        return await self._inner.metadata(metric, limit)


def _asked(matchers: Sequence[Matcher]) -> tuple[str, dict[str, str]] | None:
    """The name and the options of a question about lines; None when it is one about metrics."""
    values = {one.name: one.value for one in matchers if one.op is MatchOp.EQUAL}
    name = values.pop(NAME, "")
    if (name == LOGQL and "query" in values) or (name == LINES and "q" in values):
        return name, values
    return None


def _range(values: dict[str, str]) -> int:
    try:
        found = parse_duration(values.get("in", "5m"))
    except Rejected as error:
        raise LogqlError(f'logs{{in="…"}}: {error}') from error
    if found <= 0:
        raise LogqlError('logs{in="…"}: the range must be longer than nothing')
    return found


def _step(length_ms: int) -> int:
    wanted = -(-length_ms // _POINTS)
    return min(max(-(-wanted // _FINEST_MS) * _FINEST_MS, _FINEST_MS), _COARSEST_MS)


def _as_data(
    name: str, times: Ints, labels: Sequence[Labels], values: Floats, present: Bools
) -> SeriesData:
    """Where a series ends, a marker says so: what is not counted is not there any more."""
    if not labels:
        return SeriesData.empty("logs")
    ends = np.zeros_like(present)
    ends[:, 1:] = present[:, :-1] & ~present[:, 1:]
    filled = np.where(ends, STALE, values)
    there = present | ends
    counts = there.sum(axis=1)
    return SeriesData(
        [tuple(sorted((*one, (NAME, name)))) for one in labels],
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.broadcast_to(times, there.shape)[there],
        filled[there],
        "logs",
    )
