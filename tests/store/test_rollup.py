"""Five-minute rows are right whatever arrives, and whenever."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tocsin.kit.clock import FakeClock
from tocsin.model.samples import SAMPLE, STALE
from tocsin.store.client import Store
from tocsin.store.rollup import HOUR_MS, Rollup

pytestmark = pytest.mark.anyio

HOUR = 1_700_002_800_000


class Bucket(msgspec.Struct, frozen=True):
    ts: int
    count: int
    sum: float
    min: float
    max: float
    first: float
    last: float
    last_ts: int
    increase: float


async def _write(store: Store, rows: list[tuple[int, int, float]]) -> None:
    await store.insert("samples", ("id", "ts", "value"), np.array(rows, SAMPLE).tobytes())


async def _buckets(store: Store, id_: int) -> list[Bucket]:
    sql = "SELECT * FROM samples_5m FINAL WHERE id = {id:UInt64} ORDER BY ts"
    return await store.fetch_rows(sql, {"id": id_}, Bucket)


async def test_an_hour_is_rolled_up_once_it_is_over(store: Store) -> None:
    rows = [(7, HOUR, 10.0), (7, HOUR + 15_000, 12.0), (7, HOUR + 30_000, 3.0)]
    await _write(store, [*rows, (7, HOUR + 300_000, 5.0), (7, HOUR + 315_000, STALE)])
    rollup = Rollup(store, FakeClock((HOUR + HOUR_MS) / 1000))
    assert await rollup.run_once() == 0
    later = Rollup(store, FakeClock((HOUR + 2 * HOUR_MS) / 1000))
    assert await later.run_once() >= 1
    first = Bucket(HOUR, 3, 25.0, 3.0, 12.0, 10.0, 3.0, HOUR + 30_000, 5.0)
    second = Bucket(HOUR + 300_000, 1, 5.0, 5.0, 5.0, 5.0, 5.0, HOUR + 300_000, 0.0)
    assert await _buckets(store, 7) == [first, second]
    assert await later.until_ms() == HOUR + HOUR_MS


async def test_duplicates_and_late_samples_are_counted_right(store: Store) -> None:
    clock = FakeClock((HOUR + 2 * HOUR_MS) / 1000)
    rollup = Rollup(store, clock)
    await _write(store, [(2**64 - 1, HOUR, 1.0), (2**64 - 1, HOUR + 1000, 2.0)])
    await rollup.run_once()
    await _write(store, [(2**64 - 1, HOUR, 1.0), (2**64 - 1, HOUR + 2000, 4.0)])
    await rollup.run_once()
    (bucket,) = await _buckets(store, 2**64 - 1)
    assert (bucket.count, bucket.sum, bucket.last, bucket.increase) == (3, 7.0, 4.0, 3.0)


async def test_a_store_without_samples_has_nothing_to_roll_up(store: Store) -> None:
    rollup = Rollup(store, FakeClock())
    assert await rollup.run_once() == 0
