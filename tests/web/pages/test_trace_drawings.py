"""Durations, callers and times are drawn where they belong."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.query.traces.world import MS, START_NS, START_S, checkout
from tocsin.query.logs.search import Span
from tocsin.query.traces.answers import Dependency, HeatCell, Rate, Trace
from tocsin.query.traces.tree import tree
from tocsin.web.pages.trace_filters import colours_of, nano_duration
from tocsin.web.pages.trace_graph import around, graph_of
from tocsin.web.pages.trace_heat import HEIGHT, WIDTH, heat_of
from tocsin.web.pages.trace_story import cause_of, rows_of, shares_of

SPAN = Span(START_NS, START_NS + 3600 * 10**9)
RATES = {name: Rate(service=name, requests=10) for name in ("web", "api", "worker")}


@given(
    st.lists(
        st.tuples(
            st.integers(START_S - 29, START_S + 3599),
            st.integers(0, 160),
            st.integers(1, 1000),
        ),
        max_size=40,
    )
)
def test_every_cell_lies_within_the_drawing(drawn: list[tuple[int, int, int]]) -> None:
    heat = heat_of([HeatCell(at, bucket, n, n // 2) for at, bucket, n in drawn], SPAN, 30)
    assert heat.spans == sum(n for _, _, n in drawn)
    for column in heat.columns:
        assert -0.01 <= column.x <= WIDTH
        for cell in column.cells:
            assert -0.01 <= cell.y <= HEIGHT
            assert 0 < cell.opacity <= 1
            assert 0 <= cell.bad <= 1
    assert all(abs(one.y - other.y) > 10 for one, other in pairwise(heat.labels))


def test_a_step_says_how_many_and_how_long() -> None:
    cells = [HeatCell(START_S, 80, 3, 1), HeatCell(START_S, 100, 1, 0)]
    (column,) = heat_of(cells, SPAN, 30).columns
    assert column.words == "4 spans, 1 failed, 1.05 ms to 39.9 ms"


def test_callers_stand_left_of_those_they_call() -> None:
    calls = [
        Dependency("web", "api", 10, 0),
        Dependency("api", "worker", 5, 5),
        Dependency("api", "postgresql", 9, 0, "database"),
    ]
    graph = graph_of(calls, RATES)
    at = {node.name: node.x for node in graph.nodes}
    assert at["web"] < at["api"] < at["worker"] == at["postgresql"]
    assert {node.name: node.kind for node in graph.nodes}["postgresql"] == "database"
    assert [edge.failed for edge in graph.edges] == [0, 1, 0]
    assert len({(node.x, node.y) for node in graph.nodes}) == 4


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=30))
def test_rings_of_callers_are_drawn_and_nobody_hides_another(pairs: list[tuple[str, str]]) -> None:
    calls = [Dependency(one, other, 1, 0) for one, other in set(pairs) if one != other]
    graph = graph_of(calls, {"alone": Rate(service="alone", requests=1)})
    names = {name for call in calls for name in (call.parent, call.child)} | {"alone"}
    assert {node.name for node in graph.nodes} == names
    assert len({(node.x, node.y) for node in graph.nodes}) == len(names)
    assert all(0 <= node.x < graph.width and 0 <= node.y < graph.height for node in graph.nodes)


def test_around_one_service_are_its_callers_and_those_it_calls() -> None:
    calls = [Dependency("web", "api", 10, 0), Dependency("api", "worker", 5, 5)]
    kept, rates = around("worker", calls, RATES)
    assert kept == calls[1:]
    assert set(rates) == {"api", "worker"}


def test_a_long_chain_of_calls_stays_readable() -> None:
    calls = [Dependency(f"s{n}", f"s{m}", 1, 0) for n in range(20) for m in range(n + 1, 20)]
    graph = graph_of(calls, {f"s{n}": Rate(service=f"s{n}", requests=1) for n in range(20)})
    assert graph.is_dense
    assert len({node.x for node in graph.nodes}) == 2


def test_too_many_services_are_left_out_and_counted() -> None:
    rates = {f"s{n}": Rate(service=f"s{n}", requests=n) for n in range(75)}
    graph = graph_of([], rates)
    assert (len(graph.nodes), graph.left_out) == (60, 15)


def test_services_keep_their_colour_and_none_is_had_twice() -> None:
    some = colours_of(["web", "api", "worker"])
    assert len(set(some.values())) == 3
    assert colours_of(["api"])["api"] == some["api"]
    assert set(colours_of(map(str, range(30))).values()) <= set(range(1, 13))


def test_the_story_of_a_trace_names_who_took_the_time_and_what_failed_first() -> None:
    spans = checkout(0, START_NS)
    nodes = tree(spans)
    shares = shares_of(nodes)
    assert shares[0].service == "api"
    assert sum(one.critical_ns for one in shares) == 900 * MS
    cause = cause_of(nodes)
    assert cause is not None
    assert cause.span.name == "INSERT orders"
    trace = Trace(trace_id=spans[0].trace_id, spans=tuple(spans), total=5)
    rows = rows_of(nodes, trace, {"web": 1, "api": 2, "worker": 3})
    assert [(row.name, row.colour, row.is_failed) for row in rows[2:4]] == [
        ("POST /orders", 2, True),
        ("INSERT orders", 2, True),
    ]


def test_durations_are_read_at_a_glance() -> None:
    assert [nano_duration(ns) for ns in (0, 7, 7_200, 12_000_000, 3_200_000_000)] == [
        "0 s",
        "7 ns",
        "7.2 µs",
        "12 ms",
        "3.2 s",
    ]
