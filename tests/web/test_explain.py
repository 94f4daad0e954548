from __future__ import annotations

from tocsin.query.promql.ast import Pos
from tocsin.query.promql.evaluate import NodeStats
from tocsin.query.promql.result import QueryStats
from tocsin.web.api import explain

QUERY = "sum(rate(a[5m])) / sum(b)"

# As the evaluator leaves them: children before their parents.
NODES = [
    NodeStats(Pos(9, 14), "MatrixSelector", 0.5, 0, 10),
    NodeStats(Pos(4, 15), "rate", 0.7, 10, 10),
    NodeStats(Pos(0, 16), "sum", 0.8, 20, 1),
    NodeStats(Pos(23, 24), "VectorSelector", 0.1, 0, 5),
    NodeStats(Pos(19, 25), "sum", 0.15, 5, 1),
    NodeStats(Pos(0, 25), "/", 1.0, 2, 1),
]


def test_parts_stand_below_the_part_that_holds_them() -> None:
    parts = explain.parts_of(QUERY, NODES)
    assert [(part.depth, part.text) for part in parts] == [
        (0, QUERY),
        (1, "sum(b)"),
        (2, "b"),
        (1, "sum(rate(a[5m]))"),
        (2, "rate(a[5m])"),
        (3, "a[5m]"),
    ]


def test_a_parts_own_time_is_without_that_of_its_parts() -> None:
    own = {part.text: round(part.own_seconds, 3) for part in explain.parts_of(QUERY, NODES)}
    assert own[QUERY] == 0.05
    assert own["sum(rate(a[5m]))"] == 0.1
    assert own["a[5m]"] == 0.5


def test_where_it_was_read_is_said_in_words() -> None:
    stats = QueryStats(samples_read=9, origins=("recent", "store"))
    assert explain.explanation("up", stats).read_from == "memory and the store"
    assert explain.explanation("1", QueryStats()).read_from == "nothing"
