"""Where do rules read and write when no store is there? Series in memory, for rehearsals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tocsin.kit.fault import TooLarge
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp, metric_name
from tocsin.model.samples import Interner, Metadata, SampleBatch
from tocsin.model.series import ExemplarData, SeriesData

_Points = tuple[list[int], list[float]]


class SampleMemory:
    """A SeriesSource and what rules write to, in one. What is written is seen at once."""

    def __init__(self) -> None:
        self.intake = Interner()
        self._by_metric: dict[str, dict[Labels, _Points]] = {}

    def put(self, labels: Labels, points: Mapping[int, float]) -> None:
        """Add samples of a series: values by milliseconds, later than those it has."""
        times, values = self._points(labels)
        times.extend(points)
        values.extend(points.values())

    def submit(self, batch: SampleBatch) -> bool:
        """Keep a batch whose refs are of `intake`."""
        columns = batch.refs.tolist(), batch.ts.tolist(), batch.values.tolist()
        for ref, at_ms, value in zip(*columns, strict=True):
            times, values = self._points(self.intake.labels[ref])
            if times and times[-1] >= at_ms:
                times.pop()
                values.pop()
            times.append(at_ms)
            values.append(value)
        return True

    async def write(self, batch: SampleBatch) -> None:
        """As `submit`."""
        self.submit(batch)

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """Samples of the matching series. Raises TooLarge beyond `limit_samples`."""
        labels: list[Labels] = []
        offsets, ts, values = [0], list[int](), list[float]()
        for one, points in self._candidates(matchers):
            known = dict(one)
            if not all(m.matches(known.get(m.name, "")) for m in matchers):
                continue
            low, high = bisect_left(points[0], start_ms), bisect_right(points[0], end_ms)
            if low == high:
                continue
            labels.append(one)
            ts += points[0][low:high]
            values += points[1][low:high]
            offsets.append(len(ts))
            if len(ts) > limit_samples:
                raise TooLarge(f"the query needs more than {limit_samples:,} samples")
        columns = np.array(ts, np.int64), np.array(values, np.float64)
        return SeriesData(labels, np.array(offsets, np.int64), *columns, "recent")

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """Label sets of all series, sorted."""
        found = sorted(one for series in self._by_metric.values() for one in series)
        return found[:limit] if limit else found

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted names of all labels."""
        series = await self.series(matcher_sets, start_ms, end_ms)
        return sorted({name for one in series for name, _ in one})

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted values of one label."""
        series = await self.series(matcher_sets, start_ms, end_ms)
        return sorted({value for one in series for key, value in one if key == name})

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """None are kept."""
        return []

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """None is kept."""
        return {}

    def _points(self, labels: Labels) -> _Points:
        return self._by_metric.setdefault(metric_name(labels), {}).setdefault(labels, ([], []))

    def _candidates(self, matchers: Sequence[Matcher]) -> Iterable[tuple[Labels, _Points]]:
        names = [m.value for m in matchers if m.name == NAME and m.op is MatchOp.EQUAL]
        if names:
            return self._by_metric.get(names[0], {}).items()
        return [pair for series in self._by_metric.values() for pair in series.items()]
