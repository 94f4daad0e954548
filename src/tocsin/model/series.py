"""What does a question about series get back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import Labels, Matcher
from tocsin.model.samples import Metadata


@dataclass(frozen=True, slots=True)
class SeriesData:
    """Whole series, ragged: series `i` has the samples `offsets[i]` to `offsets[i + 1]`.

    `ts` (milliseconds) rises strictly within a series. Staleness markers are still in it. Series
    with no sample in the range are left out. `labels` is in the order of the refs, not sorted.
    """

    labels: Sequence[Labels]
    offsets: NDArray[np.int64]
    ts: NDArray[np.int64]
    values: NDArray[np.float64]
    origin: str = "store"
    """Where it was read: "recent" (memory), "store" or "rollup"."""
    warnings: tuple[str, ...] = ()

    @staticmethod
    def empty(origin: str = "store") -> SeriesData:
        return SeriesData(
            (), np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64), origin
        )


@dataclass(frozen=True, slots=True)
class ExemplarData:
    """The exemplars of one series, oldest first."""

    labels: Labels
    exemplars: Sequence[tuple[Labels, float, int]] = field(default_factory=tuple)
    """(labels of the exemplar, value, timestamp in milliseconds)"""


class Unlisted:
    """The part of a `SeriesSource` that answers selections alone: nothing of it is listed."""

    __slots__ = ()

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """None."""
        return []

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """None."""
        return []

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """None."""
        return []

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """None."""
        return []

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """Nothing is known."""
        return {}


class SeriesSource(Protocol):
    """Where the query engine reads samples. All ranges are closed: both ends belong to them."""

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """Samples of the matching series. Raises TooLarge beyond `limit_samples`."""

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """Label sets of the series that were alive in the range, sorted; 0 means no limit."""

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted names; no matchers means all series."""

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted values of one label."""

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """Exemplars of the matching series."""

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """What is known of one metric, or of all when `metric` is empty."""
