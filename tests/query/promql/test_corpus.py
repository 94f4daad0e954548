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
    times = list(range(case.start_ms, case.end_ms + 1, case.step_ms))
    assert not _differences(case, result, times)
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
    assert not _differences(case, result, [case.start_ms])


def test_every_function_has_a_place_in_the_corpora() -> None:
    queries = " ".join(case.query for case in EVALS)
    assert [name for name in sorted(FUNCTIONS) if f"{name}(" not in queries] == []


async def _run(engine: Engine, case: Eval) -> Result:
    if case.is_range:
        return await engine.range(case.query, case.start_ms, case.end_ms, case.step_ms)
    return await engine.instant(case.query, case.start_ms)


def _differences(case: Eval, result: Result, times: list[int]) -> list[object]:
    """What is not as the corpus says, of the whole and of each series and step."""
    if result.matrix is not None:
        data = result.matrix
        found = {
            labels: data.values[data.offsets[row] : data.offsets[row + 1]].tolist()
            for row, labels in enumerate(data.labels)
        }
        return [] if found == case.series else [found]
    expected = case.series
    if case.scalar is not None:
        expected = {(): [case.scalar for _ in times]}
    wrong: list[object] = [*set(result.labels).symmetric_difference(expected)]
    if result.times.tolist() != times:
        wrong.append(result.times)
    is_number = case.scalar is not None and not case.is_range
    if is_number and result.kind not in (ValueType.SCALAR, ValueType.MATRIX):
        wrong.append(result.kind)
    if "ordered" in case.expects and list(result.labels) != case.order:
        wrong.append(result.labels)
    for row, labels in enumerate(result.labels):
        wrong += _of_row(labels, result, row, expected.get(labels, []))
    return wrong


def _of_row(labels: Labels, result: Result, row: int, expected: list[float | None]) -> list[object]:
    padded = [*expected, *[None] * (len(result.times) - len(expected))]
    wrong: list[object] = []
    for step, value in enumerate(padded):
        got = float(result.values[row, step]) if result.present[row, step] else None
        if got is None or value is None:
            is_same = got is value
        else:
            is_same = got == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
        if not is_same:
            wrong.append((labels, step, got, value))
    return wrong
