"""The engine's child is restarted, never doubled, and loses nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tests.waiting import until
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.model.samples import SAMPLE
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

COLUMNS = ("id", "ts", "value")


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[EngineChild]:
    """A child of the test's own, watched closely."""
    child = EngineChild(tmp_path / "data", SystemClock(), ping_seconds=0.2, hang_seconds=0.5)
    await child.start()
    yield child
    await child.stop()


async def _open(child: EngineChild) -> Store:
    store = await Store.connect(child.endpoint, database="tocsin", clock=SystemClock())
    await migrate(store)
    return store


async def test_what_was_acknowledged_survives_kill_9(child: EngineChild) -> None:
    store = await _open(child)
    acknowledged: list[int] = []
    now = SystemClock().now_ms()

    async def write(lane: int) -> None:
        for number in range(60):
            rows = np.zeros(200, SAMPLE)
            rows["id"] = lane * 1000 + number
            rows["ts"] = now + np.arange(200)
            try:
                await store.insert("samples", COLUMNS, rows.tobytes())
            except Temporary:
                continue
            acknowledged.append(lane * 1000 + number)

    async def kill() -> None:
        for _ in range(3):
            enough = len(acknowledged) + 15
            async with asyncio.timeout(60):
                while len(acknowledged) < enough:
                    await store.fetch_bytes("SELECT 1", lane="short")
            if child.pid is not None:
                with contextlib.suppress(ProcessLookupError):  # it has just died
                    os.kill(child.pid, signal.SIGKILL)

    await asyncio.gather(write(1), write(2), kill())
    sql = "SELECT id, count() FROM samples GROUP BY id HAVING count() != 200"
    assert await store.fetch_bytes(sql, fmt="TSV") == b"", "an insert was half-written"
    there = set((await store.fetch_bytes("SELECT DISTINCT id FROM samples", fmt="TSV")).split())
    assert {str(id_).encode() for id_ in acknowledged} <= there
    assert child.restarts >= 1
    await store.close()


async def test_a_hung_child_is_killed_and_started_again(child: EngineChild) -> None:
    store = await _open(child)
    before = child.pid
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    assert await store.fetch_bytes("SELECT 1", fmt="TSV") == b"1\n"
    assert child.restarts == 1
    assert child.pid != before
    await store.close()


@pytest.mark.parametrize("name", ["a b", "p%20q", "x&y=1", "w?z", "ü'\"<&>"])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    child = EngineChild(tmp_path / name, SystemClock())
    store = await Store.connect(await child.start(), database="tocsin", clock=SystemClock())
    sql = "SELECT value FROM system.merge_tree_settings WHERE name = 'cleanup_delay_period'"
    assert await store.fetch_bytes(sql, fmt="TSV") == b"10\n", "the configuration is not in force"
    await store.close()
    await child.stop()
    assert [each.name for each in _inside(tmp_path)] == [name]


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_hook_runs_after_a_restart(tmp_path: Path) -> None:
    restarted = asyncio.Event()

    async def on_restart() -> None:
        restarted.set()

    child = EngineChild(tmp_path, SystemClock(), on_restart=on_restart)
    await child.start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await asyncio.wait_for(restarted.wait(), 60)
    await child.stop()


async def test_a_second_process_on_the_folder_is_told_who_holds_it(
    child: EngineChild, tmp_path: Path
) -> None:
    second = EngineChild(tmp_path / "data", SystemClock())
    with pytest.raises(Permanent, match=f"in use by process {child.pid}"):
        await second.start()
    await second.stop()


async def test_stopping_lets_a_running_query_end(tmp_path: Path) -> None:
    child = EngineChild(tmp_path, SystemClock())
    store = await Store.connect(await child.start(), database="tocsin", clock=SystemClock())
    sql = "SELECT sleep(1)"
    asking = asyncio.create_task(store.fetch_bytes(sql, fmt="TSV"))
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sleep(1)%'"
    running += " AND query NOT LIKE '%processes%'"
    while await store.fetch_bytes(running, fmt="TSV", lane="short") == b"0\n":
        pass
    stopping = asyncio.create_task(child.stop())
    assert await asking == b"0\n"
    await stopping
    assert child.pid is None
    await store.close()


async def test_the_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from tocsin.kit.clock import SystemClock\n"
        "from tocsin.store.child import EngineChild\n"
        "async def main():\n"
        f"    child = EngineChild(pathlib.Path({str(tmp_path)!r}), SystemClock())\n"
        "    await child.start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    lines = [await asyncio.wait_for(parent.stdout.readline(), 60) for _ in range(2)]
    pid = int(lines[-1])
    parent.kill()
    await parent.wait()
    # The lock is free as soon as the orphan is gone.
    heir = EngineChild(tmp_path, SystemClock())
    gone = asyncio.create_task(_until_gone(pid))
    await asyncio.wait_for(gone, 60)
    await heir.start()
    await heir.stop()


async def _until_gone(pid: int) -> None:
    await until(lambda: not Path(f"/proc/{pid}").exists())
