"""A query that is too much: bounded, cancelled when nobody waits, and ingest does not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.resilience.inside import SetClock, inside
from tests.resilience.serving import write_body
from tests.waiting import until
from tocsin.app.product import Tocsin

pytestmark = pytest.mark.slow

_HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
_ROWS = 12_000_000
_DAY_MS = 86_400_000


@pytest.fixture
async def loaded(tmp_path: Path) -> AsyncIterator[Tocsin]:
    """A Tocsin with one series of 12 million samples."""
    clock = SetClock()
    async with inside(tmp_path, clock) as tocsin:
        start = clock.now_ms() - 2 * _DAY_MS
        assert await write(tocsin, "heavy", start) < 300
        assert await write(tocsin, "heavy", clock.now_ms()) < 300
        assert await tocsin.parts.writer.flush()  # plain SQL sees what the store has
        store = tocsin.parts.kept.store
        await store.command(
            "INSERT INTO samples SELECT (SELECT id FROM series WHERE metric = 'heavy' LIMIT 1), "
            f"{start} + number * 14, number FROM numbers({_ROWS})"
        )
        yield tocsin


async def write(tocsin: Tocsin, metric: str, ts: int) -> int:
    """Remote-write one sample; the status."""
    body = write_body(metric, {"a": (ts, 1.0)})
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{tocsin.http.url}/api/v1/write", data=body, headers=_HEADERS) as response,
    ):
        return response.status


async def ask(tocsin: Tocsin, query: str, **more: str) -> tuple[int, dict[str, object]]:
    """An instant query's status and answer."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{tocsin.http.url}/api/v1/query", params={"query": query, **more}) as response,
    ):
        return response.status, await response.json()


async def _reading(tocsin: Tocsin) -> int:
    sql = "SELECT count() FROM system.processes WHERE query LIKE '%FROM samples%'"
    sql += " AND query NOT LIKE '%processes%'"
    return int(await tocsin.parts.kept.store.fetch_bytes(sql, fmt="TSV", lane="short"))


async def test_a_client_that_leaves_ends_its_query_in_the_engine(loaded: Tocsin) -> None:
    asked = asyncio.create_task(ask(loaded, "sum(rate(heavy[2d]))"))

    async def begun() -> bool:
        return await _reading(loaded) > 0

    async def ended() -> bool:
        return await _reading(loaded) == 0

    await until(begun)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await until(ended)


async def test_ingest_goes_on_beside_queries_that_are_too_much(loaded: Tocsin) -> None:
    began = time.monotonic()
    heavy = [
        asyncio.create_task(ask(loaded, query, timeout="10s"))
        for query in (
            'quantile_over_time(0.5, {__name__=~".+"}[3d])',
            'sum(rate({__name__=~"h.*"}[2d:1s]))',
            'count({s=~"(a+)+(a+)+(a+)+(a+)+b"})',
            'label_replace(heavy, "x", "$1", "s", "(.*)*(.*)*(.*)*(.*)*!")',
        )
    ]
    statuses, slowest = [], 0.0
    while not all(one.done() for one in heavy):
        sent = time.monotonic()
        statuses.append(await write(loaded, "beside", loaded.parts.clock.now_ms()))
        slowest = max(slowest, time.monotonic() - sent)
        assert time.monotonic() - began < 120, "a query is not bounded"
    assert all(status < 300 for status in statuses)
    for one in heavy:
        status, answer = one.result()
        assert status == 200 or answer["error"], answer
        assert status in (200, 422, 503), answer


async def test_a_query_beyond_the_bound_of_samples_says_so(tmp_path: Path) -> None:
    clock = SetClock()
    async with inside(tmp_path, clock, {"query.max_samples": "10"}) as tocsin:
        now = clock.now_ms()
        for number in range(20):
            assert await write(tocsin, "many", now - number) < 300
        status, answer = await ask(tocsin, "sum_over_time(many[1h])")
        assert (status, answer["errorType"]) == (422, "execution"), answer
        assert "too many samples" in str(answer["error"])
        assert (await ask(tocsin, "few"))[0] == 200
