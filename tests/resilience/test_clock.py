"""Somebody sets the clock while Tocsin runs: nothing is lost, nothing stops."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.resilience.inside import SetClock, inside
from tests.resilience.serving import write_body
from tocsin.app.product import Tocsin

pytestmark = pytest.mark.slow

_HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}


async def _write(tocsin: Tocsin, ts: int, value: float) -> int:
    body = write_body("kept", {"a": (ts, value)})
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{tocsin.http.url}/api/v1/write", data=body, headers=_HEADERS) as response,
    ):
        return response.status


async def _found(tocsin: Tocsin, at_ms: int) -> dict[int, float]:
    params = {"query": "kept[12h]", "time": f"{at_ms / 1000:.3f}"}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{tocsin.http.url}/api/v1/query", params=params) as response,
    ):
        result = (await response.json())["data"]["result"]
    return {round(ts * 1000): float(value) for one in result for ts, value in one["values"]}


@pytest.mark.parametrize(
    "shift",
    [
        pytest.param(-4 * 3600.0, id="four hours back"),
        pytest.param(4 * 3600.0, id="four hours ahead"),
    ],
)
async def test_writes_and_queries_go_on_when_the_clock_is_set(tmp_path: Path, shift: float) -> None:
    clock = SetClock()
    async with inside(tmp_path, clock) as tocsin:
        first = clock.now_ms()
        assert await _write(tocsin, first, 1.0) < 300
        clock.off_seconds = shift
        second = clock.now_ms()
        assert await _write(tocsin, second, 2.0) < 300
        assert tocsin.status().ready
        late = max(first, second) + 1
        assert await _found(tocsin, late) == {first: 1.0, second: 2.0}
        clock.off_seconds = 0.0
        third = clock.now_ms()
        assert await _write(tocsin, third, 3.0) < 300
        late = max(late, third) + 1
        assert await _found(tocsin, late) == {first: 1.0, second: 2.0, third: 3.0}
    async with inside(tmp_path, clock) as tocsin:
        assert await _found(tocsin, late) == {first: 1.0, second: 2.0, third: 3.0}
