"""From a request to the versions of a rule that are tried."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.group_run import GroupRun
from tocsin.kit.fault import Rejected
from tocsin.web.services import Services
from tocsin.web.trials import RuleEdit, RuleText, TrialRequest, trials_of

RULES = """
groups:
  - name: g
    interval: 15s
    rules:
      - {alert: Hot, expr: temp>80, for: 1m, labels: {severity: warning}}
      - {alert: Hot, expr: temp > 90, labels: {severity: critical}}
      - {record: r, expr: temp}
"""
NEW = RuleText(name="new.yml", text="groups: [{name: n, rules: [{alert: Hot, expr: temp > 85}]}]")


@pytest.fixture
def given(tmp_path: Path) -> Services:
    world = RuleWorld(tmp_path)
    groups = [GroupRun(one, world.around, restore=False) for one in world.groups(RULES)]
    rules = SimpleNamespace(groups=groups)
    return cast("Services", SimpleNamespace(clock=world.clock, rules=rules))


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        pytest.param(TrialRequest(rule="Hot"), [("in force", "temp > 80", 60_000)], id="as it is"),
        pytest.param(
            TrialRequest(rule="Hot", edit=RuleEdit(expr="temp >80", for_="60s")),
            [("in force", "temp > 80", 60_000)], id="an edit that changes nothing",
        ),
        pytest.param(
            TrialRequest(rule="Hot", edit=RuleEdit(for_="5m")),
            [("in force", "temp > 80", 60_000), ("edited", "temp > 80", 300_000)], id="edited",
        ),
        pytest.param(
            TrialRequest(rule="Hot", number=2), [("in force", "temp > 90", 0)], id="the second",
        ),
        pytest.param(
            TrialRequest(rule="Hot", file=NEW),
            [("in force", "temp > 80", 60_000), ("new.yml", "temp > 85", 0)], id="of a file",
        ),
        pytest.param(
            TrialRequest(rule="Hot", against=NEW),
            [("new.yml", "temp > 85", 0), ("in force", "temp > 80", 60_000)], id="against a file",
        ),
    ],
)  # fmt: skip
def test_which_versions_are_tried(
    given: Services, asked: TrialRequest, versions: list[tuple[str, str, int]]
) -> None:
    trials = trials_of(given, asked)
    assert [
        (one.title, one.group.rules[0].expr, one.group.rules[0].hold_ms) for one in trials
    ] == versions
    # All at the moments of the rule in force, so that they see the same.
    assert {(one.group.name, one.group.interval_ms) for one in trials} == {("g", 15_000)}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(TrialRequest(rule="Hto"), 'did you mean "Hot"', id="a wrong name"),
        pytest.param(TrialRequest(rule="r"), "no alerting rule", id="a recording rule"),
        pytest.param(TrialRequest(rule="Hot", number=3), "there are 2", id="too many"),
        pytest.param(TrialRequest(rule="Hot", since="0"), "longer than 0", id="no time"),
        pytest.param(TrialRequest(rule="Hot", since="500d"), "400 days", id="too much time"),
        pytest.param(TrialRequest(rule="Hot", step="0"), "step", id="no step"),
        pytest.param(
            TrialRequest(rule="Hot", edit=RuleEdit(expr="temp >")),
            "^expr: could not parse",
            id="a wrong edit",
        ),
        pytest.param(TrialRequest(rule="Cold", file=NEW), "new.yml has no", id="not of the file"),
    ],
)
def test_what_is_wrong_is_said(given: Services, asked: TrialRequest, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        trials_of(given, asked)
