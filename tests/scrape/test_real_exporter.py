"""The real node exporter is scraped whole, and its names are those of the built-in host target."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scrape.servers import Kept
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.model.labels import get, metric_name
from tocsin.scrape.builtin import host_job
from tocsin.scrape.config import read_plan
from tocsin.scrape.manager import ScrapeManager

pytestmark = pytest.mark.slow

_LISTENS = re.compile(rb"(?:address=|on )[\"]?127\.0\.0\.1:(\d+)")


@pytest.fixture
async def exporter() -> AsyncIterator[str]:
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program is None:
        pytest.skip("prometheus-node-exporter is not installed")
    process = await asyncio.create_subprocess_exec(
        program, "--web.listen-address=127.0.0.1:0", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while not (found := _LISTENS.search(await process.stderr.readline())):
            assert process.returncode is None
    draining = asyncio.create_task(process.stderr.read())
    yield f"127.0.0.1:{found[1].decode()}"
    process.terminate()
    await process.wait()
    await draining


async def test_node_exporter_is_read_whole(exporter: str, clock: FakeClock) -> None:
    kept = Kept()
    manager = ScrapeManager(kept, kept, clock)
    text = f"scrape_configs: [{{job_name: real, static_configs: [{{targets: ['{exporter}']}}]}}]"
    await manager.apply(read_plan(loads(text), Path()), [host_job(15, instance="here")])
    for _ in range(3):
        for state in manager.targets():
            assert (await manager.scrape_now(state.target.id)).error == ""
    scraped = [s.samples_scraped for s in manager.targets() if s.target.job == "real"]
    assert scraped[0] > 200
    assert all(len(samples) == 3 for samples in kept.all().values())
    names = {
        job: {metric_name(labels) for labels in kept.all() if get(labels, "job") == job}
        for job in ("real", "node")
    }
    told_by_few = {"node_load1", "node_load5", "node_load15", "node_uname_info"}
    assert names["node"] - told_by_few <= names["real"] | _not_here(names["real"])
    await manager.stop()


def _not_here(real: set[str]) -> set[str]:
    """A container may show the exporter no disks or filesystems at all."""
    kinds = ("node_disk_", "node_filesystem_")
    gone = [kind for kind in kinds if not any(name.startswith(kind) for name in real)]
    return {f"{kind}{rest}" for kind in gone for rest in _RESTS}


_RESTS = (
    "size_bytes",
    "free_bytes",
    "avail_bytes",
    "read_bytes_total",
    "written_bytes_total",
    "reads_completed_total",
    "writes_completed_total",
    "read_time_seconds_total",
    "write_time_seconds_total",
    "io_time_seconds_total",
)
