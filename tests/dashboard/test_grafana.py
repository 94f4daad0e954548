"""Grafana's dashboards become ours, and what does not translate is named panel by panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dashboard.grafana_files import HOST, LOGS, SERVICE
from tocsin.dashboard.checking import problems_of
from tocsin.dashboard.grafana_looks import BELOW_ALL
from tocsin.dashboard.reading import Read, read, read_plain
from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import Panel, Threshold


def _panel(found: Read, title: str) -> Panel:
    return next(one for one in found.dashboard.panels if one.title == title)


def _left(found: Read) -> list[str]:
    return [f"{one.panel}: {one.words}" if one.panel else one.words for one in found.left_out]


def test_a_dashboard_of_today_keeps_its_time_variables_and_panels() -> None:
    found = read_plain(HOST)
    board = found.dashboard
    assert (found.uid, board.title, board.begin, board.refresh) == (
        "host-today",
        "Machines",
        "now-24h",
        "1m",
    )
    assert [(one.name, one.source, one.regex) for one in board.variables] == [
        ("node", "query", "(.*):9100"),
        ("step", "interval", ""),
    ]
    assert board.variables[0].default == ["$__all"]
    assert [one.kind for one in board.panels] == ["stat", "graph", "row", "bars", "text"]
    cpu, net = _panel(found, "CPU"), _panel(found, "Network of $node")
    assert (cpu.unit, cpu.reduce, cpu.spark, cpu.high) == ("ratio", "mean", False, 1)
    assert cpu.thresholds == [
        Threshold(at=0.8, tone="warning"),
        Threshold(at=0.95, tone="critical"),
    ]
    assert (net.style, net.unit, net.repeat, net.w) == ("stacked", "bytes/s", "node", 18)
    assert [(one.legend, one.hidden) for one in net.queries] == [
        ("{{device}} in", False),
        ("", True),
    ]
    assert _left(found) == [
        "the variable source chose a datasource; there is one here",
        "the variable filters of the kind adhoc",
        "CPU: value mappings: numbers stay numbers",
        "Network of $node: an override of a field",
        "Map: a panel of the kind nodeGraph is not known; a text stands in its place",
        "the annotation Deploys: deploys and incidents are marked instead",
    ]
    assert problems_of(board) == []


def test_rows_of_old_become_rows_and_twelfths_become_columns() -> None:
    found = read_plain(SERVICE)
    places = [(one.kind, one.x, one.y, one.w) for one in found.dashboard.panels]
    assert places == [
        ("row", 0, 0, 24),
        ("stat", 0, 1, 8),
        ("graph", 8, 1, 16),
        ("graph", 0, 9, 24),
        ("row", 0, 17, 24),
        ("text", 0, 18, 24),
    ]
    assert len({one.id for one in found.dashboard.panels}) == 6
    errors, requests = _panel(found, "Errors"), _panel(found, "Requests")
    assert errors.unit == "percent"
    assert [(one.at, one.tone) for one in errors.thresholds] == [(1, "warning"), (5, "critical")]
    assert (requests.style, requests.unit, requests.legend) == ("stacked", "req/s", "table")
    assert requests.thresholds == [Threshold(at=100, tone="critical")]
    assert found.dashboard.panels[4].collapsed
    assert _left(found) == [
        "Requests: its alert: import Grafana's rules, or make an alert of the panel",
        "Wide: query A asks influxdb",
    ]


def test_loki_s_queries_become_questions_where_they_can() -> None:
    found = read_plain(LOGS)
    assert _panel(found, "Lines").question == 'service:"$app" level:/error|warn/ "timed out"'
    rate = _panel(found, "Lines a second").queries[0].expr
    assert rate == 'logql{query="sum by (level) (rate({app=\\"$app\\"} [1m]))"}'
    assert _panel(found, "Parsed").question == ""
    kinds = {one.title: one.kind for one in found.dashboard.panels}
    assert kinds["Heat"] == "heatmap"
    assert kinds["Pie"] == "table"
    assert found.dashboard.panels[6].text == "bold"
    by_name = {one.name: one for one in found.dashboard.variables}
    assert by_name["app"].options == ["api", "shop"]
    assert by_name["find"].default == ["timed out"]
    assert by_name["region"].hidden
    assert [link.url for link in found.dashboard.links] == ["https://w.example"]
    assert _left(found) == [
        "Parsed: the question '{app=\"x\"} | json | a > 1': write it anew; all lines are shown",
        "Pie: a pie is shown as a table",
        "Table: the transformation organize",
        "Table: the transformation merge",
        "panel 7: HTML is not used; its text is shown as it is",
        "Lib: it is a library panel, whose content is not in the file",
        "G: its own time (timeFrom 1h)",
        "the link 'Others' leads to other dashboards of Grafana",
    ]


def test_thresholds_that_begin_red_hold_below_all_others() -> None:
    steps = [{"color": "red", "value": None}, {"color": "green", "value": 99}]
    config = {"defaults": {"thresholds": {"mode": "absolute", "steps": steps}}}
    panel = {"type": "stat", "id": 1, "gridPos": {}, "fieldConfig": config}
    found = read_plain({"title": "x", "schemaVersion": 39, "panels": [panel]})
    assert [(one.at, one.tone) for one in found.dashboard.panels[0].thresholds] == [
        (BELOW_ALL, "critical"),
        (99, "ok"),
    ]


def test_the_text_of_a_file_is_read_and_what_is_none_is_refused() -> None:
    assert read(msgspec.json.encode(HOST).decode()).is_grafana
    for text, words in (("{", "not JSON"), ("[]", "mapping"), ('{"panels": 3}', "panels")):
        with pytest.raises(Rejected, match=words):
            read(text)


_KEYS = (
    *("type", "id", "gridPos", "targets", "expr", "fieldConfig", "defaults", "panels", "x", "w"),
    *("h", "options", "thresholds", "steps", "value", "title", "links", "url", "mode"),
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(panels=st.lists(_ANY, max_size=4), more=_ANY)
def test_no_file_breaks_the_reader(panels: list[Any], more: Any) -> None:
    plain: Mapping[str, Any] = {"schemaVersion": 30, "panels": panels, "templating": more}
    assert _is_read_or_refused(plain)


def _is_read_or_refused(plain: Mapping[str, Any]) -> bool:
    try:
        return read_plain(plain).is_grafana
    except Rejected as refused:
        return bool(str(refused))
