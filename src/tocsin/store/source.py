"""Where does the query engine read metrics? From memory if that holds the range, else the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec
import numpy as np

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import TooLarge
from tocsin.model.labels import Labels, Matcher
from tocsin.model.samples import Metadata
from tocsin.model.series import ExemplarData, SeriesData
from tocsin.store import reading
from tocsin.store.client import Store
from tocsin.store.pending import merged
from tocsin.store.postings import Refs
from tocsin.store.ragged import Ragged, laid_out, piece_of
from tocsin.store.recent import RecentWindow
from tocsin.store.sample_cache import SampleCache
from tocsin.store.series import DAY_MS, SeriesRegistry
from tocsin.store.wal_journal import Journal

_EXEMPLARS_MOST = 50_000
_IDS_AT_ONCE = 10_000
_MERGED_ON_LOOP = 50_000

_selects = gauge.counter("source_selects", "Selections of series, by where they read.", ("origin",))
_samples = gauge.counter("source_samples", "Samples read, by where from.", ("origin",))


class MetricSource:
    """A SeriesSource over the registry, the recent window and the store.

    `raw_days` tells how many days back single samples reach; what is older is read from the
    five-minute rollups: the last sample of each five minutes, at its own time. What was read from
    the store stays in `cache`, which has to be told of every commit. What is in `journal` and
    not in the store yet is seen all the same.
    """

    def __init__(  # noqa: PLR0913  the composition root hands each part over by itself
        self,
        store: Store,
        registry: SeriesRegistry,
        recent: RecentWindow,
        clock: Clock,
        *,
        raw_days: Callable[[], int] = lambda: 30,
        cache: SampleCache | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._recent = recent
        self._clock = clock
        self._raw_days = raw_days
        self._cache = cache or SampleCache(clock, max_bytes=0)
        self._journal = journal

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """Samples of the matching series, whole and without duplicates.

        Of several values of one series and instant the one written last counts. Raises TooLarge
        beyond `limit_samples`.
        """
        refs = self._registry.select(matchers, start_ms, end_ms)
        if not len(refs):
            return SeriesData.empty()
        if self._recent.covers(refs, start_ms):
            data, origin = self._recent.read(refs, start_ms, end_ms), "recent"
            if len(data.ts) > limit_samples:
                raise TooLarge(
                    f"the query needs {len(data.ts):,} samples, more than {limit_samples:,}; "
                    "narrow the time range or the selectors, or raise the limit"
                )
        else:
            data, origin = await self._stored(refs, start_ms, end_ms, limit_samples)
        _selects.labels(origin).inc()
        _samples.labels(origin).inc(len(data.ts))
        labels = self._registry.labels
        warnings = (_ROLLED_UP.format(self._raw_days()),) if origin == "rollup" else ()
        names = [labels(ref) for ref in data.refs.tolist()]
        return SeriesData(names, data.offsets, data.ts, data.values, origin, warnings)

    async def _stored(
        self, refs: Refs, start_ms: int, end_ms: int, limit_samples: int
    ) -> tuple[Ragged, str]:
        # No sample lies outside of the days of its series: "everything" becomes a range.
        start_ms = max(start_ms, int(self._registry.first_day[refs].min()) * DAY_MS)
        end_ms = min(end_ms, int(self._registry.last_day[refs].max() + 1) * DAY_MS - 1)
        ids = self._registry.ids[refs]
        raw_from = self._clock.now_ms() - self._raw_days() * DAY_MS
        raw = await self._cache.read(
            refs, max(start_ms, raw_from), end_ms, limit_samples, self._loaded
        )
        if start_ms >= raw_from:
            return raw, "store"
        older = await reading.read(
            self._store,
            reading.Request(
                refs,
                ids,
                start_ms,
                min(end_ms, raw_from - 1),
                table=reading.ROLLUP,
                limit_samples=limit_samples - len(raw.ts),
            ),
        )
        return laid_out([piece_of(older), piece_of(raw)]), "rollup"

    async def _loaded(self, refs: Refs, start_ms: int, end_ms: int, limit_samples: int) -> Ragged:
        """What the cache has not: single samples from memory if that holds them all."""
        if self._recent.covers(refs, start_ms):
            return self._recent.read(refs, start_ms, end_ms)
        ids = self._registry.ids[refs]
        request = reading.Request(refs, ids, start_ms, end_ms, limit_samples=limit_samples)
        if self._journal is None:
            return await reading.read(self._store, request)
        # Looked at first: what is inserted while the store is read is then seen twice, not never.
        pending = self._journal.pending.samples(refs, start_ms, end_ms)
        stored = await reading.read(self._store, request)
        if len(pending.ts) + len(stored.ts) < _MERGED_ON_LOOP:
            return merged(stored, pending)
        return await asyncio.to_thread(merged, stored, pending)

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """Label sets of the series that were alive in the range (to the day), sorted."""
        refs = self._alive(matcher_sets, start_ms, end_ms).tolist()
        found = sorted(self._registry.labels(ref) for ref in refs)
        return found[:limit] if limit else found

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted names; no matchers means all series."""
        return self._registry.label_names(self._alive(matcher_sets, start_ms, end_ms))

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """Sorted values of one label."""
        return self._registry.label_values(name, self._alive(matcher_sets, start_ms, end_ms))

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[ExemplarData]:
        """Exemplars of the matching series; raises TooLarge beyond 50,000."""
        if self._journal is not None:
            await self._journal.settle("exemplars")
        refs = self._alive(matcher_sets, start_ms, end_ms)
        found: list[ExemplarData] = []
        left = _EXEMPLARS_MOST
        for low in range(0, len(refs), _IDS_AT_ONCE):
            part = await self._exemplars_of(refs[low : low + _IDS_AT_ONCE], start_ms, end_ms, left)
            left -= sum(len(one.exemplars) for one in part)
            found += part
        return found

    async def _exemplars_of(
        self, refs: Refs, start_ms: int, end_ms: int, limit: int
    ) -> list[ExemplarData]:
        by_id = dict(zip(self._registry.ids[refs].tolist(), refs.tolist(), strict=True))
        sql = (
            "SELECT id, ts, value, labels FROM exemplars FINAL"
            f" WHERE id IN ({','.join(map(str, by_id))})"
            f" AND ts BETWEEN ({start_ms}) AND ({end_ms}) ORDER BY id, ts LIMIT {limit + 1}"
        )
        body = await self._store.fetch_bytes(sql, fmt="JSONCompactEachRow", settings=_EXACT_JSON)
        rows = _EXEMPLARS.decode_lines(body)
        if len(rows) > limit:
            raise TooLarge(
                f"more than {_EXEMPLARS_MOST:,} exemplars match; narrow the range or the selectors"
            )
        return [
            ExemplarData(
                self._registry.labels(by_id[number]),
                [(tuple(sorted(row[3].items())), float(row[2]), row[1]) for row in own],
            )
            for number, own in groupby(rows, key=lambda row: row[0])
        ]

    async def metadata(self, metric: str = "", limit: int = 0) -> dict[str, list[Metadata]]:
        """What is known of one metric, or of all when `metric` is empty; from memory."""
        return self._registry.metadata.read(metric, limit)

    def _alive(self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> Refs:
        """The refs, rising, of the series that any of the sets matches."""
        chosen = [self._registry.select(one, start_ms, end_ms) for one in matcher_sets or [()]]
        return chosen[0] if len(chosen) == 1 else np.unique(np.concatenate(chosen))


_ROLLED_UP = (
    "part of the range is older than the {} days for which single samples are kept: "
    "one sample in five minutes was read there"
)
_EXACT_JSON: dict[str, str | int] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
}
_EXEMPLARS = msgspec.json.Decoder(tuple[int, int, float | str, dict[str, str]])
