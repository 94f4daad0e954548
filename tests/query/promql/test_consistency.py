"""Random queries: whatever is asked, a step's value does not depend on what else is asked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.query.promql.memory import MemorySource
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, make
from tocsin.model.samples import STALE
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.engine import Engine, EngineLimits, Result
from tocsin.query.promql.signatures import FUNCTIONS

STEP_MS = 30_000
END_MS = 300_000

_times = st.integers(0, 40).map(lambda place: place * 10_000)
_values = st.integers(-3, 9).map(float) | st.sampled_from([math.nan, math.inf, STALE, 0.25])
_labels = st.tuples(st.sampled_from(["m_total", "n"]), st.sampled_from("ab"), st.sampled_from("12"))


def _named(parts: tuple[str, str, str]) -> Labels:
    return make((("__name__", parts[0]), ("g", parts[1]), ("i", parts[2]), ("le", parts[2])))


_data = st.dictionaries(
    _labels.map(_named), st.dictionaries(_times, _values, min_size=1, max_size=15), max_size=6
)
_scalars = st.sampled_from(["0.5", "2", "NaN", "-1", "scalar(n)", "time()", "max_of(1, 2)"])
_selectors = st.sampled_from(
    ["m_total", "n", 'n{g="a"}', "{g=~'.+'}", "n offset 1m", "n @ 60", "n @ end()", "n offset -30s"]
)
_ranges = st.sampled_from(["m_total[1m]", "n[90s]", "n[2m] offset 30s", "n[1m] @ 90"])
_SET_BY_CALLER = {"label_replace", "label_join", "info", "histogram_quantiles", "integral"}
_CALLS = sorted(
    (name, one.args)
    for name, one in FUNCTIONS.items()
    if name not in _SET_BY_CALLER
    and one.returns is ValueType.VECTOR
    and ValueType.STRING not in one.args
)
_EXTRA = [
    "info({v})",
    'label_replace({v}, "g", "$1x", "i", "(.*)")',
    'label_join({v}, "i", "-", "g")',
]
_AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
_CHOICES = ["topk", "bottomk", "limitk", "quantile", "limit_ratio"]
_BINARY = ["+", "-", "*", "/", "%", "^", "atan2", ">", "<=", "==", "!= bool"]


def _call(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    by_type = {
        ValueType.SCALAR: _scalars,
        ValueType.VECTOR: vectors,
        ValueType.MATRIX: _ranges | vectors.map(lambda v: f"({v})[1m:20s]"),
    }

    def args(one: tuple[str, tuple[ValueType, ...]]) -> st.SearchStrategy[str]:
        name, types = one
        parts = st.tuples(*(by_type[kind] for kind in types))
        return parts.map(lambda found: f"{name}({', '.join(found)})")

    return st.sampled_from(_CALLS).flatmap(args)


def _larger(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    by = st.sampled_from(["", "by (g) ", "without (i) ", "by (__name__) "])
    match = st.sampled_from(["", "on (i) ", "ignoring (g) ", "on (g) group_left () ", "on (g, i) "])
    fills = st.sampled_from(["", "fill (0) ", "fill_left (1) ", "fill_right (2) "])
    return st.one_of(
        _call(vectors),
        st.builds(lambda text, v: text.format(v=v), st.sampled_from(_EXTRA), vectors),
        st.builds("{} {}({})".format, st.sampled_from(_AGGREGATIONS), by, vectors),
        st.builds("{} {}({}, {})".format, st.sampled_from(_CHOICES), by, _scalars, vectors),
        st.builds("count_values {}('v', {})".format, by, vectors),
        st.builds(
            "({} {} {}{}{})".format, vectors, st.sampled_from(_BINARY), match, fills, vectors
        ),
        st.builds(
            "({} {} {}{})".format,
            vectors,
            st.sampled_from(["and", "or", "unless"]),
            st.sampled_from(["", "on (i) ", "ignoring (g) "]),
            vectors,
        ),
        st.builds("({} {} {})".format, vectors, st.sampled_from(_BINARY), _scalars),
        st.builds("-{}".format, vectors),
    )


_queries = st.recursive(_selectors, _larger, max_leaves=4)


def _columns(result: Result) -> list[dict[Labels, float]]:
    return [
        {
            labels: float(result.values[row, step])
            for row, labels in enumerate(result.labels)
            if result.present[row, step]
        }
        for step in range(len(result.times))
    ]


async def _range(engine: Engine, query: str) -> list[dict[Labels, float]] | None:
    try:
        return _columns(await engine.range(query, 0, END_MS, STEP_MS))
    except Rejected:
        return None


@settings(max_examples=60, deadline=None)
@given(_data, _queries)
async def test_a_range_query_in_pieces_is_the_range_query(
    data: dict[Labels, dict[int, float]], query: str
) -> None:
    source, clock = MemorySource(data), FakeClock()
    limits = EngineLimits(chunk_span_ms=0, chunk_samples=20, thread_cells=10**9)
    whole = await _range(Engine(source, clock), query)
    pieces = await _range(Engine(source, clock, limits), query)
    assert (whole is None) == (pieces is None)
    for a, b in zip(whole or [], pieces or [], strict=True):
        assert a.keys() == b.keys()
        for labels, value in a.items():
            assert b[labels] == pytest.approx(value, nan_ok=True, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(_data, _queries.filter(lambda query: "end()" not in query))
async def test_each_step_of_a_range_query_is_an_instant_query(
    data: dict[Labels, dict[int, float]], query: str
) -> None:
    engine = Engine(MemorySource(data), FakeClock())
    whole = await _range(engine, query)
    if whole is None:
        return
    for step, expected in enumerate(whole):
        found = _columns(await engine.instant(query, step * STEP_MS))[0]
        assert found.keys() == expected.keys()
        for labels, value in expected.items():
            assert found[labels] == pytest.approx(value, nan_ok=True, rel=1e-12)
