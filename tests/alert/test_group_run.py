"""A group of rules: order, what is written, what is told, and what a restart does."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.state import Phase
from tocsin.alert.rules.template import World
from tocsin.model.labels import from_mapping

ALERT = "groups: [{{name: g, {more} rules: [{{alert: A, expr: x > 1, for: {hold}}}]}}]"


def alert(hold: str = "0s", more: str = "") -> str:
    return ALERT.format(hold=hold, more=more)


@pytest.fixture
def world(tmp_path: Path) -> RuleWorld:
    return RuleWorld(tmp_path)


async def test_a_rule_sees_what_the_rule_before_it_recorded(world: RuleWorld) -> None:
    group = world.group(
        "groups: [{name: g, rules: [{record: twice, expr: x * 2, labels: {by: me}},"
        " {alert: A, expr: twice > 5}]}]"
    )
    await world.minutes(group, 1, x=3.0)
    (one,) = group.rules[1].alerts()
    assert one.labels == from_mapping({"alertname": "A", "by": "me"})
    assert one.value == 6.0
    assert group.rules[0].is_awaited
    assert not group.rules[1].is_awaited


async def test_a_result_that_vanishes_ends_its_series(world: RuleWorld) -> None:
    group = world.group("groups: [{name: g, rules: [{record: big, expr: x > 1}]}]")
    await world.minutes(group, 1, x=3.0)
    await world.minutes(group, 2, x=0.0)
    ((_, points),) = (await world.samples("big")).items()
    assert [ago for ago, _ in points] == [2, 1]
    assert math.isnan(points[1][1])


async def test_alerts_are_series_too(world: RuleWorld) -> None:
    group = world.group(alert("2m"))
    await world.minutes(group, 3, x=3.0)
    series = await world.samples("ALERTS")
    states = {dict(labels)["alertstate"]: points for labels, points in series.items()}
    assert [ago for ago, value in states["firing"] if value == 1.0] == [0]
    assert [ago for ago, value in states["pending"] if value == 1.0] == [2, 1]
    assert math.isnan(states["pending"][-1][1])
    ((_, points),) = (await world.samples("ALERTS_FOR_STATE")).items()
    assert {value for _, value in points} == {world.now_ms // 1000 - 120}


async def test_firing_is_told_each_minute_with_an_end_ahead_and_its_end_for_a_while(
    world: RuleWorld,
) -> None:
    group = world.group(alert())
    await world.minutes(group, 1, x=3.0)
    (first,) = world.told.alerts
    assert first.labels == from_mapping({"alertname": "A", "region": "eu"})
    assert first.starts_ms == world.now_ms
    assert first.ends_ms == world.now_ms + 240_000
    assert first.generator_url == "http://tocsin/explore?a=x%20%3E%201"
    await world.minutes(group, 1, x=0.0)
    ended = world.told.alerts[-1]
    assert ended.ends_ms == world.now_ms
    assert ended.is_resolved(world.now_ms)
    await world.minutes(group, 30, x=0.0)
    assert {one.ends_ms for one in world.told.alerts[1:]} == {ended.ends_ms}
    assert 7 <= len(world.told.alerts) <= 17


async def test_what_the_next_room_did_not_take_is_told_again_at_once(world: RuleWorld) -> None:
    group = world.group(alert())
    world.told.busy = True
    await world.minutes(group, 1, x=3.0)
    world.told.busy = False
    await world.minutes(group, 1, x=3.0)
    assert len(world.told.alerts) == 1


async def test_more_results_than_the_limit_are_an_error(world: RuleWorld) -> None:
    group = world.group(
        "groups: [{name: g, limit: 1, rules: [{record: r, expr: x}, {alert: A, expr: x}]}]"
    )
    await world.clock.advance(60)
    for job in "ab":
        world.put("x", 1.0, job=job)
    await group.evaluate(world.now_ms)
    recording, alerting = group.rules
    assert (recording.health, recording.error) == ("err", "exceeded limit of 1 with 2 series")
    assert (alerting.health, alerting.error) == ("err", "exceeded limit of 1 with 2 alerts")
    assert alerting.alerts() == []


async def test_a_rule_that_fails_leaves_the_others_alone(world: RuleWorld) -> None:
    group = world.group(
        "groups: [{name: g, rules: [{record: bad, expr: x * on(job) group_left() y},"
        " {record: good, expr: x}]}]"
    )
    await world.clock.advance(60)
    world.put("x", 1.0, job="a")
    for side in "ab":
        world.put("y", 1.0, job="a", side=side)
    await group.evaluate(world.now_ms)
    assert [run.health for run in group.rules] == ["err", "ok"]
    assert "many-to-many" in group.rules[0].error
    assert await world.samples("good")


async def test_labels_that_make_two_results_one_are_an_error(world: RuleWorld) -> None:
    group = world.group("groups: [{name: g, rules: [{alert: A, expr: x, labels: {job: same}}]}]")
    await world.clock.advance(60)
    for job in "ab":
        world.put("x", 1.0, job=job)
    await group.evaluate(world.now_ms)
    assert "same labelset after applying alert labels" in group.rules[0].error


async def test_a_failing_template_is_in_the_text_and_in_the_rules_error(world: RuleWorld) -> None:
    group = world.group(
        "groups: [{name: g, rules: [{alert: A, expr: x, annotations: {s: '{{ .Nope }}'}}]}]"
    )
    await world.minutes(group, 1, x=1.0)
    (one,) = group.rules[0].alerts()
    assert one.annotations[0][1].startswith("<error expanding template:")
    assert group.rules[0].health == "ok"
    assert "Nope" in group.rules[0].error


async def test_query_offset_asks_and_writes_in_the_past(world: RuleWorld) -> None:
    group = world.group("groups: [{name: g, query_offset: 2m, rules: [{record: r, expr: x}]}]")
    for value in (1.0, 2.0, 3.0, 4.0):
        await world.minutes(group, 1, x=value)
    ((_, points),) = (await world.samples("r")).items()
    assert points == [(3, 1.0), (2, 2.0)]


async def test_the_loop_evaluates_at_its_slot_and_counts_what_it_missed(world: RuleWorld) -> None:
    manager = RuleManager(world.around)
    await manager.apply(world.groups(alert()), World())
    (group,) = manager.groups
    await world.clock.advance(61)
    first = group.evaluated_ms
    assert first == group.slot_ms(world.now_ms)
    world.clock.jump(180)
    await world.clock.advance(61)
    assert group.missed in (2, 3)
    assert (group.evaluated_ms - first) % 60_000 == 0
    await manager.stop()


async def test_an_edited_rule_keeps_its_alerts_and_a_removed_one_ends_its_series(
    world: RuleWorld,
) -> None:
    manager = RuleManager(world.around)
    text = "groups: [{{name: g, rules: [{rules}]}}]"
    both = "{alert: A, expr: x > 1, for: 2m}, {record: r, expr: x}"
    await manager.apply(world.groups(text.format(rules=both)), World())
    for _ in range(5):
        world.put("x", 3.0)
        await world.clock.advance(60)
    assert manager.count("firing") == 1
    only = "{alert: A, expr: x > 2, for: 2m}"
    await manager.apply(world.groups(text.format(rules=only)), World())
    (group,) = manager.groups
    assert group.rules[0].phase is Phase.FIRING
    world.put("x", 3.0)
    await world.clock.advance(61)
    ((_, points),) = (await world.samples("r")).items()
    assert math.isnan(points[-1][1])
    assert manager.count("firing") == 1
    await manager.stop()


async def test_an_unchanged_group_is_not_touched_by_a_reload(world: RuleWorld) -> None:
    manager = RuleManager(world.around)
    await manager.apply(world.groups(alert()), World())
    before = manager.groups
    await manager.apply(world.groups("# moved by a line\n" + alert()), World())
    assert manager.groups[0] is before[0]
    await manager.stop()


@pytest.mark.parametrize(
    ("away", "pending", "fires_after"),
    [
        pytest.param(5, 40, 0, id="who was firing fires right after the restart"),
        pytest.param(5, 10, 20, id="who was pending goes on, without the time away"),
        pytest.param(90, 40, 30, id="after more than an hour everything begins anew"),
    ],
)
async def test_a_restart_goes_on(
    world: RuleWorld, away: int, pending: int, fires_after: int
) -> None:
    before = world.group(alert("30m"))
    await world.minutes(before, pending, x=3.0)
    await world.clock.advance(away * 60)
    after = world.group(alert("30m"), restore=True)
    await world.minutes(after, 2, x=3.0)
    assert (await world.samples("ALERTS_FOR_STATE")).popitem()[1][-1][0] > away
    await after.restore(world.now_ms)
    for minute in range(60):
        await world.minutes(after, 1, x=3.0)
        if after.rules[0].phase is Phase.FIRING:
            assert abs(minute - fires_after) <= 4
            return
    pytest.fail("it never fired")
