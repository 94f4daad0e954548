"""A question about lines is a series of PromQL: in expressions, rules and panels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.query.logql.nothing import NOTHING
from tests.store.test_log_writer import writing
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logql.source import LogSeriesSource
from tocsin.query.logql.windows import Steps
from tocsin.query.logs.search import LogSearch
from tocsin.query.promql.engine import Engine
from tocsin.store.client import Store

NOW_S = 1_700_000_040
RECORDS = tuple(
    LogRecord(
        ts_ns=(NOW_S - n * 10) * 10**9,
        body=f"payment failed: card {n}" if n % 2 else f"order {n}",
        service="api",
        level=17 if n % 2 else 9,
        attributes={"region": ("eu", "us")[n % 3 == 0], "app": "pay"},
    )
    for n in range(60)
)


@pytest.fixture
async def promql(store: Store, tmp_path: Path) -> AsyncIterator[Engine]:
    clock = FakeClock(NOW_S)
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=RECORDS, key=3, taken_ms=NOW_S * 1000))
        lines = LogqlEngine(LogSearch(store, writer, clock), clock)
        yield Engine(LogSeriesSource(NOTHING, lines), clock)


async def values(promql: Engine, text: str, at_s: int = NOW_S) -> dict[Labels, float]:
    result = await promql.instant(text, at_s * 1000)
    return dict(zip(result.labels, result.values[:, 0].tolist(), strict=True))


async def test_lines_are_counted_by_a_field(promql: Engine) -> None:
    found = await values(promql, 'logs{q="payment failed service:api", by="region", in="5m"}')
    assert found == {
        (("__name__", "logs"), ("region", "eu")): 10.0,
        (("__name__", "logs"), ("region", "us")): 5.0,
    }
    above = await values(promql, 'sum by (region) (logs{q="payment", by="region"}) > 6')
    assert above == {(("region", "eu"),): 10.0}


async def test_logql_stands_beside_metrics(promql: Engine) -> None:
    text = 'logql{query="sum(count_over_time({app=\\"pay\\"} |= `failed` [5m]))"} / 3 + vector(1)'
    assert list((await values(promql, text)).values()) == [6.0]


async def test_a_series_ends_where_nothing_is_counted(promql: Engine) -> None:
    text = 'logs{q="payment", in="1m"}'
    result = await promql.range(text, (NOW_S - 900) * 1000, (NOW_S + 600) * 1000, 60_000)
    there = result.present[0].tolist()
    first, last = there.index(True), len(there) - there[::-1].index(True)
    assert all(there[first:last])
    assert 9 <= last - first <= 12  # 590 seconds of lines, seen for a minute each


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('logs{q="a AND ("}', "expected"),
        ('logs{q="a", in="soon"}', "not a valid duration"),
        ('logql{query="{app="}', "parse error|unexpected"),
        ('logql{query="sum("}', "parse error"),
    ],
)
async def test_a_wrong_question_is_told(promql: Engine, text: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        await promql.instant(text, NOW_S * 1000)


def test_windows_know_their_ends() -> None:
    steps = Steps(60_000, 30_000, 3, 90_000, 0)
    assert steps.first_ns == -30_000 * 10**6 + 1
    assert steps.end_ns == 120_000 * 10**6 + 1
    assert steps.folded == 3
