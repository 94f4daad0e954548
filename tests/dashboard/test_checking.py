"""Mistakes in dashboards are told before anybody looks at them."""

from __future__ import annotations

import pytest

from tocsin.dashboard.checking import problems_of
from tocsin.dashboard.shipped import shipped
from tocsin.model.dashboards import Dashboard, Kind, Panel, PanelQuery, Variable


def _board(*panels: Panel, variables: list[Variable] | None = None) -> Dashboard:
    return Dashboard(title="x", panels=list(panels), variables=variables or [])


def _graph(expr: str, kind: Kind = "graph") -> Panel:
    return Panel(id=1, kind=kind, title="g", queries=[PanelQuery(expr=expr)])


@pytest.mark.parametrize(
    ("board", "words"),
    [
        pytest.param(_board(_graph("rate(x[")), "query a: 1:", id="PromQL that cannot be read"),
        pytest.param(_board(_graph('up{a="$b"}')), "names $b, which", id="an unknown variable"),
        pytest.param(
            _board(Panel(id=1, kind="graph")), "asks nothing", id="a graph without a query"
        ),
        pytest.param(
            _board(Panel(id=1, kind="logs", question="level:(")), "question", id="a wrong question"
        ),
        pytest.param(
            _board(Panel(id=1, kind="text", repeat="y")), "repeated for $y", id="a wrong repeat"
        ),
        pytest.param(
            _board(Panel(id=1, kind="text", w=6), Panel(id=2, kind="text", x=3, w=6)),
            "lies on panel 2",
            id="two in one place",
        ),
        pytest.param(
            _board(variables=[Variable(name="a", source="query", query="label_values($b, c)")]),
            "names $b",
            id="a variable of an unknown one",
        ),
    ],
)
def test_a_mistake_is_told(board: Dashboard, words: str) -> None:
    assert any(words in str(one) for one in problems_of(board))


def test_variables_of_every_place_are_values_before_a_query_is_read() -> None:
    variables = [
        Variable(name="n", source="text", default=["5"]),
        Variable(name="w", source="interval", options=["1m", "5m"]),
        Variable(name="job", source="query", query="label_values(up, job)", multi=True),
    ]
    panel = _graph('topk($n, rate(x{job=~"$job"}[$w])) / ${n:raw} + rate(y[$__rate_interval])')
    assert problems_of(_board(panel, variables=variables)) == []


def test_what_tocsin_brings_has_no_mistakes() -> None:
    assert {uid: problems_of(one.dashboard) for uid, one in shipped().items()} == {
        uid: [] for uid in ("tocsin-host", "tocsin-http", "tocsin-itself", "tocsin-demo-shop")
    }


def test_variables_of_any_length_make_no_longer_queries_than_can_be_read() -> None:
    long = Variable(name="a", source="text", default=["x" * 300_000])
    board = _board(_graph("$a+" * 16_000 + "$a"), variables=[long])
    assert any("characters" in str(one) for one in problems_of(board))
    board = _board(_graph("$a+" * 100_000 + "$a"), variables=[long])
    assert any("more than 50,000" in str(one) for one in problems_of(board))
