"""Spans whose insert ended nobody knows how are in the store once: none lost, none twice."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.store.killed_engine import SENDERS, killed_engine
from tocsin.model.spans import Span, SpanBatch, SpanEvent
from tocsin.store.client import Store
from tocsin.store.span_writer import SpanWriter, rows_of
from tocsin.store.wal_again import insert_again
from tocsin.store.wal_insert import insert_all

DAY_NS = 86_400_000_000_000
ROUNDS, SPANS, KILLS = 50, 20, 4


def batch(key: int, now_ns: int, count: int = SPANS) -> SpanBatch:
    """Spans of three days."""
    spans = tuple(
        Span(
            ts_ns=now_ns - (place % 3) * DAY_NS + place,
            duration_ns=1000 * (place + 1),
            trace_id=f"{key + 1:032x}",
            span_id=f"{place + 1:016x}",
            name=f"op {place % 4}",
            service="api",
            status=place % 3,
            weight=1 + place % 2,
            attributes={"n": f"{key}/{place}"},
            events=(SpanEvent(ts_ns=now_ns, name="e"),) * (place % 2),
        )
        for place in range(count)
    )
    return SpanBatch(spans=spans, key=key, taken_ms=now_ns // 1_000_000)


def hashed(lines: Sequence[str]) -> tuple[int, str]:
    return len(lines), blake2b("\n".join(sorted(lines)).encode()).hexdigest()


async def kept(store: Store) -> tuple[int, str]:
    sql = "SELECT concat(toString(batch), ' ', trace_id, span_id, ' ', name, attributes['n'],"
    sql += " ' ', toString(duration_ns), ' ', toString(length(events) > 0)) FROM spans"
    return hashed((await store.fetch_bytes(sql, fmt="TSV")).decode().splitlines())


def expected(batches: Sequence[SpanBatch]) -> tuple[int, str]:
    return hashed(
        [
            f"{one.key} {span.trace_id}{span.span_id} {span.name}{span.attributes['n']}"
            f" {span.duration_ns} {int(bool(span.events))}"
            for one in batches
            for span in one.spans
        ]
    )


KEY = "minute, service, environment, name, kind, bucket"


async def counts(store: Store) -> tuple[bytes, bytes]:
    """The counts by minute as they are kept, and as the spans have them."""
    kept_ones = "sum(requests) AS r, sum(failures) AS f, sum(total_ns) AS t FROM spans_1m"
    of_spans = (
        "sum(weight) AS r, sumIf(weight, status = 2) AS f, sum(duration_ns * weight) AS t"
        " FROM spans"
    )
    end = f"GROUP BY {KEY} HAVING r != 0 OR f != 0 OR t != 0 ORDER BY ALL"
    key = KEY.replace("minute", "toStartOfMinute(toDateTime(ts)) AS minute")
    key = key.replace("bucket", "toUInt16(floor(log2(greatest(duration_ns, 1)) * 4)) AS bucket")
    found = await store.fetch_bytes(f"SELECT {KEY}, {kept_ones} {end}", fmt="TSV")
    wanted = await store.fetch_bytes(f"SELECT {key}, {of_spans} {end}", fmt="TSV")
    return found, wanted


async def test_a_token_that_was_noted_without_its_parts_loses_no_span(store: Store) -> None:
    now_ns = 19_700 * DAY_NS
    batches = [batch(1, now_ns), batch(2, now_ns), batch((1 << 64) - 1, now_ns)]
    rows = [rows_of(one) for one in batches]
    await insert_all(store, rows, token="t", timeout_seconds=60)
    await store.command("ALTER TABLE spans DROP PARTITION 20231208")
    assert await kept(store) != expected(batches)
    for _ in range(2):
        await insert_again(store, rows, token="t", timeout_seconds=60)
        assert await kept(store) == expected(batches)
        found, wanted = await counts(store)
        assert found == wanted


@pytest.mark.slow
async def test_spans_survive_kill_9_of_the_engine_at_random_moments_once(tmp_path: Path) -> None:
    async with killed_engine(tmp_path) as engine:
        store, now_ns = engine.store, engine.clock.now_ms() * 1_000_000
        writer = SpanWriter(store, engine.clock, engine.journal)
        sent = await engine.written(
            writer, lambda key: batch(key, now_ns), rounds=ROUNDS, kills=KILLS
        )
        assert len(sent) == SENDERS * ROUNDS
        assert await kept(store) == expected(sent)
        found, wanted = await counts(store)
        assert found == wanted
