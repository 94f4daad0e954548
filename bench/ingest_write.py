"""How many samples a second go through the writer into the real engine, and are read back?

Run: `python bench/ingest_write.py [series] [samples per series]`; 10,000 and 100,000 by default.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import psutil

from tocsin.kit.clock import SystemClock
from tocsin.model import labels as lbl
from tocsin.model.labels import Matcher, MatchOp
from tocsin.model.samples import SampleBatch
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.load import load_recent, load_series
from tocsin.store.migrate import migrate
from tocsin.store.recent import RecentWindow
from tocsin.store.series import SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.wal_journal import Journal
from tocsin.store.writer import Writer

STEP_MS = 15_000
BATCH = 10_000
SENDERS = 8


async def main() -> None:
    """Run the rounds that the command line asks for."""
    given = [int(text) for text in sys.argv[1:]]
    rounds = [(given[0], given[1])] if len(given) == 2 else [(10_000, 200), (100_000, 20)]
    for series, points in rounds:
        with tempfile.TemporaryDirectory() as folder:
            await measure(Path(folder), series, points)


async def measure(folder: Path, series: int, points: int) -> None:
    """One round: write, restart, read."""
    clock = SystemClock()
    child = EngineChild(folder, clock)
    await child.start()
    store = await Store.connect(child.endpoint, database="tocsin", clock=clock)
    await migrate(store)
    registry, recent = SeriesRegistry(), RecentWindow(clock)
    recent.begin(clock.now_ms() - recent.window_ms)
    recent.open()
    journal = Journal(store, folder / "log", clock)
    writer = Writer(store, registry, recent, clock, journal=journal)
    await writer.open()
    work = asyncio.create_task(writer.run())
    began = time.perf_counter()
    refs = np.array([registry.add(labels_of(number)) for number in range(series)], np.int64)
    print(f"{series:,} series x {points}: added in {time.perf_counter() - began:.2f} s")
    start = clock.now_ms() - points * STEP_MS
    own, engine = psutil.Process(), psutil.Process(child.pid or 0)
    cpu = own.cpu_times().user, engine.cpu_times().user
    began = time.perf_counter()
    await write_all(writer, refs, start, points)
    took = time.perf_counter() - began
    million = series * points / 1e6
    print(
        f"  written: {series * points / took:,.0f} samples/s; user CPU s per million: "
        f"{(own.cpu_times().user - cpu[0]) / million:.2f} here, "
        f"{(engine.cpu_times().user - cpu[1]) / million:.2f} engine"
    )
    await writer.drain()
    await work
    await restart(store, clock, engine)
    source = MetricSource(store, registry, RecentWindow(clock), clock)
    now = clock.now_ms()
    for pattern in ("metric_0", "metric_[0-9]", "metric_.*"):
        matchers = [Matcher("__name__", MatchOp.REGEX, pattern)]

        async def select(matchers: list[Matcher] = matchers) -> int:
            return len((await source.select(matchers, start, now, limit_samples=10**8)).ts)

        await timed(f"select {pattern}", select)
    print(f"  resident: {own.memory_info().rss >> 20} MiB, engine {engine.memory_info().rss >> 20}")
    print(f"  peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
    await store.close()
    await child.stop()


def labels_of(number: int) -> lbl.Labels:
    """One of a hundred metrics' series, ten labels each."""
    return lbl.make(
        [
            ("__name__", f"metric_{number % 100}"),
            ("job", f"job-{number // 100 % 7}"),
            ("instance", f"10.0.{number // 25_600}.{number // 100 % 256}:9100"),
            ("path", f"/api/v1/{number // 100 % 40}"),
            ("method", ("GET", "POST")[number % 2]),
            ("code", ("200", "404", "500")[number % 3]),
            ("region", "eu-1"),
            ("pod", f"pod-{number // 100}"),
            ("version", "1.2.3"),
            ("env", "production"),
        ]
    )


async def write_all(writer: Writer, refs: np.ndarray, start: int, points: int) -> None:
    """Several senders at once, each waiting for its answer, a batch at a time."""
    random = np.random.default_rng(1)
    batches: asyncio.Queue[SampleBatch] = asyncio.Queue(SENDERS)

    async def sender() -> None:
        while True:
            batch = await batches.get()
            await writer.write(batch)
            batches.task_done()

    senders = [asyncio.create_task(sender()) for _ in range(SENDERS)]
    totals = np.zeros(len(refs))
    for point in range(points):
        totals += random.integers(0, 100, len(refs))
        for low in range(0, len(refs), BATCH):
            few = refs[low : low + BATCH]
            ts = np.full(len(few), start + point * STEP_MS, np.int64)
            await batches.put(SampleBatch(few, ts, totals[low : low + BATCH].copy()))
    await batches.join()
    for one in senders:
        one.cancel()


async def restart(store: Store, clock: SystemClock, engine: psutil.Process) -> None:
    """What a new process does before it is ready."""
    registry, recent = SeriesRegistry(), RecentWindow(clock)
    for name, work in (
        ("series", load_series(store, registry)),
        ("recent window", load_recent(store, registry, recent, clock)),
    ):
        began = time.perf_counter(), time.process_time(), sum(engine.cpu_times()[:2])
        await work
        print(
            f"  {name} loaded in {time.perf_counter() - began[0]:.2f} s (CPU s: "
            f"{time.process_time() - began[1]:.2f} here, "
            f"{sum(engine.cpu_times()[:2]) - began[2]:.2f} engine)"
        )


async def timed(name: str, work: Callable[[], Awaitable[int]]) -> None:
    """Print the best and the middle of seven."""
    times = []
    count = 0
    for _ in range(7):
        began = time.perf_counter()
        count = await work()
        times.append((time.perf_counter() - began) * 1e3)
    times.sort()
    print(f"  {name}: {count:,} samples, best {times[0]:.1f} ms, middle {times[3]:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
