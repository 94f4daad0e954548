"""Patterns are counted, named and compared as they are in the store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.test_log_writer import writing
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.kit.clock import SystemClock
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logs.compare import (
    LogCompare,
    Side,
    log_likelihood,
    quoted,
    share_ratio,
)
from tocsin.query.logs.parse import parse
from tocsin.query.logs.patterns import BARS, LogPatterns
from tocsin.query.logs.search import Span
from tocsin.store.client import Store
from tocsin.store.log_patterns import LogPatternTable
from tocsin.store.log_writer import LogWriter

MINUTE_NS = 60_000_000_000
START_NS = 1_700_000_040 * 10**9 // MINUTE_NS * MINUTE_NS
BEFORE = Span(START_NS, START_NS + 10 * MINUTE_NS)
AFTER = Span(BEFORE.end_ns, BEFORE.end_ns + 10 * MINUTE_NS)
NAMES = ("alice", "bob", "carol", "dave", "eve", "frank", "gina", "hugo")


def record(at_ns: int, body: str, level: int = 9, **attributes: str) -> LogRecord:
    return LogRecord(ts_ns=at_ns, body=body, service="api", level=level, attributes=attributes)


def lines() -> list[LogRecord]:
    """Twenty minutes; in the second half payments fail in one region, and a lock is new."""
    chance = random.Random(7)
    found = []
    for n in range(2_000):
        at = START_NS + n * (20 * MINUTE_NS // 2_000)
        region = chance.choice(("eu", "us"))
        found.append(record(at, f"order {n} paid in {n % 90} ms", region=region))
        if n % 10 == 0:
            found.append(record(at, f"user {NAMES[n // 10 % 8]} logged in", region=region))
        if n >= 1_000 and n % 4 == 0:
            found.append(record(at, f"payment of order {n} failed", 17, region="us"))
        if n < 1_000 and n % 200 == 0:
            found.append(record(at, f"payment of order {n} failed", 17, region="us"))
        if n >= 1_000 and n % 50 == 0:
            found.append(record(at, "database is locked", 17, region="us"))
    return found


@pytest.fixture
async def writer(store: Store, tmp_path: Path) -> AsyncIterator[LogWriter]:
    async with writing(store, tmp_path) as writer:
        miner = PatternMiner()
        records = miner(lines())
        await writer.write(LogBatch(records=tuple(records), key=5, taken_ms=START_NS // 10**6))
        await LogPatternTable(store, SystemClock()).keep(miner.changes())
        yield writer


@pytest.mark.parametrize("question", ["", "service:api", 'order OR user OR "is locked"'])
async def test_patterns_of_a_range_with_what_was_before(
    store: Store, writer: LogWriter, question: str
) -> None:
    patterns = LogPatterns(store, writer, SystemClock())
    query = parse(question)
    rows = await patterns.overview(query, AFTER)
    assert [(row.template, row.lines, row.before, row.level) for row in rows] == [
        ("order <num> paid in <num> ms", 1_000, 1_000, 9),
        ("payment of order <num> failed", 250, 5, 17),
        ("user <*> logged in", 100, 100, 9),
        ("database is locked", 20, 0, 17),
    ]
    assert rows[1].growth == pytest.approx(251 / 6)
    assert rows[3].first_seen_s == AFTER.start_ns / 10**9
    drawn = await patterns.with_bars(rows, query, AFTER)
    assert [sum(row.bars) for row in drawn] == [1_000, 250, 100, 20]
    assert all(2 < len(row.bars) <= BARS for row in drawn)


async def test_a_pattern_that_became_more_general_is_found_whole(
    store: Store, writer: LogWriter
) -> None:
    patterns = LogPatterns(store, writer, SystemClock())
    rows = await patterns.overview(parse(""), Span(BEFORE.start_ns, AFTER.end_ns))
    (row,) = [row for row in rows if row.template.startswith("user")]
    assert row.lines == 200
    assert len(row.patterns) > 1
    same = await patterns.overview(parse(row.question), Span(BEFORE.start_ns, AFTER.end_ns))
    assert [(one.template, one.lines) for one in same] == [("user <*> logged in", 200)]


async def test_what_is_not_kept_yet_is_named_by_a_line(store: Store, tmp_path: Path) -> None:
    async with writing(store, tmp_path) as writer:
        records = (LogRecord(ts_ns=START_NS, body="started", service="api", pattern=77),)
        await writer.write(LogBatch(records=records, key=6, taken_ms=0))
        patterns = LogPatterns(store, writer, SystemClock())
        (row,) = await patterns.overview(parse(""), BEFORE)
        assert (row.template, row.first_seen_s) == ("started", 0.0)


async def test_two_ranges_differ_in_what_changed_and_in_nothing_else(
    store: Store, writer: LogWriter
) -> None:
    query = parse("")
    found = await LogCompare(store, writer, SystemClock()).compare(
        Side(query, BEFORE), Side(query, AFTER)
    )
    assert (found.first, found.second) == (1_105, 1_370)
    assert found.looked_at == (1_105, 1_370)
    most = found.patterns[0]
    assert (most.value, most.first, most.second) == ("payment of order <num> failed", 5, 250)
    assert most.ratio > 30
    significant = {one.value for one in found.patterns if one.is_significant and one.ratio > 1}
    assert significant == {"payment of order <num> failed", "database is locked"}
    raised = {
        (one.field, one.value) for one in found.values if one.is_significant and one.ratio > 1
    }
    assert raised == {("level", "error"), ("region", "us")}


async def test_equal_sets_do_not_differ(store: Store, writer: LogWriter) -> None:
    side = Side(parse(""), AFTER)
    found = await LogCompare(store, writer, SystemClock()).compare(side, side)
    assert not any(one.is_significant for one in (*found.patterns, *found.values))


@pytest.mark.parametrize(
    ("counts", "surprise"),
    [
        ((10, 100, 10, 100), 0.0),
        ((0, 100, 0, 100), 0.0),
        ((5, 0, 5, 100), 0.0),
        ((100, 100, 100, 100), 0.0),
        # 2·(10·ln(10/15) + 20·ln(20/15) + 90·ln(90/85) + 80·ln(80/85))
        ((10, 100, 20, 100), 3.9866),
        ((0, 1000, 20, 1000), 27.9279),
    ],
)
def test_surprise_by_hand(counts: tuple[int, int, int, int], surprise: float) -> None:
    assert log_likelihood(*counts) == pytest.approx(surprise, abs=1e-3)


@given(st.integers(0, 500), st.integers(500, 10_000), st.integers(0, 500), st.integers(500, 10_000))
def test_surprise_and_ratio_do_not_depend_on_the_order(a: int, m: int, b: int, n: int) -> None:
    assert log_likelihood(a, m, b, n) == pytest.approx(log_likelihood(b, n, a, m), abs=1e-6)
    assert share_ratio(a, m, b, n) == pytest.approx(1 / share_ratio(b, n, a, m))


@pytest.mark.parametrize(
    ("value", "written"),
    [("eu-1", "eu-1"), ("a b", '"a b"'), ('say "x"', '"say \\"x\\""'), ("-5", '"-5"'), ("", '""')],
)
def test_a_value_is_quoted_where_it_must_be(value: str, written: str) -> None:
    assert quoted(value) == written
