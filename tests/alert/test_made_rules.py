"""Rules that people make here: checked, kept, evaluated, and taken out as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.made_rules import (
    GROUP,
    MadeRule,
    MadeRules,
    Problem,
    WrongRule,
    checked,
    file_text,
    group_of,
)
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.rule_file import Defaults, read_groups
from tocsin.alert.rules.template import World
from tocsin.kit.fault import NotFound, Temporary

BUSY = MadeRule(
    name="Busy",
    expr="x > 1",
    hold="5m",
    severity="warning",
    message="{{ $labels.job }} is busy",
    runbook="https://wiki/busy",
    recover="x < 0.5",
)


class Shelf:
    """Keeps in memory; `is_broken` refuses."""

    def __init__(self) -> None:
        self.kept: list[MadeRule] = []
        self.is_broken = False

    async def load(self) -> list[MadeRule]:
        return list(self.kept)

    async def save(self, rules: Sequence[MadeRule], by: str) -> None:
        if self.is_broken:
            raise Temporary("the disk is full")
        self.kept = list(rules)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[RuleManager]:
    found = RuleManager(RuleWorld(tmp_path).around)
    yield found
    await found.stop()


@pytest.fixture
def made(shelf: Shelf, manager: RuleManager) -> MadeRules:
    return MadeRules(shelf, manager, manager.around.clock)


def test_a_rule_comes_to_what_a_rule_file_would_say() -> None:
    rule = checked(BUSY)
    assert (rule.name, rule.expr, rule.hold_ms, rule.recover) == (
        "Busy",
        "x > 1",
        300_000,
        "x < 0.5",
    )
    assert dict(rule.labels) == {"severity": "warning"}
    assert dict(rule.annotations) == {
        "summary": "{{ $labels.job }} is busy",
        "runbook_url": "https://wiki/busy",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"expr": ""}, "expr"),
        ({"expr": "x >"}, "expr"),
        ({"expr": '"text"'}, "expr"),
        ({"hold": "soon"}, "hold"),
        ({"keep_firing_for": "-1"}, "keep_firing_for"),
        ({"recover": "x ["}, "recover"),
        ({"message": "{{ .Nonsense"}, "message"),
        ({"runbook": "javascript:alert(1)"}, "runbook"),
        ({"labels": {"": "x"}}, "labels"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(WrongRule) as caught:
        checked(replace(BUSY, **change))
    assert [one.field for one in caught.value.problems] == [field]


def test_a_mistake_in_the_expression_is_told_with_its_characters() -> None:
    with pytest.raises(WrongRule) as caught:
        checked(replace(BUSY, expr="sum(x) > > 1"))
    (problem,) = caught.value.problems
    assert "parse error" in problem.words
    assert 0 < problem.start < problem.end <= len("sum(x) > > 1")


def test_the_file_is_one_that_prometheus_reads_and_that_comes_to_the_same_rules() -> None:
    off = replace(BUSY, name="Idle", disabled=True)
    text = file_text([BUSY, off])
    (group,) = read_groups(text, "made.yml", Defaults())
    assert group.name == GROUP
    assert group.rules == (checked(BUSY),)
    assert "#   - alert: Idle" in text
    assert read_groups(file_text([]), "made.yml", Defaults()) == []


async def test_a_rule_is_evaluated_changed_switched_off_and_forgotten(
    made: MadeRules, manager: RuleManager
) -> None:
    await made.apply(1000)
    kept = await made.put(BUSY, "ana")
    assert (kept.made_by, len(kept.id)) == ("ana", 12)
    (group,) = manager.groups
    assert (group.group.name, group.group.interval_ms) == (GROUP, 1000)
    changed = await made.put(replace(kept, expr="x > 2"), "bo")
    assert (changed.made_by, changed.changed_by) == ("ana", "bo")
    assert manager.groups[0].rules[0].rule.expr == "x > 2"
    assert made.of("Busy", "x > 2") == changed
    await made.switch(kept.id, "bo", disabled=True)
    assert manager.groups == []
    await made.switch(kept.id, "bo", disabled=False)
    await manager.apply((), World())
    assert len(manager.groups) == 1
    await made.remove(kept.id, "bo")
    assert (manager.groups, made.all) == ([], [])
    with pytest.raises(NotFound):
        await made.remove(kept.id, "bo")


async def test_a_second_rule_that_could_not_be_told_apart_is_refused(made: MadeRules) -> None:
    await made.put(BUSY, "ana")
    with pytest.raises(WrongRule, match="already") as caught:
        await made.put(BUSY, "ana")
    assert caught.value.problems == (
        Problem("name", "a rule of that name and severity was made here already"),
    )


async def test_what_cannot_be_kept_is_not_evaluated(
    made: MadeRules, shelf: Shelf, manager: RuleManager
) -> None:
    shelf.is_broken = True
    with pytest.raises(Temporary):
        await made.put(BUSY, "ana")
    assert (made.all, manager.groups) == ([], [])


async def test_another_process_goes_on_with_them(
    made: MadeRules, shelf: Shelf, manager: RuleManager
) -> None:
    kept = await made.put(BUSY, "ana")
    other = MadeRules(shelf, manager, manager.around.clock)
    await other.load()
    assert other.get(kept.id) == kept
    assert group_of(other.all, 1000) is not None


async def test_what_a_rule_said_is_over_when_the_rule_is_gone(tmp_path: Path, shelf: Shelf) -> None:
    world = RuleWorld(tmp_path)
    manager = RuleManager(world.around)
    made = MadeRules(shelf, manager, world.clock)
    kept = await made.put(replace(BUSY, hold="0s"), "ana")
    world.put("x", 3.0, job="j")
    (group,) = manager.groups
    await group.evaluate(world.now_ms)
    await world.clock.advance(1)
    await made.switch(kept.id, "ana", disabled=True)
    assert [one.is_resolved(world.now_ms) for one in world.told.alerts] == [False, True]
    await manager.stop()
