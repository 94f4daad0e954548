"""How do a thousand rules share what they read? The rules of one round look at the same moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tocsin.model.labels import Labels, Matcher
from tocsin.model.samples import Metadata
from tocsin.model.series import ExemplarData, SeriesData, SeriesSource

MOST_SAMPLES = 1_000_000
"""What is kept at a time; a read that is larger alone is not kept."""

_Key = tuple[tuple[Matcher, ...], int, int, int]


class RoundReads:
    """A SeriesSource that reads each selection once until `forget`, which must be called whenever
    what was written since is to be seen."""

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        self._kept: OrderedDict[_Key, SeriesData] = OrderedDict()
        self._samples = 0
        self._turn = 0

    def forget(self) -> None:
        """Read anew from now on; what is being read at this moment is not kept either."""
        self._kept.clear()
        self._samples = 0
        self._turn += 1

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """As SeriesSource."""
        key = tuple(matchers), start_ms, end_ms, limit_samples
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        turn = self._turn
        data = await self._source.select(matchers, start_ms, end_ms, limit_samples=limit_samples)
        if turn == self._turn and key not in self._kept:
            self._keep(key, data)
        return data

    def _keep(self, key: _Key, data: SeriesData) -> None:
        self._kept[key] = data
        self._samples += _weight(data)
        while self._samples > MOST_SAMPLES:
            _, dropped = self._kept.popitem(last=False)
            self._samples -= _weight(dropped)

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """As SeriesSource."""
        return await self._source.series(matcher_sets, start_ms, end_ms, limit)

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """As SeriesSource."""
        return await self._source.label_names(matcher_sets, start_ms, end_ms)

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """As SeriesSource."""
        return await self._source.label_values(name, matcher_sets, start_ms, end_ms)

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """As SeriesSource."""
        return await self._source.exemplars(matcher_sets, start_ms, end_ms)

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """As SeriesSource."""
        return await self._source.metadata(metric, limit)


def _weight(data: SeriesData) -> int:
    return len(data.ts) + len(data.labels) + 1
