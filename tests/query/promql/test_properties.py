"""Whole matrices give the same as one sample at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.query.promql import slow
from tests.query.promql.memory import MemorySource
from tocsin.kit.clock import FakeClock
from tocsin.model.labels import Labels, make
from tocsin.model.samples import STALE
from tocsin.query.promql.engine import Engine, Result

Data = Mapping[Labels, Mapping[int, float]]

_FEW = settings(max_examples=12, deadline=None)
"""Each example has dozens of windows; the machine may be busy, so that no time is asserted."""

STEP_MS = 30_000
STEPS = 12
RANGES_MS = (10_000, 30_000, 60_000, 90_000, 100_000, 600_000)

_numbers = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-5, 5).map(float)
_values = _numbers | st.sampled_from([math.nan, math.inf, -math.inf, STALE, 0.0, 1e15, -1e15])
_times = st.integers(0, 40).map(lambda place: place * 10_000) | st.integers(0, 400_000)
_points = st.dictionaries(_times, _values, max_size=30)
_finite = st.dictionaries(_times, _numbers | st.just(STALE), max_size=30)
_rising = st.dictionaries(_times, st.integers(0, 1000).map(float), max_size=30)


def _series(points: st.SearchStrategy[dict[int, float]]) -> st.SearchStrategy[Data]:
    names = st.tuples(st.sampled_from("abc"), st.sampled_from("123"), st.sampled_from(["", "x"]))
    labels = names.map(lambda n: make((("__name__", "m"), ("g", n[0]), ("i", n[1]), ("z", n[2]))))
    return st.dictionaries(labels, points, max_size=6)


async def _ask(data: Data, query: str) -> Result:
    engine = Engine(MemorySource(data), FakeClock())
    return await engine.range(query, 0, STEP_MS * (STEPS - 1), STEP_MS)


def _differences(
    result: Result, expected: Mapping[Labels, Sequence[float | None]], scale: float = 0.0
) -> list[object]:
    """What is not the same: series that only one has, and values by their series and step."""
    some = {labels: row for labels, row in expected.items() if any(v is not None for v in row)}
    found: list[object] = [*set(result.labels).symmetric_difference(some)]
    for row, labels in enumerate(result.labels):
        got = [
            float(value) if there else None
            for value, there in zip(result.values[row], result.present[row], strict=True)
        ]
        for step, (mine, theirs) in enumerate(zip(got, some.get(labels, got), strict=True)):
            if mine is None or theirs is None:
                is_same = mine is theirs
            else:
                is_same = mine == pytest.approx(theirs, rel=1e-9, abs=1e-9 + scale, nan_ok=True)
            if not is_same:
                found.append((labels, step, mine, theirs))
    return found


def _bare(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _each_step(
    data: Data, compute: Callable[[Mapping[int, float], int], float | None]
) -> dict[Labels, list[float | None]]:
    return {
        _bare(labels): [compute(points, step * STEP_MS) for step in range(STEPS)]
        for labels, points in data.items()
    }


@_FEW
@given(_series(_points))
async def test_a_selector_sees_the_newest_living_sample(data: Data) -> None:
    expected = {
        labels: [slow.latest(points, step * STEP_MS) for step in range(STEPS)]
        for labels, points in data.items()
    }
    assert not _differences(await _ask(data, "m"), expected)


@pytest.mark.parametrize("name", sorted(slow.OVER_TIME))
@_FEW
@given(data=_series(_points), range_ms=st.sampled_from(RANGES_MS))
async def test_over_time_functions_take_all_samples_of_the_window(
    name: str, data: Data, range_ms: int
) -> None:
    def compute(points: Mapping[int, float], at: int) -> float | None:
        values = [value for _, value in slow.window(points, at, range_ms)]
        return slow.OVER_TIME[name](values) if values else None

    expected = _each_step(data, compute)
    if name in ("first", "last"):
        expected = {make((*labels, ("__name__", "m"))): row for labels, row in expected.items()}
    # A variance is as exact as its values' squares allow.
    scale = 1e16 if name == "stdvar" else 0.0
    assert not _differences(await _ask(data, f"{name}_over_time(m[{range_ms}ms])"), expected, scale)


@_FEW
@given(_series(_finite), st.sampled_from(RANGES_MS))
async def test_a_variance_of_small_numbers_is_exact(data: Data, range_ms: int) -> None:
    def compute(points: Mapping[int, float], at: int) -> float | None:
        values = [value for _, value in slow.window(points, at, range_ms)]
        return slow.OVER_TIME["stdvar"](values) if values else None

    assert not _differences(
        await _ask(data, f"stdvar_over_time(m[{range_ms}ms])"), _each_step(data, compute), 1e-4
    )


@_FEW
@given(_series(_points), st.sampled_from(RANGES_MS), st.floats(0, 1))
async def test_quantiles_lie_between_the_nearest_samples(
    data: Data, range_ms: int, q: float
) -> None:
    def compute(points: Mapping[int, float], at: int) -> float | None:
        values = [value for _, value in slow.window(points, at, range_ms)]
        return slow.quantile(q, values) if values else None

    query = f"quantile_over_time({q!r}, m[{range_ms}ms])"
    assert not _differences(await _ask(data, query), _each_step(data, compute), 1e-3)


@pytest.mark.parametrize("name", ["increase", "rate", "delta"])
@_FEW
@given(data=_series(_rising), range_ms=st.sampled_from(RANGES_MS))
async def test_growth_is_stretched_to_the_borders(name: str, data: Data, range_ms: int) -> None:
    def compute(points: Mapping[int, float], at: int) -> float | None:
        found = slow.window(points, at, range_ms)
        gain = slow.increase(found, at, range_ms, counter=name != "delta")
        per_second = 1000 / range_ms if name == "rate" else 1.0
        return None if gain is None else gain * per_second

    assert not _differences(await _ask(data, f"{name}(m[{range_ms}ms])"), _each_step(data, compute))


@pytest.mark.parametrize("name", ["changes", "resets", "irate", "deriv"])
@_FEW
@given(data=_series(_finite), range_ms=st.sampled_from(RANGES_MS))
async def test_functions_of_neighbouring_samples(name: str, data: Data, range_ms: int) -> None:
    table: dict[str, Callable[[Sequence[slow.Point]], float | None]] = {
        "changes": slow.changes,
        "resets": slow.resets,
        "irate": slow.irate,
        "deriv": slow.slope,
    }

    def compute(points: Mapping[int, float], at: int) -> float | None:
        found = slow.window(points, at, range_ms)
        return table[name](found) if found else None

    assert not _differences(
        await _ask(data, f"{name}(m[{range_ms}ms])"), _each_step(data, compute), 1e-6
    )


@pytest.mark.parametrize("op", sorted(slow.AGGREGATE))
@_FEW
@given(data=_series(_points), by=st.sampled_from([(), ("g",), ("g", "i"), ("z",)]))
async def test_aggregations_take_the_values_of_their_group(
    op: str, data: Data, by: tuple[str, ...]
) -> None:
    groups: dict[Labels, list[list[float]]] = {}
    for labels, points in data.items():
        key = make((name, value) for name, value in labels if name in by)
        columns = groups.setdefault(key, [[] for _ in range(STEPS)])
        for step, column in enumerate(columns):
            value = slow.latest(points, step * STEP_MS)
            if value is not None:
                column.append(value)
    expected = {
        key: [slow.AGGREGATE[op](column) if column else None for column in columns]
        for key, columns in groups.items()
    }
    scale = 1e16 if op == "stdvar" else 0.0
    assert not _differences(await _ask(data, f"{op} by ({', '.join(by)}) (m)"), expected, scale)


@_FEW
@given(_series(_points), st.integers(1, 4))
async def test_topk_keeps_the_largest(data: Data, k: int) -> None:
    result = await _ask(data, f"topk(scalar(vector({k})), m)")
    for step in range(STEPS):
        values = [slow.latest(points, step * STEP_MS) for points in data.values()]
        there = [value for value in values if value is not None]
        ordered = sorted(there, key=lambda v: (not math.isnan(v), v), reverse=True)
        got = result.values[result.present[:, step], step].tolist()
        numbers = [value for value in ordered[:k] if not math.isnan(value)]
        assert sorted((v for v in got if not math.isnan(v)), reverse=True) == numbers
        assert len(got) == min(k, len(there))


@pytest.mark.parametrize("op", ["+", "*", ">", "and", "or", "unless"])
@_FEW
@given(left=_series(_finite), right=_series(_finite))
async def test_vectors_meet_by_their_labels_at_each_step(op: str, left: Data, right: Data) -> None:
    renamed = {
        make(("__name__", "n") if pair[0] == "__name__" else pair for pair in labels): points
        for labels, points in right.items()
    }
    expected: dict[Labels, list[float | None]] = {}
    for step in range(STEPS):
        mine = {key: slow.latest(left[key], step * STEP_MS) for key in left}
        theirs = {key: slow.latest(renamed[key], step * STEP_MS) for key in renamed}
        for labels, value in _pairwise(op, mine, theirs).items():
            expected.setdefault(labels, [None] * STEPS)[step] = value
    assert not _differences(await _ask({**left, **renamed}, f"m {op} n"), expected)


def _pairwise(
    op: str, left: Mapping[Labels, float | None], right: Mapping[Labels, float | None]
) -> dict[Labels, float]:
    here = {key: value for key, value in left.items() if value is not None}
    there = {_bare(key): (key, value) for key, value in right.items() if value is not None}
    if op == "and":
        return {key: value for key, value in here.items() if _bare(key) in there}
    if op == "unless":
        return {key: value for key, value in here.items() if _bare(key) not in there}
    if op == "or":
        taken = {_bare(key) for key in here}
        return here | {key: value for bare, (key, value) in there.items() if bare not in taken}
    result = {}
    for key, value in here.items():
        if _bare(key) in there:
            other = there[_bare(key)][1]
            if op == ">":
                if value > other:
                    result[key] = value
            else:
                result[_bare(key)] = value + other if op == "+" else value * other
    return result


@_FEW
@given(
    st.lists(st.tuples(st.integers(-3, 5), st.integers(0, 20)), min_size=1, max_size=6),
    st.floats(0, 1),
)
async def test_histogram_quantiles_are_linear_within_a_bucket(
    parts: list[tuple[int, int]], q: float
) -> None:
    counts: dict[float, float] = {}
    for place, count in parts:
        counts[float(place)] = counts.get(float(place), 0.0) + count
    buckets: list[tuple[float, float]] = []
    total = 0.0
    for bound in sorted(counts):
        total += counts[bound]
        buckets.append((bound, total))
    buckets.append((math.inf, total + 3))
    data = {
        make((("__name__", "h"), ("le", "+Inf" if le == math.inf else str(le)))): {0: count}
        for le, count in buckets
    }
    result = await Engine(MemorySource(data), FakeClock()).instant(
        f"histogram_quantile({q!r}, h)", 0
    )
    wanted = slow.bucket_quantile(q, buckets)
    assert float(result.values[0, 0]) == pytest.approx(wanted, nan_ok=True, abs=1e-9)


@_FEW
@given(_series(_finite), st.sampled_from([(60_000, 10_000), (90_000, 30_000), (50_000, 20_000)]))
async def test_a_subquery_evaluates_at_multiples_of_its_step(
    data: Data, shape: tuple[int, int]
) -> None:
    range_ms, step_ms = shape

    def compute(points: Mapping[int, float], at: int) -> float | None:
        times = [t for t in range(0, at + 1, step_ms) if at - range_ms < t <= at]
        values = [value for t in times if (value := slow.latest(points, t)) is not None]
        return slow.OVER_TIME["sum"](values) if values else None

    query = f"sum_over_time(m[{range_ms}ms:{step_ms}ms])"
    assert not _differences(await _ask(data, query), _each_step(data, compute))
