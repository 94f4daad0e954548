"""Where do accepted samples and rows go? Into shared commits, answered once they are kept."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.labels import Labels, metric_name
from tocsin.model.samples import SAMPLE, Exemplar, Metadata, SampleBatch
from tocsin.store.errors import QueryTimeout, QueryTooLarge
from tocsin.store.group import GroupCommit, WriterConfig
from tocsin.store.recent import RecentWindow
from tocsin.store.series import SeriesRegistry

__all__ = ["Writer", "WriterConfig"]

_SAMPLES_AT_ONCE = 200_000
_SERIES_AT_ONCE = 20_000
_ENCODED_AT_ONCE = 2_000
"""More series than that take longer than the event loop can be held."""
_EXEMPLARS_REMEMBERED = 100_000
_METRICS = "samples"

_dropped = gauge.counter("writer_dropped_samples", "Scraped samples dropped: too many wait.")
_written = gauge.counter("writer_samples", "Samples committed.")
_series_rows = gauge.counter("writer_series_rows", "Series rows committed (series and days).")


class Sink(Protocol):
    """What the writer needs of the store (`client.Store`)."""

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str,
        *,
        timeout_seconds: float,
    ) -> None: ...


class Writer:
    """Group commit of samples (`write`, `submit`) and of other tables' rows (`write_rows`).

    Series that have no row yet for a sample's day get it before the samples are committed; the
    recent window has the samples afterwards, before anybody is answered. `run` does the work.
    """

    def __init__(
        self,
        store: Sink,
        registry: SeriesRegistry,
        recent: RecentWindow,
        clock: Clock,
        config: WriterConfig | None = None,
        *,
        committed: Callable[[int], None] | None = None,
    ) -> None:
        """`committed` is told the oldest sample's time (milliseconds) of each commit."""
        self._committed = committed
        self._store = store
        self._registry = registry
        self._recent = recent
        self._clock = clock
        self._config = config or WriterConfig()
        self._samples = GroupCommit(
            _METRICS, self._commit_samples, clock, self._config, self._abandon_samples
        )
        self._tables: dict[tuple[str, tuple[str, ...]], GroupCommit[bytes]] = {}
        self._exemplars: OrderedDict[int, Exemplar] = OrderedDict()
        self._spawn: Callable[[GroupCommit[bytes]], None] | None = None
        self._closed = False

    async def run(self) -> None:
        """Commit until drained. To be run by one supervised task."""
        try:
            async with asyncio.TaskGroup() as tasks:

                def spawn(lane: GroupCommit[bytes]) -> None:
                    tasks.create_task(lane.run(), name=f"writer_{lane.lane}")

                self._spawn = spawn
                tasks.create_task(self._samples.run(), name="writer_samples")
                for lane in self._tables.values():
                    spawn(lane)
        finally:
            self._spawn = None

    async def write(self, batch: SampleBatch) -> None:
        """Return once the batch is committed and visible.

        Raises Temporary when too much waits or the store stays away, DiskFull when its disk is
        full. Cancelling the wait leaves the batch in its commit.
        """
        await self._samples.put(batch, *_cost(batch))

    def submit(self, batch: SampleBatch) -> bool:
        """Commit the batch later; False when it was dropped because too much waits."""
        try:
            self._samples.offer(batch, *_cost(batch))
        except Temporary:
            _dropped.inc(len(batch))
            return False
        return True

    async def write_rows(self, table: str, columns: Sequence[str], rows: bytes, count: int) -> None:
        """As `write`, for JSONEachRow lines of any table; each line ends in a newline."""
        key = (table, tuple(columns))
        lane = self._tables.get(key)
        if lane is None:

            async def commit(chunks: list[bytes]) -> None:
                await self._insert(table, key[1], b"".join(chunks), "JSONEachRow")

            lane = self._tables[key] = GroupCommit(table, commit, self._clock, self._config)
            if self._closed:
                await lane.drain(0)
            elif self._spawn is not None:
                self._spawn(lane)
        await lane.put(rows, count, len(rows))

    async def drain(self, limit_seconds: float = 8.0) -> bool:
        """Take nothing more and commit what waits; whether all of it was within the limit."""
        self._closed = True
        lanes = [self._samples.drain(limit_seconds)]
        lanes += [lane.drain(limit_seconds) for lane in self._tables.values()]
        return all(await asyncio.gather(*lanes))

    async def _commit_samples(self, batches: list[SampleBatch]) -> None:
        refs = self._registry.settle(np.concatenate([batch.refs for batch in batches]))
        ts = np.concatenate([batch.ts for batch in batches])
        values = np.concatenate([batch.values for batch in batches])
        if len(refs):
            await self._record_series(refs, ts)
            await self._insert_samples(refs, ts, values)
            self._recent.append(refs, ts, values)
            if self._committed is not None:
                self._committed(int(ts.min()))
            _written.inc(len(refs))
        await self._write_exemplars([one for batch in batches for one in batch.exemplars])
        await self._write_metadata([one for batch in batches for one in batch.metadata])

    def _abandon_samples(self, batches: list[SampleBatch]) -> None:
        """The store may hold them all the same: memory must not claim to know everything."""
        for batch in batches:
            if len(batch):
                self._recent.miss(batch.refs, batch.ts)
                if self._committed is not None:
                    self._committed(int(batch.ts.min()))

    async def _record_series(self, refs: NDArray[np.int64], ts: NDArray[np.int64]) -> None:
        refs, days = self._registry.unrecorded(refs, ts)
        for low in range(0, len(refs), _SERIES_AT_ONCE):
            part = slice(low, low + _SERIES_AT_ONCE)
            chosen = refs[part].tolist()
            dates = days[part].astype("M8[D]").astype(str).tolist()
            rows = [
                (number, self._registry.labels(ref), date)
                for number, ref, date in zip(
                    self._registry.ids[refs[part]].tolist(), chosen, dates, strict=True
                )
            ]
            if len(rows) < _ENCODED_AT_ONCE:
                data = _encode_series(rows)
            else:
                data = await asyncio.to_thread(_encode_series, rows)
            await self._insert("series", ("metric", "id", "labels", "day"), data, "JSONEachRow")
            self._registry.record(refs[part], days[part])
            _series_rows.inc(len(rows))

    async def _insert_samples(
        self, refs: NDArray[np.int64], ts: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        for low in range(0, len(refs), _SAMPLES_AT_ONCE):
            part = slice(low, low + _SAMPLES_AT_ONCE)
            rows = np.empty(len(refs[part]), SAMPLE)
            rows["id"] = self._registry.ids[refs[part]]
            rows["ts"] = ts[part]
            rows["value"] = values[part]
            await self._insert("samples", ("id", "ts", "value"), rows.tobytes(), "RowBinary")

    async def _write_exemplars(self, exemplars: list[Exemplar]) -> None:
        """A target shows an exemplar until it has a new one: only what changed is written."""
        news = [one for one in exemplars if self._exemplars.get(one.ref) != one]
        if not news:
            return
        rows = [
            {
                "id": int(self._registry.ids[one.ref]),
                "ts": one.ts_ms,
                "value": one.value if math.isfinite(one.value) else str(one.value),
                "labels": dict(one.labels),
            }
            for one in news
            if one.ref >= 0
        ]
        data = _lines(rows)
        await self._insert("exemplars", ("id", "ts", "value", "labels"), data, "JSONEachRow")
        for one in news:
            self._exemplars[one.ref] = one
            self._exemplars.move_to_end(one.ref)
        while len(self._exemplars) > _EXEMPLARS_REMEMBERED:
            self._exemplars.popitem(last=False)

    async def _write_metadata(self, entries: list[Metadata]) -> None:
        news = self._registry.metadata.changed(entries)
        if not news:
            return
        updated = f"{self._clock.now():.3f}"
        rows = [
            {
                "metric": one.metric,
                "type": one.type,
                "unit": one.unit,
                "help": one.help,
                "updated": updated,
            }
            for one in news
        ]
        columns = ("metric", "type", "unit", "help", "updated")
        await self._insert("metric_metadata", columns, _lines(rows), "JSONEachRow")
        self._registry.metadata.record(news)

    async def _insert(self, table: str, columns: Sequence[str], data: bytes, fmt: str) -> None:
        """An insert's time-out or want of memory is no fault of who sent the data."""
        try:
            await self._store.insert(
                table, columns, data, fmt, timeout_seconds=self._config.insert_seconds
            )
        except (QueryTimeout, QueryTooLarge) as error:
            raise Temporary(f"the store did not take rows for {table}: {error}", 1.0) from error


def _cost(batch: SampleBatch) -> tuple[int, int]:
    """Rows and about how many bytes they hold in memory."""
    extra = len(batch.exemplars) + len(batch.metadata)
    return len(batch) + extra, len(batch) * SAMPLE.itemsize + extra * 400


def _encode_series(rows: list[tuple[int, Labels, str]]) -> bytes:
    return _lines(
        [
            {"metric": metric_name(labels), "id": number, "labels": dict(labels), "day": day}
            for number, labels, day in rows
        ]
    )


def _lines(rows: Sequence[object]) -> bytes:
    return msgspec.json.Encoder().encode_lines(rows)
