"""PromQL gives what our corpora say, as an instant query and as one step of a range query."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.query.promql.corpus_format import Eval, read
from tests.query.promql.memory import MemorySource
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.engine import Engine, Result
from tocsin.query.promql.registry import FUNCTIONS

FOLDER = Path(__file__).parent / "corpus"
EVALS = [one for path in sorted(FOLDER.glob("*.test")) for one in read(path)]


@pytest.mark.parametrize("case", EVALS, ids=str)
async def test_a_query_gives_what_the_corpus_says(case: Eval, clock: FakeClock) -> None:
    engine = Engine(MemorySource(case.data), clock)
    if "fail" in case.expects:
        with pytest.raises(Rejected) as refused:
            await _run(engine, case)
        assert case.expects["fail"] in str(refused.value)
        return
    result = await _run(engine, case)
    _check(case, result, list(range(case.start_ms, case.end_ms + 1, case.step_ms)))
    for kind, texts in (("warn", result.warnings), ("info", result.infos)):
        if kind in case.expects:
            assert any(case.expects[kind] in text for text in texts), texts
        if f"no_{kind}" in case.expects:
            assert not texts


@pytest.mark.parametrize(
    "case",
    [
        one
        for one in EVALS
        if not (one.is_range or one.expects.keys() & {"fail", "ordered"} or "[" in one.query[-12:])
    ],
    ids=str,
)
async def test_an_instant_query_gives_the_same_as_a_range_of_one_step(
    case: Eval, clock: FakeClock
) -> None:
    engine = Engine(MemorySource(case.data), clock)
    result = await engine.range(case.query, case.start_ms, case.start_ms, 60_000)
    _check(case, result, [case.start_ms])


def test_every_function_has_a_place_in_the_corpora() -> None:
    queries = " ".join(case.query for case in EVALS)
    assert [name for name in sorted(FUNCTIONS) if f"{name}(" not in queries] == []


async def _run(engine: Engine, case: Eval) -> Result:
    if case.is_range:
        return await engine.range(case.query, case.start_ms, case.end_ms, case.step_ms)
    return await engine.instant(case.query, case.start_ms)


def _check(case: Eval, result: Result, times: list[int]) -> None:
    if result.matrix is not None:
        data = result.matrix
        found = {
            labels: data.values[data.offsets[row] : data.offsets[row + 1]].tolist()
            for row, labels in enumerate(data.labels)
        }
        assert found == case.series
        return
    assert result.times.tolist() == times
    expected = case.series
    if case.scalar is not None:
        expected = {(): [case.scalar for _ in times]}
    if case.scalar is not None and not case.is_range:
        assert result.kind in (ValueType.SCALAR, ValueType.MATRIX)
    assert set(result.labels) == set(expected)
    if "ordered" in case.expects:
        assert list(result.labels) == case.order
    for row, labels in enumerate(result.labels):
        _check_row(labels, result, row, expected[labels])


def _check_row(labels: Labels, result: Result, row: int, expected: list[float | None]) -> None:
    padded = [*expected, *[None] * (len(result.times) - len(expected))]
    for step, value in enumerate(padded):
        there = bool(result.present[row, step])
        assert there == (value is not None), f"{labels} at step {step}"
        if value is not None:
            got = float(result.values[row, step])
            assert got == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), labels
