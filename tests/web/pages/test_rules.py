"""What the page Rules says, and what one rule's own page is found by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tests.web.pages.samples import frame
from tocsin.alert.plain.condition_tokens import Dimension
from tocsin.alert.plain.indicators import Indicator
from tocsin.alert.plain.plain_rule import plain_rules
from tocsin.alert.rules.group_run import GroupRun
from tocsin.kit.yaml import loads
from tocsin.web.pages.render import html
from tocsin.web.pages.rule_detail import found_at
from tocsin.web.pages.rules import RuleRow, RulesView, rules_view

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
        expr: x < 5
      - alert: Soon
        expr: x > 0
        for: 5m
      - alert: Calm
        expr: x > 100
      - alert: Bad
        expr: x * on(job) group_left() y
"""


@pytest.fixture
async def group(tmp_path: Path) -> GroupRun:
    world = RuleWorld(tmp_path)
    group = world.group(RULES)
    for value, job in ((3.0, "j"), (4.0, "k")):
        world.put("x", value, job=job)
    for side in "ab":
        world.put("y", 1.0, job="j", side=side)
    await group.evaluate(world.now_ms)
    return group


def rows(view: RulesView) -> list[RuleRow]:
    return [row for _, groups in view.files for group in groups for row in group.rules]


async def test_rules_tell_how_they_went(group: GroupRun) -> None:
    view = rules_view([group], {})
    found = {row.name: row for row in rows(view)}
    assert {name: row.word for name, row in found.items()} == {
        "total": "Recorded",
        "Slow": "Firing",
        "Down": "Firing",
        "Soon": "Pending",
        "Calm": "Quiet",
        "Bad": "Fails",
    }
    assert "many-to-many" in found["Bad"].error
    assert (found["Slow"].value, found["Down"].value, found["Calm"].value) == (4.0, 3.0, None)
    assert found["Calm"].value_query == "max(x)"
    assert found["Slow"].place.endswith(":6")
    assert found["Slow"].next_s == found["Slow"].evaluated_s + 60  # type: ignore[operator]  # it was
    ((_, (shown,)),) = view.files
    assert shown.state == "critical"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"state": "firing"}, ["Slow", "Down"]),
        ({"state": "recording"}, ["total"]),
        ({"state": "failing"}, ["Bad"]),
        ({"state": "nonsense"}, ["total", "Slow", "Down", "Soon", "Calm", "Bad"]),
        ({"q": "X > 1"}, ["Slow", "Calm"]),
        ({"q": "group_left"}, ["Bad"]),
        ({"state": "doubtful"}, ["Slow"]),
        ({"state": "made"}, []),
        ({"page": "9"}, ["total", "Slow", "Down", "Soon", "Calm", "Bad"]),
    ],
    ids=str,
)
async def test_only_the_rules_that_are_asked_for_are_listed(
    group: GroupRun, query: dict[str, str], names: list[str]
) -> None:
    place = group.group.rules[1].place
    view = rules_view([group], query, [f"{place}: Slow: no `for`: a single bad sample fires it"])
    assert [row.name for row in rows(view)] == names


async def test_the_page_renders_what_there_is_and_what_there_is_not(group: GroupRun) -> None:
    view = rules_view([group], {}, [f"{group.group.rules[1].place}: Slow: no `for`"])
    listed = html("pages/rules.html", frame("/rules"), view=view)
    assert "many-to-many" in listed
    assert "no `for`" in listed
    assert 'href="/rules/shop/Slow"' in listed
    assert "There are no rules" in html(
        "pages/rules.html", frame("/rules"), view=rules_view([], {})
    )
    nothing = rules_view([group], {"q": "zzz"})
    assert "No such rule" in html("pages/rules.html", frame("/rules"), view=nothing)


async def test_a_thousand_rules_come_a_page_at_a_time(tmp_path: Path) -> None:
    lines = "".join(f"      - {{alert: R{number}, expr: x > 1}}\n" for number in range(1000))
    group = RuleWorld(tmp_path).group(f"groups:\n  - name: many\n    rules:\n{lines}")
    view = rules_view([group], {"page": "2"})
    assert (view.total, view.pages, len(rows(view))) == (1000, 5, 200)
    assert rows(view)[0].name == "R200"
    assert not view.has_values


@pytest.mark.parametrize(
    ("path", "count"),
    [("shop/Slow", 1), ("shop/Nothing", 0), ("other/Slow", 0), ("shop", 0)],
)
async def test_a_rule_is_found_by_its_group_and_name(
    group: GroupRun, path: str, count: int
) -> None:
    assert len(found_at([group], path)) == count


async def test_slashes_in_names_hide_no_rule(tmp_path: Path) -> None:
    text = "groups:\n  - name: a/b\n    rules: [{alert: c/d, expr: x > 1}]\n"
    group = RuleWorld(tmp_path).group(text)
    ((_, run),) = found_at([group], "a/b/c/d")
    assert run.rule.name == "c/d"


async def test_a_plain_rule_shows_its_condition_and_what_it_means(tmp_path: Path) -> None:
    world = RuleWorld(tmp_path)
    known = {"queue": Indicator("queue", "x", Dimension.NUMBER, "")}
    (made,) = plain_rules(loads("Long: {condition: queue > 2, recover: queue < 1}"), known, 60_000)
    group = GroupRun(made, world.around, restore=False)
    await world.minutes(group, 1, x=3.0)
    (rule,) = rows(rules_view([group], {}))
    assert (rule.written, rule.expr) == ("queue > 2", "x > 2")
    assert (rule.recover, rule.recover_compiled) == ("queue < 1", "x < 1")
    listed = html("pages/rules.html", frame("/rules"), view=rules_view([group], {}))
    assert "<code>queue &gt; 2</code>" in listed
    await world.clock.advance(3600)
    await group.evaluate(world.now_ms)
    (rule,) = rows(rules_view([group], {}))
    assert rule.word == "No data"
