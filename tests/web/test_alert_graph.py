"""Which query draws what an alert judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.query.promql.parse import parse
from tocsin.query.promql.result import QueryOptions
from tocsin.web.alert_graph import Graph, graph_of, of_series


@pytest.mark.parametrize(
    ("expr", "query", "thresholds"),
    [
        ("up == 0", "up", "0.0 critical == 0"),
        ("rate(x[5m]) > 0.5", "rate(x[5m])", "0.5 critical > 0.5"),
        ("10 < x", "x", "10.0 critical > 10"),
        ("x > on (job) y", "x >bool on (job) y", ""),
        ("absent(x)", "absent(x)", ""),
        ("x > Inf", "x", ""),
        ("vector(1)", "vector(1)", ""),
        ("(x > 2 and y > 3) and z", "x", "2.0 critical > 2"),
    ],
)
def test_the_graph_is_of_what_is_compared(expr: str, query: str, thresholds: str) -> None:
    found = graph_of(expr)
    assert parse(found.query) == parse(query) or found.query.replace(" ", "") == query.replace(
        " ", ""
    )
    assert found.thresholds == thresholds


def test_the_recovery_is_a_line_of_its_own() -> None:
    found = graph_of("x > 2", "x < 1")
    assert found == Graph("x", "2.0 critical > 2; 1.0 ok recovers < 1", is_compared=True)


@pytest.mark.parametrize(
    ("unit", "words"),
    [("ms", "2.0 critical > 2000 ms"), ("s", "2.0 critical > 2 s"), ("%", "2.0 critical > 200%")],
)
def test_a_line_is_in_the_unit_of_the_rule_s_author(unit: str, words: str) -> None:
    assert graph_of("x > 2", spoken_unit=unit).thresholds == words


@pytest.mark.parametrize(
    ("query", "source", "wanted"),
    [
        ("x", (), "x"),
        ("x", (("job", "a"),), 'x{job="a"}'),
        ("sum by (job) (rate(x[5m]))", (("job", "a"),), 'sum by (job) (rate(x{job="a"}[5m]))'),
        ("a / b", (("job", 'q"'),), 'a{job="q\\""} / b{job="q\\""}'),
    ],
)
def test_one_alert_is_drawn_alone(
    query: str, source: tuple[tuple[str, str], ...], wanted: str
) -> None:
    assert of_series(query, source) == wanted


@pytest.mark.parametrize(
    "query",
    [
        'label_replace(x, "where", "$1", "job", "(.*)")',
        "x * on (job) group_left (owner) info",
        'x{job=~"a|b"}',
    ],
)
async def test_of_joined_and_renamed_series_the_right_one_is_left(
    tmp_path: Path, query: str
) -> None:
    world = RuleWorld(tmp_path)
    for job in "ab":
        world.put("x", 1.0, job=job, note="$1")
        world.put("info", 1.0, job=job, owner=f"team {job}")
    all_of = await world.around.engine.instant(query, world.now_ms, QueryOptions())
    for labels in all_of.labels:
        source = tuple(pair for pair in labels if pair[0] != "__name__")
        found = await world.around.engine.instant(
            of_series(query, source), world.now_ms, QueryOptions()
        )
        assert [dict(one) | {"__name__": ""} for one in found.labels] == [
            dict(labels) | {"__name__": ""}
        ]
    assert len(all_of.labels) == 2


@pytest.mark.parametrize(
    ("spoken", "unit"), [("ms", "seconds"), ("MiB", "bytes"), ("%", "ratio"), ("", ""), ("€", "")]
)
def test_the_axis_is_in_the_unit_in_which_the_rule_speaks(spoken: str, unit: str) -> None:
    assert graph_of("latency > 2", spoken_unit=spoken).unit == unit
