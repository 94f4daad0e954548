"""Lines whose insert ended nobody knows how are in the store once: none lost, none twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.store.killed_engine import SENDERS, killed_engine
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.store.client import Store
from tocsin.store.log_writer import LogWriter, rows_of
from tocsin.store.wal import WriteAheadLog
from tocsin.store.wal_again import insert_again
from tocsin.store.wal_apart import separated
from tocsin.store.wal_insert import insert_all

DAY_NS = 86_400_000_000_000
NOW_NS = 19_700 * DAY_NS
ROUNDS, LINES, KILLS = 60, 20, 5


def batch(key: int, *days_ago: int, body: str = "line") -> LogBatch:
    """A line for each of the days."""
    records = tuple(
        LogRecord(
            ts_ns=NOW_NS - days * DAY_NS + number,
            body=f"{body} {key}/{number}",
            service="s",
            attributes={"n": str(number)},
        )
        for number, days in enumerate(days_ago)
    )
    return LogBatch(records=records, key=key, taken_ms=NOW_NS // 1_000_000)


async def kept(store: Store) -> list[str]:
    sql = "SELECT concat(toString(batch), ' ', body, ' ', attributes['n']) FROM logs ORDER BY 1"
    return (await store.fetch_bytes(sql, fmt="TSV")).decode().splitlines()


def expected(batches: Sequence[LogBatch]) -> list[str]:
    return sorted(
        f"{one.key} {record.body} {record.attributes['n']}"
        for one in batches
        for record in one.records
    )


async def test_a_token_that_was_noted_without_its_parts_loses_no_line(store: Store) -> None:
    batches = [batch(1, 0, 1), batch(2, 1, 2), batch((1 << 64) - 1, 0, 0, 2)]
    rows = [rows_of(one) for one in batches]
    await insert_all(store, rows, token="t", timeout_seconds=60)
    day = datetime.fromtimestamp(NOW_NS / 1e9 - 86_400, UTC)
    await store.command(f"ALTER TABLE logs DROP PARTITION {day:%Y%m%d}")
    assert len(await kept(store)) < 7
    for _ in range(2):
        await insert_again(store, rows, token="t", timeout_seconds=60)
        assert await kept(store) == expected(batches)


async def test_what_is_there_is_not_inserted_again(store: Store) -> None:
    batches = [batch(key, 0, 1) for key in range(2_100)]
    rows = [rows_of(one) for one in batches]
    await insert_all(store, rows, token="t", timeout_seconds=60)
    await insert_again(store, rows, token="t", timeout_seconds=60)
    assert len(await kept(store)) == 4_200


KEY = "minute, service, environment, level, pattern"
COUNTS = KEY + ", sum({lines}) AS l, sum({bytes}) AS b"


async def counts(store: Store) -> tuple[bytes, bytes]:
    """The counts by minute as they are kept, and as the lines have them."""
    kept_ones = COUNTS.format(lines="lines", bytes="bytes")
    of_lines = COUNTS.format(lines="weight", bytes="length(body) + length(original)").replace(
        "minute,", "toStartOfMinute(toDateTime(ts)) AS minute,"
    )
    end = (
        "GROUP BY minute, service, environment, level, pattern HAVING l != 0 OR b != 0 ORDER BY ALL"
    )
    found = await store.fetch_bytes(f"SELECT {kept_ones} FROM logs_1m {end}", fmt="TSV")
    wanted = await store.fetch_bytes(f"SELECT {of_lines} FROM logs {end}", fmt="TSV")
    return found, wanted


async def test_lines_whose_view_was_never_told_are_counted(store: Store) -> None:
    before = [rows_of(batch(1, 0, 1))]
    await insert_all(store, before, token="b", timeout_seconds=60)
    rows = [rows_of(batch(2, 0, 1, 2)), rows_of(batch(3, 0, 0))]
    view = await store.fetch_bytes("SHOW CREATE TABLE logs_1m_view", fmt="TSVRaw")
    await store.command("DROP VIEW logs_1m_view")
    await insert_all(store, rows, token="t", timeout_seconds=60)
    await store.command(view.decode())
    found, wanted = await counts(store)
    assert found != wanted
    for _ in range(2):
        await insert_again(store, rows, token="t", timeout_seconds=60)
        found, wanted = await counts(store)
        assert found == wanted


async def test_lines_that_were_counted_without_a_part_are_counted_once(store: Store) -> None:
    rows = [rows_of(batch(1, 0, 1)), rows_of(batch(2, 1, 2, 2))]
    await insert_all(store, rows, token="t", timeout_seconds=60)
    day = datetime.fromtimestamp(NOW_NS / 1e9 - 86_400, UTC)
    await store.command(f"ALTER TABLE logs DROP PARTITION {day:%Y%m%d}")
    for optimized in (False, True):
        await insert_again(store, rows, token="t", timeout_seconds=60)
        if optimized:
            await store.command("OPTIMIZE TABLE logs_1m FINAL")
        found, wanted = await counts(store)
        assert found == wanted
        assert found.count(b"\n") == 3


class _Picky:
    """Takes no block that holds a certain text."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str,
        *,
        token: str = "",
        timeout_seconds: float,
    ) -> None:
        if b"poison" in data:
            raise Rejected("not this one")
        await self._store.insert(
            table, columns, data, fmt, token=token, timeout_seconds=timeout_seconds
        )


async def test_a_line_that_the_store_refuses_costs_no_other_line(
    store: Store, tmp_path: Path
) -> None:
    good, bad = batch(1, 0, 0, 0), batch(2, *[0] * 9)
    bad.records[5].body = "poison"
    wal = WriteAheadLog(tmp_path)
    wal.open()
    rows = [rows_of(good), rows_of(bad)]
    assert await separated(_Picky(store), wal, rows, "t", 20.0)
    wal.close()
    found = await kept(store)
    assert found == [one for one in expected([good, bad]) if "poison" not in one]
    assert sum(name.startswith("refused-") for name in os.listdir(tmp_path)) == 1


def of_three_days(key: int, now_ms: int) -> LogBatch:
    """Lines of one sender's request."""
    records = tuple(
        LogRecord(
            ts_ns=now_ms * 1_000_000 - (place % 3) * DAY_NS + place,
            body=f"{key}/{place}",
            attributes={"n": str(place)},
        )
        for place in range(LINES)
    )
    return LogBatch(records=records, key=key, taken_ms=now_ms)


@pytest.mark.slow
async def test_lines_survive_kill_9_of_the_engine_at_random_moments_once(tmp_path: Path) -> None:
    async with killed_engine(tmp_path) as engine:
        store, now_ms = engine.store, engine.clock.now_ms()
        writer = LogWriter(store, engine.clock, engine.journal)
        sent = await engine.written(
            writer, lambda key: of_three_days(key, now_ms), rounds=ROUNDS, kills=KILLS
        )
        assert len(sent) == SENDERS * ROUNDS
        assert await kept(store) == expected(sent)
        found, wanted = await counts(store)
        assert found == wanted
