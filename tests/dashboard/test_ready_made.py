"""The dashboards that Tocsin brings ask for what is there."""

from __future__ import annotations

import re

import pytest

import tocsin.app.build  # noqa: F401 - everything that counts is known once it is imported
from tocsin.dashboard.shipped import shipped
from tocsin.dashboard.words import filled
from tocsin.kit.gauge import REGISTRY
from tocsin.model.dashboards import PanelQuery
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.selection import selectors_of
from tocsin.query.promql.tree import walk

ITSELF = shipped()["tocsin-itself"].dashboard
QUERIES = [(panel.title, query) for panel in ITSELF.panels for query in panel.queries]
SCRAPED = {"le", "job", "instance"}


def labels_of(metric: str) -> set[str]:
    """The labels of a metric of Tocsin's own; raises KeyError when it has none of that name."""
    collector = REGISTRY._names_to_collectors[metric]
    names: tuple[str, ...] = getattr(collector, "_labelnames")  # noqa: B009 - it has no other name
    return {*names, *SCRAPED}


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_tocsins_own_dashboard_names_metrics_and_labels_that_are_there(
    title: str, query: PanelQuery
) -> None:
    tree = parse(filled(query.expr, {}))
    known = set.union(*(labels_of(one.name) for one in selectors_of(tree)))
    asked = {name for one in walk(tree) if isinstance(one, ast.Aggregate) for name in one.grouping}
    assert asked | set(re.findall(r"{{\s*(\w+)\s*}}", query.legend)) <= known
