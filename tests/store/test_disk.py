"""A full disk refuses writes clearly while queries go on."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import Temporary
from tocsin.model.samples import SAMPLE
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.disk import DiskWatch
from tocsin.store.errors import DiskFull
from tocsin.store.migrate import migrate

pytestmark = pytest.mark.anyio

COLUMNS = ("id", "ts", "value")


async def test_a_folder_that_is_gone_refuses_writes_until_it_is_back(
    tmp_path: Path, clock: FakeClock
) -> None:
    watch = DiskWatch(tmp_path / "gone", 0, clock)
    with pytest.raises(Temporary, match="writes are refused until it is back"):
        watch.check()
    with pytest.raises(Temporary, match="gone"):
        watch.check()
    (tmp_path / "gone").mkdir()
    watch.check()


async def test_writes_are_refused_below_the_floor_and_taken_again(clock: FakeClock) -> None:
    free = [100]
    watch = DiskWatch(Path("/"), 50, clock, measure=lambda _: free[0])
    watch.check()
    free[0] = 49
    await clock.advance(1)
    with pytest.raises(DiskFull, match="min_free_bytes") as refused:
        watch.check()
    assert refused.value.retry_after == 30
    free[0] = 51
    await clock.advance(1)
    watch.check()


async def test_an_insert_asks_whether_there_is_room(engine: EngineChild, store: Store) -> None:
    watch = DiskWatch(Path("/"), 50, FakeClock(), measure=lambda _: 1)
    full = await Store.connect(
        engine.endpoint, database=store.database, clock=SystemClock(), disk=watch
    )
    with pytest.raises(DiskFull):
        await full.insert("samples", COLUMNS, np.zeros(1, SAMPLE).tobytes())
    assert await full.fetch_bytes("SELECT count() FROM samples", fmt="TSV") == b"0\n"
    await full.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
async def test_a_disk_that_is_really_full_refuses_writes_and_answers(small_disk: Path) -> None:
    child = EngineChild(small_disk, SystemClock())
    store = await Store.connect(await child.start(), database="tocsin", clock=SystemClock())
    await migrate(store)
    batch = _incompressible(100_000)
    taken = 0

    async def fill() -> None:
        nonlocal taken
        for _ in range(100):
            await store.insert("samples", COLUMNS, batch)
            taken += 1

    with pytest.raises(DiskFull, match="free disk space"):
        await fill()
    sql = "SELECT count() FROM samples FINAL"
    assert await store.fetch_bytes(sql, fmt="TSV") == b"100000\n"
    assert taken > 0
    await asyncio.wait_for(store.close(), 60)
    await child.stop()


def _incompressible(count: int) -> bytes:
    rows = np.zeros(count, SAMPLE)
    random = np.random.default_rng(1)
    rows["id"] = random.permutation(count)
    rows["ts"] = SystemClock().now_ms()
    rows["value"] = random.random(count)
    return rows.tobytes()
