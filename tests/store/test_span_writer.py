"""Spans are kept before they are answered, once each, and come back as they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tocsin.kit.clock import SystemClock
from tocsin.model.spans import Span, SpanBatch, SpanEvent, SpanLink
from tocsin.store.client import Store
from tocsin.store.span_writer import SpanWriter
from tocsin.store.wal_journal import Journal

NOW_NS = 1_700_000_000_123_456_789


@asynccontextmanager
async def writing(store: Store, folder: Path) -> AsyncIterator[SpanWriter]:
    """A writer that is drained in the end."""
    clock = SystemClock()
    writer = SpanWriter(store, clock, Journal(store, folder, clock))
    await writer.open()
    task = asyncio.create_task(writer.run())
    yield writer
    assert await writer.drain()
    await task


def span(number: int, name: str = "GET /cart") -> Span:
    return Span(
        ts_ns=NOW_NS + number,
        duration_ns=1_000_000 * (number + 1),
        trace_id=f"{number + 1:032x}",
        span_id=f"{number + 1:016x}",
        name=name,
        service="api",
        kind=2,
        status=2 if number % 3 == 0 else 0,
    )


def batch(count: int, key: int = 1) -> SpanBatch:
    spans = tuple(span(number) for number in range(count))
    return SpanBatch(spans=spans, key=key, taken_ms=SystemClock().now_ms())


async def rows(store: Store, sql: str) -> list[list[str]]:
    body = await store.fetch_bytes(sql, fmt="JSONCompactStringsEachRow")
    return [msgspec.json.decode(line, type=list[str]) for line in body.splitlines()]


async def test_a_span_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    event = SpanEvent(ts_ns=NOW_NS + 5, name="exception", attributes={"exception.type": "Error"})
    link = SpanLink(trace_id="c" * 32, span_id="d" * 16, attributes={"why": "batch \ud800"})
    sent = Span(
        ts_ns=NOW_NS,
        duration_ns=(1 << 63) + 7,
        trace_id="a" * 32,
        span_id="b" * 16,
        parent_id="e" * 16,
        name="Zahlung € \U0001f4a5",
        service="api",
        environment="production",
        host="web-1",
        kind=3,
        status=2,
        status_message="declined",
        scope="shop.http",
        trace_state="ot=th:8",
        user_id="42",
        weight=2,
        attributes={"http.response.status_code": "500", "leer": ""},
        resource={"service.name": "api"},
        events=(event,),
        links=(link,),
    )
    async with writing(store, tmp_path) as writer:
        assert await writer.write(SpanBatch(spans=(sent,), key=7, taken_ms=NOW_NS // 1_000_000))
        await writer.settle()
        (found,) = await rows(
            store,
            "SELECT toString(toUnixTimestamp64Nano(ts)), duration_ns, trace_id, span_id, parent_id,"
            " name, service, environment, host, kind, status, status_message, scope, trace_state,"
            " user_id, weight, toJSONString(attributes), toJSONString(resource), events, links,"
            " batch, number FROM spans",
        )
    assert found[:5] == [str(NOW_NS), str(sent.duration_ns), "a" * 32, "b" * 16, "e" * 16]
    assert found[5:12] == [sent.name, "api", "production", "web-1", "3", "2", "declined"]
    assert found[12:16] == ["shop.http", "ot=th:8", "42", "2"]
    assert msgspec.json.decode(found[16]) == sent.attributes
    assert msgspec.json.decode(found[17]) == sent.resource
    assert msgspec.json.decode(found[18], type=tuple[SpanEvent, ...]) == (event,)
    (linked,) = msgspec.json.decode(found[19], type=tuple[SpanLink, ...])
    assert linked.attributes == {"why": "batch ?"}
    assert found[20:] == ["7", "0"]


async def test_a_repeated_request_is_kept_once_even_after_a_restart(
    store: Store, tmp_path: Path
) -> None:
    sent = batch(3)
    async with writing(store, tmp_path) as writer:
        both = await asyncio.gather(writer.write(sent), writer.write(sent))
        assert sorted(both) == [False, True]
        assert not await writer.write(sent)
    async with writing(store, tmp_path) as writer:
        assert writer.has(sent.key)
        assert not await writer.write(sent)
        await writer.settle()
    assert await rows(store, "SELECT count() FROM spans") == [["3"]]


async def test_a_request_that_comes_again_while_it_is_being_kept_is_kept_once(
    store: Store, tmp_path: Path
) -> None:
    sent = batch(500)  # so many are encoded in a thread: the second comes after the commit began
    async with writing(store, tmp_path) as writer:
        first = asyncio.create_task(writer.write(sent))
        for _ in range(10):
            await asyncio.sleep(0)
        again = await writer.write(sent)
        assert sorted([await first, again]) == [False, True]
        await writer.settle()
    assert await rows(store, "SELECT count() FROM spans") == [["500"]]


async def test_counts_by_minute_and_times_of_traces_follow_the_spans(
    store: Store, tmp_path: Path
) -> None:
    async with writing(store, tmp_path) as writer:
        await writer.write(batch(6))
        await writer.settle()
    counted = "SELECT sum(requests), sum(failures), sum(total_ns) FROM spans_1m"
    assert await rows(store, counted) == [["6", "2", str(21_000_000)]]
    sql = "SELECT toUnixTimestamp64Nano(max(ended)) - toUnixTimestamp64Nano(min(began))"
    sql += f" FROM traces WHERE trace_id = '{3:032x}'"
    assert await rows(store, sql) == [["3000000"]]
