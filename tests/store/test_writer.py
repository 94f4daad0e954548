"""Writes are shared, answered honestly, bounded, and survive a store that is away for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
import numpy as np
import pytest

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.model import labels as lbl
from tocsin.model.samples import SAMPLE, Exemplar, Metadata, SampleBatch, batch_of
from tocsin.store.client import Store
from tocsin.store.errors import DiskFull, QueryTimeout
from tocsin.store.recent import RecentWindow
from tocsin.store.series import DAY_MS, SeriesRegistry
from tocsin.store.writer import Writer, WriterConfig

QUICK = WriterConfig(interval_ms=1)


class Away:
    """A store that fails as it is told to, and notes what it was given."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.inserts: list[tuple[str, bytes]] = []
        self.held: asyncio.Event | None = None

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str,
        *,
        token: str = "",
        timeout_seconds: float,
    ) -> None:
        assert columns
        assert fmt in ("RowBinary", "JSONEachRow")
        if self.held is not None:
            await self.held.wait()
        if table == "samples" and self.faults:
            raise self.faults.pop(0)
        if b"poison" in data:
            raise Rejected("these rows are wrong")
        self.inserts.append((table, data))

    def samples(self) -> list[tuple[int, int, float]]:
        parts = [np.frombuffer(data, SAMPLE) for table, data in self.inserts if table == "samples"]
        return [row for part in parts for row in part.tolist()]


class Bench:
    """A writer and what belongs to it."""

    def __init__(self, store: Away, clock: FakeClock, config: WriterConfig) -> None:
        self.store = store
        self.clock = clock
        self.registry = SeriesRegistry()
        self.recent = RecentWindow(clock)
        self.recent.begin(clock.now_ms())
        self.recent.open()
        self.writer = Writer(store, self.registry, self.recent, clock, config)
        self.ref = self.registry.add(lbl.make([("__name__", "up"), ("job", "a")]))

    def batch(self, value: float = 1.0, count: int = 1) -> SampleBatch:
        now = self.clock.now_ms()
        return batch_of([self.ref] * count, [now + at for at in range(count)], [value] * count)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.writer.run())
    try:
        yield bench
    finally:
        if bench.store.held is not None:
            bench.store.held.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def bench(clock: FakeClock, *faults: Fault, config: WriterConfig = QUICK) -> Bench:
    return Bench(Away(*faults), clock, config)


async def test_what_waits_is_committed_together_and_then_answered(clock: FakeClock) -> None:
    async with running(bench(clock, config=WriterConfig())) as it:
        await it.writer.write(it.batch(0.0))  # the first one does not wait for an interval
        writes = [asyncio.create_task(it.writer.write(it.batch(float(n)))) for n in range(1, 4)]
        await clock.advance(0.05)
        assert not any(write.done() for write in writes)
        await clock.advance(0.06)
        await asyncio.gather(*writes)
        assert [table for table, _ in it.store.inserts] == ["series", "samples", "samples"]
        assert [row[2] for row in it.store.samples()] == [0.0, 1.0, 2.0, 3.0]


async def test_enough_rows_are_committed_before_the_interval_ends(clock: FakeClock) -> None:
    async with running(bench(clock, config=WriterConfig(commit_rows=10))) as it:
        await it.writer.write(it.batch())
        await it.writer.write(it.batch(count=10))
        assert len(it.store.samples()) == 11


async def test_a_series_row_is_written_once_a_day_and_before_the_samples(clock: FakeClock) -> None:
    async with running(bench(clock)) as it:
        await it.writer.write(it.batch())
        await clock.advance(1)
        await it.writer.write(it.batch())
        await clock.advance(DAY_MS / 1000)
        await it.writer.write(it.batch())
        tables = [table for table, _ in it.store.inserts]
        assert tables == ["series", "samples", "samples", "series", "samples"]
        row = msgspec.json.decode(it.store.inserts[0][1].splitlines()[0])
        labels = it.registry.labels(it.ref)
        assert row == {
            "metric": "up",
            "id": lbl.series_id(labels),
            "labels": dict(labels),
            "day": "2023-11-14",
        }


async def test_the_recent_window_has_a_sample_once_it_is_answered(clock: FakeClock) -> None:
    async with running(bench(clock)) as it:
        now = clock.now_ms()
        await it.writer.write(it.batch(5.0))
        assert it.recent.read(np.array([it.ref]), now, now).values.tolist() == [5.0]


async def test_a_store_that_is_away_for_a_moment_is_tried_again(clock: FakeClock) -> None:
    away = [Temporary("away"), QueryTimeout("too slow"), Temporary("away")]
    async with running(bench(clock, *away)) as it:
        write = asyncio.create_task(it.writer.write(it.batch()))
        now = clock.now_ms()
        await clock.advance(3)
        await write
        assert len(it.store.samples()) == 1
        assert it.recent.covers(np.array([it.ref]), now)


async def test_a_store_that_stays_away_is_given_up_and_everybody_told(clock: FakeClock) -> None:
    async with running(bench(clock, *[Temporary("away", 3.0)] * 40)) as it:
        writes = [asyncio.create_task(it.writer.write(it.batch())) for _ in range(2)]
        start = clock.now_ms()
        await clock.advance(21)
        for write in writes:
            with pytest.raises(Temporary, match="away") as caught:
                await write
            assert caught.value.retry_after == 3.0
        # The store may hold them all the same: memory must not claim to know.
        assert not it.recent.covers(np.array([it.ref]), start)
        assert it.recent.covers(np.array([it.ref]), start + 1)


async def test_a_full_disk_is_told_at_once(clock: FakeClock) -> None:
    async with running(bench(clock, DiskFull("no space", 30.0))) as it:
        with pytest.raises(DiskFull) as caught:
            await it.writer.write(it.batch())
        assert caught.value.retry_after == 30.0
        await clock.advance(1)
        await it.writer.write(it.batch())


async def test_only_the_rows_at_fault_are_refused(clock: FakeClock) -> None:
    async with running(bench(clock)) as it:
        rows = [b'{"name":"good"}\n', b'{"name":"poison"}\n', b'{"name":"fine"}\n']
        writes = [it.writer.write_rows("events", ("name",), one, 1) for one in rows]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), Rejected, type(None)]
        assert it.store.inserts == [("events", rows[0]), ("events", rows[2])]


async def test_more_than_may_wait_is_refused_or_dropped(clock: FakeClock) -> None:
    async with running(bench(clock, config=WriterConfig(waiting_rows=100))) as it:
        it.store.held = asyncio.Event()
        first = asyncio.create_task(it.writer.write(it.batch(count=90)))
        await clock.advance(0)
        with pytest.raises(Temporary, match="90 rows") as caught:
            await it.writer.write(it.batch(count=11))
        assert caught.value.retry_after == 1.0
        assert not it.writer.submit(it.batch(count=11))
        assert it.writer.submit(it.batch(count=10))
        it.store.held.set()
        await first


async def test_a_waiter_that_leaves_changes_nothing_for_the_others(clock: FakeClock) -> None:
    async with running(bench(clock, config=WriterConfig())) as it:
        await it.writer.write(it.batch())
        gone = asyncio.create_task(it.writer.write(it.batch(2.0)))
        stays = asyncio.create_task(it.writer.write(it.batch(3.0)))
        await clock.advance(0.01)
        gone.cancel()
        await clock.advance(0.1)
        await stays
        assert [row[2] for row in it.store.samples()] == [1.0, 2.0, 3.0]


async def test_draining_commits_what_waits_and_refuses_more(clock: FakeClock) -> None:
    async with running(bench(clock, config=WriterConfig(interval_ms=500))) as it:
        await it.writer.write(it.batch())
        assert it.writer.submit(it.batch(2.0))
        waiting = asyncio.create_task(it.writer.write(it.batch(3.0)))
        await clock.advance(0)
        assert await it.writer.drain(5.0)
        await waiting
        assert len(it.store.samples()) == 3
        with pytest.raises(Temporary, match="shutting down"):
            await it.writer.write(it.batch())
        with pytest.raises(Temporary, match="shutting down"):
            await it.writer.write_rows("events", ("name",), b"{}\n", 1)


async def test_a_drain_ends_even_if_the_store_hangs(clock: FakeClock) -> None:
    async with running(bench(clock)) as it:
        it.store.held = asyncio.Event()
        assert it.writer.submit(it.batch())
        await clock.advance(0)
        assert not await it.writer.drain(0.01)


async def test_exemplars_and_metadata_are_written_when_they_change(clock: FakeClock) -> None:
    async with running(bench(clock)) as it:
        for help_text in ("is it up", "is it up", "whether it is up"):
            batch = it.batch()
            batch.exemplars.append(Exemplar(it.ref, 7, 1.5, (("trace_id", "t"),)))
            batch.metadata.append(Metadata("up", "gauge", help_text))
            await it.writer.write(batch)
            await clock.advance(1)
        tables = [table for table, _ in it.store.inserts]
        assert tables.count("exemplars") == 1
        assert tables.count("metric_metadata") == 2
        assert it.registry.metadata.read("up") == {
            "up": [Metadata("up", "gauge", "whether it is up")]
        }


async def test_the_real_store_holds_all_that_was_written(store: Store) -> None:
    clock = SystemClock()
    registry, recent = SeriesRegistry(), RecentWindow(clock)
    writer = Writer(store, registry, recent, clock, QUICK)
    task = asyncio.create_task(writer.run())
    ref = registry.add(lbl.make([("__name__", "up"), ("odd", 'a"\\\n\x00é\U0001f514')]))
    batch = batch_of([ref, ref], [5, DAY_MS + 5], [1.0, float("nan")])
    batch.exemplars.append(Exemplar(ref, 7, float("inf"), (("trace_id", "t"),)))
    batch.metadata.append(Metadata("up", "gauge", "is it up", "1"))
    await writer.write(batch)
    await writer.write_rows("events", ("ts", "name"), b'{"ts":"1700000000.5","name":"e"}\n', 1)
    assert await writer.drain()
    await task
    sql = "SELECT metric, id, labels, toString(day) AS day FROM series ORDER BY day"
    rows = (await store.fetch_bytes(sql, fmt="JSONEachRow")).splitlines()
    expected = {"metric": "up", "id": int(registry.ids[ref]), "labels": dict(registry.labels(ref))}
    found = [msgspec.json.decode(row) for row in rows]
    for row in found:
        row["id"] = int(row["id"])
    assert found == [expected | {"day": "1970-01-01"}, expected | {"day": "1970-01-02"}]
    sql = """SELECT (SELECT count() FROM samples), (SELECT any(value) FROM exemplars),
        (SELECT (any(help), toUInt8(max(updated) > now() - 60)) FROM metric_metadata),
        (SELECT any(name) FROM events)"""
    answer = (await store.fetch_bytes(sql, fmt="TSV")).decode()
    assert answer == "2\tinf\t('is it up',1)\te\n"
