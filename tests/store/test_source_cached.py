"""Over the real engine and the log before it, a source with the cache answers as one without."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tocsin.kit.clock import SystemClock
from tocsin.model import labels as lbl
from tocsin.model.labels import Matcher, MatchOp
from tocsin.model.samples import batch_of
from tocsin.model.series import SeriesData
from tocsin.store.client import Store
from tocsin.store.recent import RecentWindow
from tocsin.store.sample_cache import SampleCache
from tocsin.store.series import SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.wal_journal import Journal
from tocsin.store.writer import Writer, WriterConfig

SECONDS = 1000


def as_dict(data: SeriesData) -> dict[tuple[object, int], float]:
    names = np.repeat(np.arange(len(data.labels)), np.diff(data.offsets)).tolist()
    keys = zip([data.labels[at] for at in names], data.ts.tolist(), strict=True)
    found: dict[tuple[object, int], float] = dict(zip(keys, data.values.tolist(), strict=True))
    assert len(found) == len(data.ts)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_is_written_and_read_in_between(
    seed: int, store: Store, tmp_path: Path
) -> None:
    random, clock = Random(seed), SystemClock()
    registry, cache = SeriesRegistry(), SampleCache(clock, grace_ms=5000)
    recent, closed = RecentWindow(clock), RecentWindow(clock)
    journal = Journal(store, tmp_path / "log", clock)
    writer = Writer(
        store,
        registry,
        recent,
        clock,
        WriterConfig(interval_ms=0),
        committed=cache.saw,
        journal=journal,
    )
    now = clock.now_ms()
    recent.begin(now - 60 * SECONDS)
    recent.open()
    cached = MetricSource(store, registry, recent, clock, cache=cache, journal=journal)
    plain = MetricSource(store, registry, closed, clock, journal=journal)
    refs = [registry.add(lbl.from_mapping({"__name__": "m", "n": str(n)})) for n in range(5)]
    await journal.open()
    tasks = [asyncio.create_task(one) for one in (writer.run(), journal.run())]
    for number in range(40):
        if number < 3 or random.random() < 0.3:
            late = random.choice([10, 300, 3000])
            rows = [
                (random.choice(refs), now - random.randrange(late) * SECONDS, random.random())
                for _ in range(random.randrange(1, 40))
            ]
            await writer.write(batch_of(*(list(column) for column in zip(*rows, strict=True))))
        chosen = Matcher("n", MatchOp.REGEX, random.choice(["0|2", ".*", "1|2|3", "4"]))
        start = now - random.choice([3000, 2000, 400, 50]) * SECONDS
        end = start + random.choice([100, 1500, 4000]) * SECONDS
        ranges = [chosen], start, end
        found = await cached.select(*ranges, limit_samples=10**9)
        expected = await plain.select(*ranges, limit_samples=10**9)
        assert as_dict(found) == as_dict(expected)
    assert cache.nbytes
    assert await writer.drain()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
