"""Spans stand below their parents, and the critical path covers the trace without a gap."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.query.traces.world import MS, START_NS, checkout
from tocsin.model.spans import Span
from tocsin.query.traces.graph import looked_at
from tocsin.query.traces.rates import quantile
from tocsin.query.traces.tree import tree


def span(name: str, start: int, took: int, parent: str = "", kind: int = 1, of: str = "") -> Span:
    return Span(
        ts_ns=START_NS + start,
        duration_ns=took,
        trace_id="1".zfill(32),
        span_id=of or name,
        parent_id=parent,
        name=name,
        kind=kind,
    )


def test_children_follow_their_parent_with_depth_counts_and_own_time() -> None:
    nodes = tree(checkout(0, START_NS))
    assert [(node.span.name, node.depth, node.up, node.below, node.failed) for node in nodes] == [
        ("GET /checkout", 0, -1, 4, 2),
        ("POST", 1, 0, 3, 2),
        ("POST /orders", 2, 1, 2, 1),
        ("INSERT orders", 3, 2, 0, 0),
        ("mail", 3, 2, 0, 0),
    ]
    assert nodes[0].own_ns == 10 * MS
    assert nodes[2].own_ns == 20 * MS


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    nodes = tree(
        [
            span("root", 0, 100),
            span("quick", 5, 20, "root"),
            span("slow", 5, 60, "root"),
            span("last", 70, 20, "root"),
            span("late", 95, 50, "root"),
        ]
    )
    critical = {node.span.name: list(node.critical) for node in nodes}
    assert critical == {
        "root": [(0, 5), (65, 70), (90, 100)],
        "quick": [],
        "slow": [(5, 65)],
        "last": [(70, 90)],
        "late": [],
    }


def test_a_span_whose_parent_did_not_come_stands_at_the_top_and_says_so() -> None:
    (node,) = tree([span("a", 0, 5, "missing")])
    assert (node.depth, node.up, node.is_lost) == (0, -1, True)


def test_a_server_that_has_its_clients_id_stands_below_it() -> None:
    nodes = tree([span("ask", 0, 9, kind=3, of="x"), span("answer", 1, 5, kind=2, of="x")])
    assert [(node.span.name, node.depth) for node in nodes] == [("ask", 0), ("answer", 1)]


def test_rings_are_cut_and_every_span_is_shown() -> None:
    ring = [span("a", 0, 9, "c"), span("b", 1, 5, "a"), span("c", 2, 2, "b"), span("d", 3, 1, "d")]
    assert sorted(node.span.name for node in tree(ring)) == ["a", "b", "c", "d"]


def test_a_trace_of_twenty_thousand_levels_is_no_problem() -> None:
    deep = [span(str(n), n, 30_000 - n, str(n - 1) if n else "") for n in range(20_000)]
    assert tree(deep)[-1].depth == 19_999


_spans = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(-1, 12)),
    min_size=1,
    max_size=12,
)


@given(_spans)
def test_every_span_is_there_once_and_critical_parts_never_overlap(
    drawn: list[tuple[int, int, int]],
) -> None:
    given_spans = [
        span(f"{n}", start, took, f"{parent}" if parent >= 0 else "")
        for n, (start, took, parent) in enumerate(drawn)
    ]
    nodes = tree(sorted(given_spans, key=lambda one: one.ts_ns))
    assert sorted(node.span.name for node in nodes) == sorted(one.name for one in given_spans)
    for place, node in enumerate(nodes):
        assert node.up < place
        assert 0 <= node.own_ns <= node.span.duration_ns
    parts = sorted(part for node in nodes for part in node.critical)
    assert all(one[1] <= other[0] for one, other in pairwise(parts))


@given(st.dictionaries(st.integers(0, 200), st.integers(1, 50), min_size=1))
def test_a_quantile_lies_between_the_ends_of_the_buckets(buckets: dict[int, int]) -> None:
    found = [quantile(buckets, share) for share in (0, 0.5, 0.95, 1)]
    assert found == sorted(found)
    assert round(2 ** (min(buckets) / 4)) <= found[0]
    assert found[-1] <= round(2 ** ((max(buckets) + 1) / 4))


def test_without_requests_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) == 0


@given(st.integers(1, 40 * 24 * 3600), st.integers(2, 500))
def test_of_many_spans_so_long_a_part_of_the_range_is_looked_at_as_was_asked_for(
    seconds: int, share: int
) -> None:
    until = START_NS + seconds * 10**9
    found = [int(one) for one in re.findall(r"Nano\((\d+)", looked_at(START_NS, until, share))]
    parts = list(zip(found[::2], found[1::2], strict=True))
    assert parts[0][0] >= START_NS
    assert parts[-1][1] <= until
    assert len(parts) <= 24
    assert all(one[1] <= other[0] for one, other in pairwise(parts))
    total = sum(end - start for start, end in parts)
    assert total <= seconds * 10**9 / share
    assert total >= seconds * 10**9 / share * 0.99
