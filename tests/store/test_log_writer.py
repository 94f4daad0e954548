"""Log lines are kept before they are answered, once each, and come back as they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tocsin.kit.clock import SystemClock
from tocsin.model.logs import LogBatch, LogRecord, level_name, level_of, level_of_syslog
from tocsin.store.client import Store
from tocsin.store.log_writer import LogWriter
from tocsin.store.wal_journal import Journal

NOW_NS = 1_700_000_000_123_456_789


@asynccontextmanager
async def writing(store: Store, folder: Path) -> AsyncIterator[LogWriter]:
    """A writer that is drained in the end."""
    clock = SystemClock()
    writer = LogWriter(store, clock, Journal(store, folder, clock))
    await writer.open()
    task = asyncio.create_task(writer.run())
    yield writer
    assert await writer.drain()
    await task


def batch(*bodies: str, key: int = 1, ts_ns: int = NOW_NS) -> LogBatch:
    """One line for each body, a nanosecond apart."""
    records = tuple(
        LogRecord(ts_ns=ts_ns + n, body=body, service="api", level=9, severity="info")
        for n, body in enumerate(bodies)
    )
    return LogBatch(records=records, key=key, taken_ms=SystemClock().now_ms())


async def lines(store: Store, columns: str = "body") -> list[list[str]]:
    sql = f"SELECT {columns} FROM logs ORDER BY ts, number"
    body = await store.fetch_bytes(sql, fmt="JSONCompactStringsEachRow")
    return [msgspec.json.decode(line, type=list[str]) for line in body.splitlines()]


async def test_a_line_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    record = LogRecord(
        ts_ns=NOW_NS,
        body="Zahlung fehlgeschlagen: 12 € \U0001f4a5\nat checkout",
        service="api",
        level=17,
        severity="err",
        host="web-1",
        environment="production",
        source="shop-logs",
        trace_id="a" * 32,
        span_id="b" * 16,
        user_id="42",
        pattern=(1 << 64) - 1,
        attributes={"http.status": "500", "leer": "", "x" * 200: "y" * 40_000},
        original='{"message": "…"}',
    )
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=(record,), key=7, taken_ms=NOW_NS // 1_000_000))
        await writer.settle()
        (found,) = await lines(
            store,
            "toString(toUnixTimestamp64Nano(ts)), body, service, toString(level), severity, host,"
            " environment, source, trace_id, span_id, user_id, toString(pattern),"
            " toJSONString(attributes), original, toString(batch), toString(number)",
        )
    assert found[:12] == [
        *(str(NOW_NS), record.body, "api", "17", "err", "web-1", "production", "shop-logs"),
        *("a" * 32, "b" * 16, "42", str((1 << 64) - 1)),
    ]
    assert msgspec.json.decode(found[12]) == record.attributes
    assert found[13:] == [record.original, "7", "0"]


async def test_a_lone_surrogate_costs_its_place_and_not_the_line(
    store: Store, tmp_path: Path
) -> None:
    async with writing(store, tmp_path) as writer:
        await writer.write(batch("before", "half \ud800 a pair", "after"))
        await writer.settle()
        assert await lines(store) == [["before"], ["half ? a pair"], ["after"]]


async def test_what_was_answered_is_inserted_by_the_next_process(
    store: Store, tmp_path: Path
) -> None:
    clock = SystemClock()
    journal = Journal(store, tmp_path, clock)
    killed = LogWriter(store, clock, journal)
    await killed.open()
    task = asyncio.create_task(killed.run())
    await killed.write(batch("answered"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    journal.die()
    async with writing(store, tmp_path) as writer:
        assert await lines(store) == [["answered"]]
        await writer.write(batch("answered"))
        await writer.settle()
        assert await lines(store) == [["answered"]], "the sender repeated a request that was kept"


async def test_a_repeated_request_is_kept_once(store: Store, tmp_path: Path) -> None:
    async with writing(store, tmp_path) as writer:
        await asyncio.gather(*(writer.write(batch("one", "two")) for _ in range(5)))
        await writer.write(batch("one", "two", key=2))
        await writer.settle()
        assert len(await lines(store)) == 4


async def test_a_request_that_comes_again_while_it_is_being_kept_is_kept_once(
    store: Store, tmp_path: Path
) -> None:
    many = [f"line {number}" for number in range(500)]
    async with writing(store, tmp_path) as writer:
        first = asyncio.create_task(writer.write(batch(*many)))
        for _ in range(10):
            await asyncio.sleep(0)
        await writer.write(batch(*many))
        await first
        await writer.settle()
        assert len(await lines(store)) == 500


async def test_the_next_process_knows_what_senders_called_their_lines(
    store: Store, tmp_path: Path
) -> None:
    async with writing(store, tmp_path) as writer:
        await writer.write(batch("without a name"))
        two = batch("a", "b", "c", key=2)
        await writer.write(msgspec.structs.replace(two, names=(7, 0, (1 << 64) - 1)))
        await writer.settle()
    async with writing(store, tmp_path) as writer:
        assert sorted(await writer.names()) == [7, (1 << 64) - 1]
        assert len(await lines(store)) == 4


async def test_lines_are_counted_by_the_minute(store: Store, tmp_path: Path) -> None:
    async with writing(store, tmp_path) as writer:
        await writer.write(batch(*["a"] * 10))
        await writer.write(batch(*["b"] * 5, key=2, ts_ns=NOW_NS + 60_000_000_000))
        await writer.settle()
        sql = "SELECT toInt64(sum(lines)) FROM logs_1m GROUP BY minute ORDER BY minute"
        assert (await store.fetch_bytes(sql, fmt="TSV")).split() == [b"10", b"5"]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("trace", "finest", "silly"), 1),
        (("DEBUG", "verbose"), 5),
        (("info", "Information", "http"), 9),
        (("warn", "WARNING"), 13),
        (("error", "SEVERE", "err"), 17),
        (("fatal", "panic", "emerg"), 21),
        (("", "purple"), 0),
    ],
    ids=lambda each: "/".join(each) if isinstance(each, tuple) else str(each),
)
def test_levels_are_known_by_all_their_names(words: tuple[str, ...], number: int) -> None:
    assert {level_of(word) for word in words} == {number}


def test_syslog_severities_have_levels() -> None:
    found = [level_name(level_of_syslog(each)) for each in range(8)]
    assert found == [
        *("fatal", "error", "error", "error", "warn", "info", "info", "debug"),
    ]
    assert level_of_syslog(9) == 0
