"""Lines that were kept of several count for all of them, however they are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.test_log_writer import writing
from tocsin.kit.clock import FakeClock
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logql import known
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logql.windows import Samples, fold_of
from tocsin.query.logs.search import LogSearch, Span
from tocsin.store.client import Store

NOW_S = 1_700_000_040
KEPT = ((1, 10), (3, 20), (6, 40))
"""Weights and milliseconds of the lines that were kept."""
RECORDS = tuple(
    LogRecord(
        ts_ns=(NOW_S - n - 1) * 10**9,
        body=f'{{"ms":{ms},"msg":"served"}}',
        service="api",
        level=9,
        weight=weight,
        pattern=7,
    )
    for n, (weight, ms) in enumerate(KEPT)
)
SELECTOR = '{service_name="api"}'


@pytest.fixture
async def search(store: Store, tmp_path: Path) -> AsyncIterator[LogSearch]:
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=RECORDS, key=3, taken_ms=NOW_S * 1000))
        yield LogSearch(store, writer, FakeClock(NOW_S))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(f"count_over_time({SELECTOR}[1m])", 10, id="counted in SQL"),
        pytest.param(f'count_over_time({SELECTOR} | json | msg="served" [1m])', 10, id="of lines"),
        pytest.param(f'rate({SELECTOR} | json | msg="served" [10s])', 1, id="a rate of lines"),
        pytest.param(f'bytes_over_time({SELECTOR} | line_format "abc" [1m])', 30, id="bytes"),
        pytest.param(f"sum_over_time({SELECTOR} | json | unwrap ms [1m])", 310, id="a sum"),
        pytest.param(f"avg_over_time({SELECTOR} | json | unwrap ms [1m])", 31, id="a mean"),
        pytest.param(f"max_over_time({SELECTOR} | json | unwrap ms [1m])", 40, id="a maximum"),
        pytest.param(
            f"quantile_over_time(0.5, {SELECTOR} | json | unwrap ms [1m])", 40, id="a median"
        ),
        pytest.param(f"stdvar_over_time({SELECTOR} | json | unwrap ms [1m])", 129, id="a variance"),
    ],
)
async def test_a_line_counts_for_those_that_it_stands_for(
    search: LogSearch, text: str, wanted: float
) -> None:
    engine = LogqlEngine(search, FakeClock(NOW_S))
    result = await engine.instant(f"sum({text})", NOW_S * 1000)
    assert result.values[:, 0].tolist() == [pytest.approx(wanted)]


async def test_what_grafana_asks_beside_is_weighed_too(search: LogSearch) -> None:
    span = Span((NOW_S - 60) * 10**9, NOW_S * 10**9)
    found = await known.size(search, span, ())
    each = len(RECORDS[0].body)
    assert (found["entries"], found["bytes"]) == (10, 10 * each)
    assert await known.volume(search, span, (), ("service_name",), 5) == [
        ({"service_name": "api"}, 10 * each)
    ]


WEIGHED = st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 5)), min_size=1, max_size=20)


@given(WEIGHED, st.floats(0, 1))
def test_weights_are_as_if_all_lines_had_been_kept(
    pairs: list[tuple[float, int]], share: float
) -> None:
    values, weights = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    window = Samples(np.arange(len(values), dtype=np.int64), values, weights)
    every = np.repeat(values, weights.astype(np.int64))
    same = {
        "sum_over_time": every.sum(),
        "avg_over_time": every.mean(),
        "stdvar_over_time": every.var(),
        "count_over_time": len(every),
        "quantile_over_time": np.quantile(every, share),
    }
    for op, wanted in same.items():
        assert fold_of(op, share)(window) == pytest.approx(float(wanted), rel=1e-6, abs=1e-3)
