"""The engine is killed while the writer commits: what was answered stays, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tocsin.kit.clock import SystemClock
from tocsin.model import labels as lbl
from tocsin.model.samples import SampleBatch
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate
from tocsin.store.recent import RecentWindow
from tocsin.store.series import SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal
from tocsin.store.writer import Writer, WriterConfig

SENDERS, ROUNDS, KILLS = 4, 60, 3
LIMIT = 1_000_000


@pytest.mark.slow
async def test_everything_answered_is_there_after_kill_9(tmp_path: Path) -> None:
    clock, random = SystemClock(), Random(1)
    child = EngineChild(tmp_path, clock)
    await child.start()
    store = await Store.connect(child.endpoint, database="t", clock=clock)
    await migrate(store)
    registry, recent = SeriesRegistry(), RecentWindow(clock)
    start = clock.now_ms()
    recent.begin(start - 1)
    recent.open()
    writer = Writer(store, registry, recent, clock, WriterConfig(interval_ms=20))
    work = asyncio.create_task(writer.run())
    done = 0
    kills = {random.randrange(20, SENDERS * ROUNDS - 20) for _ in range(KILLS)}

    async def send(sender: int) -> None:
        nonlocal done
        refs = np.array([registry.add(lbl.make([("s", f"{sender}/{n}")])) for n in range(50)])
        for number in range(ROUNDS):
            ts = np.full(50, start + number, np.int64)
            await writer.write(SampleBatch(refs, ts, np.full(50, float(number))))
            done += 1
            # The other senders' writes are on their way.
            if done in kills and child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)

    await asyncio.gather(*(send(sender) for sender in range(SENDERS)))
    assert await writer.drain()
    await work
    memory = MetricSource(store, registry, recent, clock)
    disk = MetricSource(store, registry, RecentWindow(clock), clock)
    for source, origin in ((memory, "recent"), (disk, "store")):
        data = await source.select([], start, start + ROUNDS, limit_samples=LIMIT)
        assert data.origin == origin
        assert len(data.labels) == SENDERS * 50
        assert (np.diff(data.offsets) == ROUNDS).all()
        assert (data.values == data.ts - start).all()
    await store.close()
    await child.stop()


@pytest.mark.slow
async def test_with_a_log_nothing_is_lost_or_doubled_by_kill_9_of_the_engine(
    tmp_path: Path,
) -> None:
    """Events have no key: only tokens keep an insert that is repeated from doubling them."""
    clock, random = SystemClock(), Random(2)
    child = EngineChild(tmp_path / "telemetry", clock)
    await child.start()
    store = await Store.connect(child.endpoint, database="t", clock=clock)
    await migrate(store)
    registry, recent = SeriesRegistry(), RecentWindow(clock)
    start = clock.now_ms()
    journal = Journal(store, tmp_path / "log", clock, FlushConfig(seconds=0.02, rows=500))
    writer = Writer(store, registry, recent, clock, journal=journal)
    source = MetricSource(store, registry, recent, clock, journal=journal)
    await writer.open()
    work = asyncio.create_task(writer.run())

    async def send(sender: int) -> None:
        refs = np.array([registry.add(lbl.make([("s", f"{sender}/{n}")])) for n in range(50)])
        for number in range(ROUNDS):
            ts = np.full(50, start + number, np.int64)
            await writer.write(SampleBatch(refs, ts, np.full(50, float(number))))
            row = b'{"ts":"%d","name":"%d/%d"}\n' % (start // 1000, sender, number)
            await writer.write_rows("events", ("ts", "name"), row, 1)
            if not number % 5:
                assert await journal.flush(60.0)

    async def kill() -> None:
        for _ in range(KILLS * 3):
            await clock.sleep(random.uniform(0.05, 0.4))
            if child.pid is not None:
                with contextlib.suppress(ProcessLookupError):  # it has just died
                    os.kill(child.pid, signal.SIGKILL)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill())
        for sender in range(SENDERS):
            tasks.create_task(send(sender))
    data = await source.select([], start, start + ROUNDS, limit_samples=LIMIT)
    assert (np.diff(data.offsets) == ROUNDS).all()
    assert await writer.drain(60.0)
    await work
    assert list((tmp_path / "log").glob("*.wal")) == []
    data = await source.select([], start, start + ROUNDS, limit_samples=LIMIT)
    assert len(data.labels) == SENDERS * 50
    assert (np.diff(data.offsets) == ROUNDS).all()
    sql = "SELECT count(), uniqExact(name) FROM events"
    counted = await store.fetch_bytes(sql, fmt="TSV")
    assert counted == b"%d\t%d\n" % (SENDERS * ROUNDS, SENDERS * ROUNDS)
    await store.close()
    await child.stop()
