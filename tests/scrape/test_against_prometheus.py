"""The real Prometheus, given the same configuration and targets, stores the same series."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.scrape.servers import Kept, Page, serve
from tests.waiting import until
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.model.labels import Labels, from_mapping
from tocsin.scrape.config import read_plan
from tocsin.scrape.manager import ScrapeManager

pytestmark = pytest.mark.slow

BODY = rb"""# HELP http_requests_total Requests, with \\ and \n in the help.
# TYPE http_requests_total counter
http_requests_total{job="own",instance="own",code="200",path="/api/\"x\"\\y\nz"} 17
http_requests_total{code="500",path="/api/shop/1",exported_job="taken",job="own"} 1.5e3
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 2
noise_total 1
temperature{room="k\xc3\xbcche",tmp_a="1",tmp_b="2"} -Inf
empty{label=""} NaN
"""

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: renamed
    static_configs: [{{targets: ['{address}'], labels: {{env: prod}}}}]
    metric_relabel_configs: &rules
      - {{source_labels: [__name__], regex: 'noise_.*', action: drop}}
      - {{source_labels: [path], regex: '/api/(\\w+)/.*', target_label: section, replacement: s-$1}}
      - {{regex: 'tmp_(.*)', action: labelmap, replacement: 'kept_$1'}}
      - {{regex: 'tmp_.*', action: labeldrop}}
      - {{source_labels: [code, env], separator: '', target_label: n, modulus: 13, action: hashmod}}
      - {{source_labels: [env], target_label: ENV, action: uppercase}}
  - job_name: honored
    honor_labels: true
    honor_timestamps: false
    params: {{module: [a b]}}
    static_configs: [{{targets: ['{address}']}}]
    relabel_configs:
      - {{source_labels: [__param_module, __scheme__], regex: '(.*);(.*)', target_label: module}}
      - {{source_labels: [__scrape_interval__], target_label: every}}
    metric_relabel_configs: *rules
"""


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[str]:
    """The address of a Prometheus that runs with `folder`/prometheus.yml."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--storage.tsdb.retention.time=10y",
        "--log.level=error",
        stderr=sys.stderr,
    )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def series(base: str, enough: Callable[[set[Labels]], bool]) -> set[Labels]:
    """All series that Prometheus knows, once there are enough."""
    query = urlencode({"match[]": '{__name__!=""}', "start": "1600000000"})

    async def ask(session: aiohttp.ClientSession) -> set[Labels]:
        try:
            async with session.get(f"{base}/api/v1/series?{query}") as answer:
                body = await answer.read()
                if answer.status != 200:  # it is starting
                    return set()
                data = json.loads(body).get("data") or ()
        except aiohttp.ClientError:
            return set()
        found = {from_mapping(labels) for labels in data}
        return found if enough(found) else set()

    async with aiohttp.ClientSession() as session:
        return await until(lambda: ask(session))


async def test_prometheus_stores_the_same_series(tmp_path: Path, clock: FakeClock) -> None:
    async with serve(Page(BODY)) as address:
        text = CONFIG.format(address=address)
        (tmp_path / "prometheus.yml").write_text(text)
        kept = Kept()
        manager = ScrapeManager(kept, kept, clock)
        await manager.apply(read_plan(loads(text), tmp_path))
        for state in manager.targets():
            assert (await manager.scrape_now(state.target.id)).error == ""
        await manager.stop()
        ours = set(kept.all())
        async with prometheus(tmp_path) as base:
            theirs = await series(base, _both_were_scraped)
    assert ours == theirs


def _both_were_scraped(found: set[Labels]) -> bool:
    reports = [labels for labels in found if ("__name__", "scrape_series_added") in labels]
    return len(reports) == 2
