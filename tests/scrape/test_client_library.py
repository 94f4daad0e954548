"""Applications that use the official client library are scraped, in the format they negotiate."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, start_http_server

from tests.scrape.servers import Kept
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.scrape.config import read_plan
from tocsin.scrape.manager import ScrapeManager


async def test_a_client_library_is_scraped_in_openmetrics(clock: FakeClock) -> None:
    registry = CollectorRegistry()
    orders = Counter("orders", "Orders.", ["kind"], registry=registry)
    waits = Histogram("wait_seconds", "Waits.", registry=registry, buckets=(0.5, 1, 10))
    Info("build", "The build.", registry=registry).info({"version": "1"})
    orders.labels("new").inc(2, exemplar={"trace_id": "abc"})
    waits.observe(0.7)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    kept = Kept()
    manager = ScrapeManager(kept, kept, clock)
    try:
        address = f"127.0.0.1:{server.server_port}"
        text = f"scrape_configs: [{{job_name: a, static_configs: [{{targets: ['{address}']}}]}}]"
        await manager.apply(read_plan(loads(text), Path()))
        for _ in range(3):
            state = await manager.scrape_now(manager.targets()[0].target.id)
            assert state.error == ""
            orders.labels("new").inc()
    finally:
        await manager.stop()
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert kept.values("orders_total") == [2.0, 3.0, 4.0]
    assert kept.values("wait_seconds_bucket") == [0.0] * 3 + [1.0] * 9
    assert kept.values("build_info") == [1.0] * 3
    assert {m.metric: m.type for b in kept.batches for m in b.metadata}["build"] == "info"
    assert {dict(e.labels)["trace_id"] for b in kept.batches for e in b.exemplars} == {"abc"}
