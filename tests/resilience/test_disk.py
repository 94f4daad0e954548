"""The disk fills up: writes are refused with a clear answer, queries go on, and it recovers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resilience.serving import Serving, serving
from tests.resilience.test_log_kill import Shipper, is_whole
from tests.waiting import until

pytestmark = pytest.mark.slow

_CONFIG = "scrape: {{host: false, itself: false}}\nstore: {{min_free_bytes: {}MiB}}\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tocsin-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path, *, leave: int) -> Path:
    path = folder / "ballast"
    with path.open("ab") as file:
        while (free := shutil.disk_usage(folder).free) > leave:
            try:
                file.write(b"\0" * min(1 << 20, free - leave))
                file.flush()
            except OSError:
                break
    return path


async def _refused(tocsin: Serving) -> bool:
    status, retry = await tocsin.write({"a": (time.time_ns() // 1_000_000, 2.0)})
    if status < 300:
        return False
    assert status == 503
    assert int(retry) >= 1
    assert "store.min_free_bytes" in tocsin.last_words
    return True


async def test_a_full_disk_refuses_writes_while_queries_go_on(small_disk: Path) -> None:
    async with serving(small_disk, config=_CONFIG.format(40)) as tocsin:
        first = time.time_ns() // 1_000_000
        assert (await tocsin.write({"a": (first, 1.0)}))[0] < 300
        shipper = Shipper(0, tocsin, pause_seconds=0.2)
        shipping = asyncio.create_task(shipper.run())
        await until(lambda: len(shipper.acknowledged) > 0)
        ballast = _fill(small_disk, leave=30 << 20)
        await until(lambda: _refused(tocsin))
        await until(lambda: shipper.repeated > 0)
        assert (first, 1.0) in (await tocsin.samples("kept[10m]"))["a"]
        assert (await tocsin.get("/health"))[0] == 200
        _fill(small_disk, leave=0)
        assert await _refused(tocsin)
        assert (first, 1.0) in (await tocsin.samples("kept[10m]"))["a"]
        assert (await tocsin.get("/"))[0] == 200
        ballast.unlink()

        async def taken() -> bool:
            return (await tocsin.write({"b": (time.time_ns() // 1_000_000, 3.0)}))[0] < 300

        await until(taken)
        before = len(shipper.acknowledged)
        await until(lambda: len(shipper.acknowledged) > before)
        shipper.ended.set()
        await shipping
        await until(lambda: is_whole(tocsin, sorted(shipper.acknowledged)))
        assert "disk_full" in tocsin.said()
        assert "disk_has_room" in tocsin.said()
        assert await tocsin.stop() == 0


async def test_a_start_on_a_full_disk_answers_queries_and_refuses_writes(tmp_path: Path) -> None:
    more = (shutil.disk_usage(tmp_path).free >> 20) + 4096
    async with serving(tmp_path) as tocsin:
        first = time.time_ns() // 1_000_000
        assert (await tocsin.write({"a": (first, 1.0)}))[0] < 300
        assert await tocsin.stop() == 0
        tocsin.config.write_text(_CONFIG.format(more))
        await tocsin.start()
        assert await _refused(tocsin)
        assert (await tocsin.samples("kept[10m]"))["a"] == [(first, 1.0)]
