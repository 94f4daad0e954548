"""Graphs of evidence are readable: axes have room, words lie on no other, gaps are gaps."""

from __future__ import annotations

import re

import pytest

from tests.incident.evidence_world import HOSTILE
from tocsin.incident.evidence.bundle import Graph, Points
from tocsin.incident.evidence.drawing import Mark, rows_of, scale, svg, within


@pytest.mark.parametrize(
    ("values", "thresholds"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param([0.0], (), id="only zero"),
        pytest.param([-3.5, 2.0], (), id="below zero"),
        pytest.param([1e308, -1e308], (), id="as far apart as numbers go"),
        pytest.param([5e-324], (), id="the smallest number"),
        pytest.param([1e18], (5.0,), id="huge"),
    ],
)
def test_every_axis_has_room_for_its_values(
    values: list[float], thresholds: tuple[float, ...]
) -> None:
    low, high, ticks = scale(values, thresholds)
    assert low < high
    assert all(low <= within(one) <= high for one in (*values, *thresholds))
    assert 1 <= len(ticks) <= 12


@pytest.mark.parametrize(
    ("spans", "rows"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(0, 5), (5, 9)], [0, 0], id="side by side"),
        pytest.param([(0, 5), (1, 6), (2, 7)], [0, 1, 2], id="on each other"),
        pytest.param([(0, 5), (1, 9), (6, 8)], [0, 1, 0], id="the first row is free again"),
    ],
)
def test_no_word_lies_on_another(spans: list[tuple[float, float]], rows: list[int]) -> None:
    assert rows_of(spans) == rows


def test_a_mark_near_the_edge_keeps_clear_of_the_ones_before_it() -> None:
    graph = Graph(id="g", title="", query="x", start_ms=0, end_ms=1000, step_ms=1, series=())
    drawn = str(svg(graph, [Mark(870, "began"), Mark(872, "opened"), Mark(965, "acknowledged")]))
    heights = dict(re.findall(r'y="(\d+)" text-anchor="\w+" class="mark"[^>]*>(\w+)<', drawn))
    assert sorted(heights.values()) == ["acknowledged", "began", "opened"], "one in each row"


def test_a_gap_is_a_gap_and_what_is_not_finite_is_none() -> None:
    points = Points(
        labels={"a": HOSTILE},
        ts=(0, 1000, 2000, 9000, 10_000, 11_000),
        values=(1.0, 2.0, "NaN", 3.0, "stale", 4.0),
    )
    drawn = str(
        svg(Graph(id="g", title=HOSTILE, query="x", end_ms=11_000, step_ms=1000, series=(points,)))
    )
    assert drawn.count('class="s0"') == 3
    assert "<script" not in drawn
