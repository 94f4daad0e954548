"""When an alert fired before, from the series that rules leave behind."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.group_run import GroupRun
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import fingerprint
from tocsin.web.alert_past import labels_named, past_of
from tocsin.web.services import Services

RULES = "groups: [{name: shop, rules: [{alert: Busy, expr: x > 1, labels: {team: a}}]}]"
SEEN: Labels = from_mapping({"alertname": "Busy", "team": "a", "job": "j", "region": "eu"})
"""As routing sees it: with the external label."""


@pytest.fixture
async def world(tmp_path: Path) -> RuleWorld:
    """Busy for three minutes twice, with six quiet ones between, and busy now."""
    world = RuleWorld(tmp_path)
    world.group_run = world.group(RULES)  # type: ignore[attr-defined]  # for `given`
    for value in (3, 3, 3, 0, 0, 0, 0, 0, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0, 3):
        await world.clock.advance(60)
        world.put("x", float(value), job="j")
        world.put("x", 3.0, job="other")
        await world.group_run.evaluate(world.now_ms)  # type: ignore[attr-defined]  # as above
    return world


def given(world: RuleWorld) -> Services:
    group = cast("GroupRun", world.group_run)  # type: ignore[attr-defined]  # as above
    found = SimpleNamespace(
        clock=world.clock,
        source=world.memory,
        rules=SimpleNamespace(groups=[group]),
        retention=SimpleNamespace(config=SimpleNamespace(raw_days=30)),
    )
    return cast("Services", found)


async def test_each_time_is_told_with_its_length_the_latest_first(world: RuleWorld) -> None:
    past = await past_of(given(world), SEEN)
    assert (past.count, past.days, past.problem) == (3, 30, "")
    now = world.clock.now()
    assert [round(one.seconds(now)) for one in past.times] == [0, 180, 180]
    assert [one.ended_s == 0 for one in past.times] == [True, False, False]
    assert [(week.count, week.share) for week in past.weeks][-1] == (3, 1.0)
    assert sum(week.count for week in past.weeks) == 3


async def test_another_alert_of_the_rule_has_a_past_of_its_own(world: RuleWorld) -> None:
    other = from_mapping({**dict(SEEN), "job": "other"})
    assert (await past_of(given(world), other)).count == 1
    assert (await past_of(given(world), from_mapping({"alertname": "Busy"}))).count == 0


async def test_an_alert_that_is_over_is_found_by_its_fingerprint(world: RuleWorld) -> None:
    assert await labels_named(given(world), fingerprint(SEEN)) == SEEN
    assert await labels_named(given(world), "0" * 16) == ()
