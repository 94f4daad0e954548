"""What the pages Alerts and Rules say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tests.web.pages.samples import frame
from tocsin.alert.condition_tokens import Dimension
from tocsin.alert.group_run import GroupRun
from tocsin.alert.indicators import Indicator
from tocsin.alert.plain_rule import plain_rules
from tocsin.kit.yaml import loads
from tocsin.web.pages.alerts import alerts_view, rules_view
from tocsin.web.pages.render import html

RULES = """\
groups:
  - name: shop
    rules:
      - record: total
        expr: sum(x)
      - alert: Slow
        expr: x > 1
        labels: {severity: warning}
      - alert: Down
        expr: x > 2
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.job }} is down", runbook_url: "https://wiki/down",
          dashboard: "javascript:alert(1)", hint: call somebody}
      - alert: Soon
        expr: x > 0
        for: 5m
      - alert: Bad
        expr: x * on(job) group_left() y
"""


@pytest.fixture
async def group(tmp_path: Path) -> GroupRun:
    world = RuleWorld(tmp_path)
    group = world.group(RULES)
    world.put("x", 3.0, job="j")
    for side in "ab":
        world.put("y", 1.0, job="j", side=side)
    await group.evaluate(world.now_ms)
    return group


async def test_the_worst_comes_first(group: GroupRun) -> None:
    view = alerts_view([group], "")
    assert [(rule.name, rule.state) for rule in view.rules] == [
        ("Down", "critical"),
        ("Slow", "warning"),
        ("Soon", "unknown"),
    ]
    assert (view.firing, view.pending, view.watching, view.failing) == (2, 1, 4, 1)


async def test_only_what_is_asked_for_is_listed(group: GroupRun) -> None:
    assert [rule.name for rule in alerts_view([group], "pending").rules] == ["Soon"]
    assert alerts_view([group], "nonsense").only == ""


async def test_an_alert_shows_its_words_and_links_that_lead_somewhere(group: GroupRun) -> None:
    (row,) = alerts_view([group], "").rules[0].alerts
    assert row.summary == "j is down"
    assert row.links == [("runbook", "https://wiki/down")]
    assert row.said == [("dashboard", "javascript:alert(1)"), ("hint", "call somebody")]
    assert row.labels == [("job", "j"), ("severity", "critical")]


async def test_rules_tell_how_they_went(group: GroupRun) -> None:
    (rows,) = rules_view([group])
    assert [(rule.name, rule.word) for rule in rows.rules] == [
        ("total", "Recorded"),
        ("Slow", "Firing"),
        ("Down", "Firing"),
        ("Soon", "Pending"),
        ("Bad", "Fails"),
    ]
    assert rows.state == "critical"
    assert "many-to-many" in rows.rules[-1].error


async def test_the_pages_render_what_there_is_and_what_there_is_not(group: GroupRun) -> None:
    shown = html("pages/alerts.html", frame("/alerts"), view=alerts_view([group], ""))
    assert "2 firing" in shown
    assert 'href="https://wiki/down"' in shown
    assert 'href="javascript' not in shown
    nothing = html("pages/alerts.html", frame("/alerts"), view=alerts_view([], ""))
    assert "No rule watches anything yet" in nothing
    listed = html("pages/rules.html", frame("/rules"), groups=rules_view([group]))
    assert "many-to-many" in listed
    assert "There are no rules" in html("pages/rules.html", frame("/rules"), groups=[])


async def test_a_plain_rule_shows_its_condition_and_what_it_means(tmp_path: Path) -> None:
    world = RuleWorld(tmp_path)
    known = {"queue": Indicator("queue", "x", Dimension.NUMBER, "")}
    text = "Long: {condition: queue > 2, recover: queue < 1}"
    (made,) = plain_rules(loads(text), known, 60_000)
    group = GroupRun(made, world.around, restore=False)
    await world.minutes(group, 1, x=3.0)
    await world.minutes(group, 1, x=1.0)
    (row,) = alerts_view([group], "").rules[0].alerts
    assert row.word == "Firing, not recovered yet"
    ((rule,),) = (rows.rules for rows in rules_view([group]))
    assert (rule.written, rule.expr, rule.recover) == ("queue > 2", "x > 2", "x < 1")
    listed = html("pages/rules.html", frame("/rules"), groups=rules_view([group]))
    assert "<code>queue &gt; 2</code>" in listed
    await world.clock.advance(3600)
    await group.evaluate(world.now_ms)
    ((rule,),) = (rows.rules for rows in rules_view([group]))
    assert rule.word == "No data"
