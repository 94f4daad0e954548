"""Where do accepted samples and rows go? Into shared commits, answered once they are kept."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.labels import Labels, metric_name
from tocsin.model.samples import SAMPLE, Exemplar, Metadata, SampleBatch
from tocsin.store.group import GroupCommit, WriterConfig
from tocsin.store.pending import NOTHING, Loose
from tocsin.store.recent import RecentWindow
from tocsin.store.series import SeriesRegistry
from tocsin.store.wal_insert import Sink, insert_all
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows

__all__ = ["Writer", "WriterConfig"]

_SAMPLES_AT_ONCE = 200_000
_SAMPLES_ON_LOOP = 50_000
_SERIES_AT_ONCE = 20_000
_ENCODED_AT_ONCE = 2_000
"""More series than that take longer than the event loop can be held."""
_EXEMPLARS_REMEMBERED = 100_000
_METRICS = "samples"

_dropped = gauge.counter("writer_dropped_samples", "Scraped samples dropped: too many wait.")
_written = gauge.counter("writer_samples", "Samples committed.")
_series_rows = gauge.counter("writer_series_rows", "Series rows committed (series and days).")


class Writer:
    """Group commit of samples (`write`, `submit`) and of other tables' rows (`write_rows`).

    What is answered is in the log, or without one in the store; the recent window and `pending`
    have the samples before anybody is answered. Series that have no row yet for a sample's day get
    it before the samples. `run` does the work.
    """

    def __init__(  # noqa: PLR0913  the composition root hands each part over by itself
        self,
        store: Sink,
        registry: SeriesRegistry,
        recent: RecentWindow,
        clock: Clock,
        config: WriterConfig | None = None,
        *,
        committed: Callable[[int], None] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """`committed` is told the oldest sample's time (milliseconds) of each commit."""
        self._committed = committed
        self._store = store
        self._registry = registry
        self._recent = recent
        self._clock = clock
        self._journal = journal
        self._config = config or WriterConfig()
        if journal is not None:
            self._config = msgspec.structs.replace(self._config, interval_ms=self._config.append_ms)
        self._samples = GroupCommit(
            _METRICS, self._commit_samples, clock, self._config, self._abandon_samples
        )
        self._tables: dict[tuple[str, tuple[str, ...]], GroupCommit[bytes]] = {}
        self._exemplars: OrderedDict[int, Exemplar] = OrderedDict()
        self._spawn: Callable[[GroupCommit[bytes]], None] | None = None
        self._closed = False

    async def open(self) -> None:
        """Bring what an earlier process answered and did not insert into the store, from the log.

        Before anything is read of the store. Raises Temporary when the store is away.
        """
        if self._journal is not None:
            await self._journal.open()

    async def run(self) -> None:
        """Commit until drained. To be run by one supervised task."""
        try:
            async with asyncio.TaskGroup() as tasks:

                def spawn(lane: GroupCommit[bytes]) -> None:
                    tasks.create_task(lane.run(), name=f"writer_{lane.lane}")

                self._spawn = spawn
                tasks.create_task(self._samples.run(), name="writer_samples")
                if self._journal is not None:
                    tasks.create_task(self._journal.run(), name="writer_journal")
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
                data = b"".join(chunks)
                rows = Rows(table, key[1], "JSONEachRow", data.count(b"\n"), data)
                await self._keep([rows], NOTHING)

            lane = self._tables[key] = GroupCommit(table, commit, self._clock, self._config)
            if self._closed:
                await lane.drain(0)
            elif self._spawn is not None:
                self._spawn(lane)
        await lane.put(rows, count, len(rows))

    async def flush(self, limit_seconds: float = 10.0) -> bool:
        """Bring what was answered so far into the store; whether that was within the limit."""
        return self._journal is None or await self._journal.flush(limit_seconds)

    async def drain(self, limit_seconds: float = 8.0) -> bool:
        """Take nothing more and commit what waits; whether all of it was within the limit.

        With a log, what the store did not take in time stays there for the next start.
        """
        self._closed = True
        until = self._clock.monotonic() + limit_seconds
        lanes = [self._samples.drain(limit_seconds)]
        lanes += [lane.drain(limit_seconds) for lane in self._tables.values()]
        kept = all(await asyncio.gather(*lanes))
        if self._journal is not None:
            await self._journal.drain(max(0.0, until - self._clock.monotonic()))
        return kept

    async def _commit_samples(self, batches: list[SampleBatch]) -> None:
        refs, ts, values = _joined(batches)
        refs = self._registry.settle(refs)
        born, days = self._registry.unrecorded(refs, ts)
        exemplars = self._new_exemplars([one for batch in batches for one in batch.exemplars])
        metadata = self._registry.metadata.changed(
            [one for batch in batches for one in batch.metadata]
        )
        rows = await self._series_rows(born, days)
        if len(refs) < _SAMPLES_ON_LOOP:
            rows += self._sample_rows(refs, ts, values)
        else:
            rows += await asyncio.to_thread(self._sample_rows, refs, ts, values)
        rows += self._exemplar_rows(exemplars) + self._metadata_rows(metadata)
        await self._keep(rows, Loose(refs, ts, values))
        self._registry.record(born, days)
        _series_rows.inc(len(born))
        self._remember(exemplars)
        self._registry.metadata.record(metadata)
        if len(refs):
            self._recent.append(refs, ts, values)
            if self._committed is not None:
                self._committed(int(ts.min()))
            _written.inc(len(refs))

    def _abandon_samples(self, batches: list[SampleBatch]) -> None:
        """The store may hold them all the same: memory must not claim to know everything."""
        if self._journal is not None:
            # The log takes all or nothing, and what is not pending is not inserted.
            return
        for batch in batches:
            if len(batch):
                self._recent.miss(batch.refs, batch.ts)
                if self._committed is not None:
                    self._committed(int(batch.ts.min()))

    async def _series_rows(self, refs: NDArray[np.int64], days: NDArray[np.int32]) -> list[Rows]:
        found = []
        for low in range(0, len(refs), _SERIES_AT_ONCE):
            part = slice(low, low + _SERIES_AT_ONCE)
            dates = days[part].astype("M8[D]").astype(str).tolist()
            rows = [
                (number, self._registry.labels(ref), date)
                for number, ref, date in zip(
                    self._registry.ids[refs[part]].tolist(), refs[part].tolist(), dates, strict=True
                )
            ]
            if len(rows) < _ENCODED_AT_ONCE:
                data = _encode_series(rows)
            else:
                data = await asyncio.to_thread(_encode_series, rows)
            columns = ("metric", "id", "labels", "day")
            found.append(Rows("series", columns, "JSONEachRow", len(rows), data))
        return found

    def _sample_rows(
        self, refs: NDArray[np.int64], ts: NDArray[np.int64], values: NDArray[np.float64]
    ) -> list[Rows]:
        found = []
        for low in range(0, len(refs), _SAMPLES_AT_ONCE):
            part = slice(low, low + _SAMPLES_AT_ONCE)
            rows = np.empty(len(refs[part]), SAMPLE)
            rows["id"] = self._registry.ids[refs[part]]
            rows["ts"] = ts[part]
            rows["value"] = values[part]
            columns = ("id", "ts", "value")
            found.append(Rows("samples", columns, "RowBinary", len(rows), rows.tobytes()))
        return found

    def _new_exemplars(self, exemplars: list[Exemplar]) -> list[Exemplar]:
        """A target shows an exemplar until it has a new one: only what changed is written."""
        return [one for one in exemplars if self._exemplars.get(one.ref) != one]

    def _exemplar_rows(self, exemplars: list[Exemplar]) -> list[Rows]:
        rows = [
            {
                "id": int(self._registry.ids[one.ref]),
                "ts": one.ts_ms,
                "value": one.value if math.isfinite(one.value) else str(one.value),
                "labels": dict(one.labels),
            }
            for one in exemplars
            if one.ref >= 0
        ]
        return _as_json("exemplars", ("id", "ts", "value", "labels"), rows)

    def _remember(self, exemplars: list[Exemplar]) -> None:
        for one in exemplars:
            self._exemplars[one.ref] = one
            self._exemplars.move_to_end(one.ref)
        while len(self._exemplars) > _EXEMPLARS_REMEMBERED:
            self._exemplars.popitem(last=False)

    def _metadata_rows(self, entries: list[Metadata]) -> list[Rows]:
        updated = f"{self._clock.now():.3f}"
        rows = [
            {
                "metric": one.metric,
                "type": one.type,
                "unit": one.unit,
                "help": one.help,
                "updated": updated,
            }
            for one in entries
        ]
        return _as_json("metric_metadata", ("metric", "type", "unit", "help", "updated"), rows)

    async def _keep(self, rows: list[Rows], samples: Loose) -> None:
        if not rows:
            return
        if self._journal is not None:
            await self._journal.keep(rows, samples)
        else:
            await insert_all(self._store, rows, timeout_seconds=self._config.insert_seconds)


def _joined(batches: list[SampleBatch]) -> Loose:
    if len(batches) == 1:
        return Loose(batches[0].refs, batches[0].ts, batches[0].values)
    return Loose(
        np.concatenate([batch.refs for batch in batches]),
        np.concatenate([batch.ts for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
    )


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


def _as_json(table: str, columns: tuple[str, ...], rows: Sequence[object]) -> list[Rows]:
    return [Rows(table, columns, "JSONEachRow", len(rows), _lines(rows))] if rows else []


def _lines(rows: Sequence[object]) -> bytes:
    return msgspec.json.Encoder().encode_lines(rows)
