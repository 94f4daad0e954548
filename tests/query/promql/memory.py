"""Series in memory behind the port that the engine reads through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tocsin.kit.fault import TooLarge
from tocsin.model.labels import Labels, Matcher
from tocsin.model.samples import Metadata
from tocsin.model.series import ExemplarData, SeriesData


class MemorySource:
    """Holds series by their labels; `reads` tells what was selected."""

    def __init__(self, series: Mapping[Labels, Mapping[int, float]] | None = None) -> None:
        self._series: dict[Labels, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        self.reads: list[tuple[tuple[Matcher, ...], int, int]] = []
        for labels, points in (series or {}).items():
            self.put(labels, points)

    def put(self, labels: Labels, points: Mapping[int, float]) -> None:
        """Set a series' samples: values by milliseconds."""
        times = sorted(points)
        values = np.array([points[at] for at in times], np.float64)
        self._series[labels] = np.array(times, np.int64), values

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        self.reads.append((tuple(matchers), start_ms, end_ms))
        labels, parts = [], []
        for one, (ts, values) in self._series.items():
            known = dict(one)
            begin, end = np.searchsorted(ts, start_ms), np.searchsorted(ts, end_ms, "right")
            if begin < end and all(m.matches(known.get(m.name, "")) for m in matchers):
                labels.append(one)
                parts.append((ts[begin:end], values[begin:end]))
        if not labels:
            return SeriesData.empty("recent")
        offsets = np.cumsum([0, *(len(ts) for ts, _ in parts)]).astype(np.int64)
        if offsets[-1] > limit_samples:
            raise TooLarge(f"more than {limit_samples} samples")
        ts, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        return SeriesData(labels, offsets, ts, values, "recent")

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        return sorted(self._series)

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        return sorted({name for labels in self._series for name, _ in labels})

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        return sorted({dict(labels).get(name, "") for labels in self._series} - {""})

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        return []

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        return {}
