"""Telemetry in a ClickHouse elsewhere: an engine that Tocsin neither starts nor stops."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.resilience.serving import Sample, serving
from tests.waiting import until
from tocsin.kit.clock import SystemClock
from tocsin.store.child import EngineChild
from tocsin.store.client import Store

pytestmark = pytest.mark.slow


def _config(url: str, password: str) -> str:
    store = {"url": url, "user": "default", "password": password, "database": "elsewhere"}
    return json.dumps({"store": store, "scrape": {"host": False, "itself": False}})


async def test_samples_are_kept_in_a_clickhouse_elsewhere(tmp_path: Path) -> None:
    engine = EngineChild(tmp_path / "elsewhere", SystemClock())
    endpoint = await engine.start()
    now_ms = time.time_ns() // 1_000_000
    wanted: dict[str, Sample] = {str(n): (now_ms, n + 0.5) for n in range(50)}
    try:
        config = _config(endpoint.url, endpoint.password)
        async with serving(tmp_path, config=config) as one:
            status, _ = await one.write(wanted)
            assert status == 204, one.last_words
            assert await one.samples("kept[1h]") == {s: [at] for s, at in wanted.items()}
            assert await one.stop() == 0
            assert one.engine is None
        store = await Store.connect(endpoint, database="elsewhere", clock=SystemClock())
        count = await store.fetch_bytes("SELECT count() FROM samples FINAL", fmt="TSV")
        await store.close()
        assert int(count) == 50
        async with serving(tmp_path, config=config) as again:
            assert await again.samples("kept[1h]") == {s: [at] for s, at in wanted.items()}
    finally:
        await engine.stop()


async def test_a_clickhouse_that_comes_back_finds_what_was_acknowledged(tmp_path: Path) -> None:
    engine = EngineChild(tmp_path / "elsewhere", SystemClock())
    endpoint = await engine.start()
    now_ms = time.time_ns() // 1_000_000
    try:
        async with serving(tmp_path, config=_config(endpoint.url, endpoint.password)) as one:
            assert (await one.write({"before": (now_ms, 1.0)}))[0] == 204
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGKILL)
            assert (await one.write({"meanwhile": (now_ms, 2.0)}))[0] == 204

            async def is_whole() -> bool:
                status, answer = await one.get("/api/v1/query", query="count(kept)")
                return status == 200 and answer["data"]["result"][0]["value"][1] == "2"

            await until(is_whole)
    finally:
        await engine.stop()
