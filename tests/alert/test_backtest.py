"""Trying a rule on the past: it fires as it fired, and tells whom it told."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.alert.memory import World as Routing
from tests.alert.rule_world import RuleWorld
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.alert.trying import backtest, rehearsal
from tocsin.alert.trying.backtest import Past, Trial
from tocsin.alert.trying.rehearsal import Recorder, Told
from tocsin.alert.trying.sample_memory import SampleMemory
from tocsin.alert.trying.trial_report import Outcome, compared
from tocsin.kit import gauge
from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME, Matcher, MatchOp, from_mapping

RULE = """
groups:
  - name: g
    rules:
      - alert: Hot
        expr: {expr}
        for: {hold}
        keep_firing_for: {keep}
        labels: {{severity: warning}}
        annotations:
          summary: '{{{{ $value }}}} of {{{{ query "max(temp)" | first | value }}}}'
"""
ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 30s, group_interval: 5m,
        repeat_interval: 4h}
receivers: [{name: team}]
inhibit_rules:
  - {source_matchers: [severity=critical], target_matchers: [severity=warning]}
"""
Samples = dict[tuple[tuple[str, str], ...], list[tuple[int, str]]]


def rule(expr: str = "temp > 80", hold: str = "2m", keep: str = "0s") -> str:
    return RULE.format(expr=expr, hold=hold, keep=keep)


@pytest.fixture
def world(tmp_path: Path) -> RuleWorld:
    return RuleWorld(tmp_path)


async def kept(memory: SampleMemory, prefix: str) -> Samples:
    """Every sample of the series whose names begin so, bit for bit."""
    matcher = Matcher(NAME, MatchOp.REGEX, f"{prefix}.*")
    data = await memory.select([matcher], 0, 2**62, limit_samples=10**7)
    return {
        labels: [
            (int(data.ts[at]), float(data.values[at]).hex())
            for at in range(int(data.offsets[row]), int(data.offsets[row + 1]))
        ]
        for row, labels in enumerate(data.labels)
    }


def wobbling(seed: int, minutes: int) -> list[float]:
    """A temperature that wanders about 78 and is missing now and then."""
    chance = random.Random(seed)
    heat, values = 0.0, []
    for _ in range(minutes):
        heat = 0.8 * heat + chance.gauss(0, 3)
        values.append(math.nan if chance.random() < 0.03 else 78 + heat)
    return values


async def lived(
    world: RuleWorld, group: RuleGroup, minutes: int, routing: Routing | None = None
) -> None:
    """The group runs live, each round at its moment, over samples that come just before it."""
    from tocsin.alert.rules.group_run import GroupRun

    around = replace(world.around, alerts=routing.dispatcher if routing else None)
    run = GroupRun(group, around, restore=False)
    every = group.interval_ms
    first = run.slot_ms(world.now_ms) + every
    lines = {"a": wobbling(1, minutes), "b": wobbling(2, minutes)}
    for number in range(minutes):
        at_ms = first + number * every
        await world.clock.advance((at_ms - world.now_ms) / 1000)
        for room, line in lines.items():
            if not math.isnan(line[number]):
                world.put("temp", line[number], ago_ms=1000, room=room)
        await run.evaluate(at_ms)


async def tried(
    world: RuleWorld, group: RuleGroup, since_ms: int, **more: object
) -> tuple[Outcome, SampleMemory]:
    written = SampleMemory()
    past = Past(
        world.around.engine,
        world.memory,
        world.around.world,
        results=written,
        intake=written.intake,
        **more,  # type: ignore[arg-type]  # each test names the fields it wants
    )
    trial = Trial("tried", group, since_ms, world.now_ms)
    return await backtest.run(trial, past), written


@pytest.mark.parametrize(
    ("hold", "keep"),
    [
        pytest.param("0s", "0s", id="at once"),
        pytest.param("2m", "0s", id="after two minutes"),
        pytest.param("2m", "3m", id="kept firing for three"),
    ],
)
async def test_what_ran_live_is_replayed_sample_for_sample(
    world: RuleWorld, hold: str, keep: str
) -> None:
    (group,) = world.groups(rule(hold=hold, keep=keep))
    begin = world.now_ms
    await lived(world, group, 600)
    outcome, written = await tried(world, group, begin)
    recorded = await kept(world.memory, "ALERTS")
    assert len(recorded) >= 4
    assert await kept(written, "ALERTS") == recorded
    assert outcome.firing_count > 3
    assert outcome.rounds == 600


async def test_the_rule_is_asked_in_pieces_of_any_size_with_the_same_answer(
    world: RuleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (group,) = world.groups(rule())
    begin = world.now_ms
    await lived(world, group, 300)
    whole, _ = await tried(world, group, begin)
    monkeypatch.setattr("tocsin.alert.trying.replay_engine._FIRST_STEPS", 16)
    monkeypatch.setattr("tocsin.alert.trying.replay_engine._CELLS", 40)
    pieces, _ = await tried(world, group, begin)
    assert pieces == whole


async def test_what_depends_on_the_end_of_a_query_is_asked_step_by_step(world: RuleWorld) -> None:
    (group,) = world.groups(rule("temp > 80 and temp @ end() > 80"))
    begin = world.now_ms
    await lived(world, group, 120)
    _, written = await tried(world, group, begin)
    assert await kept(written, "ALERTS") == await kept(world.memory, "ALERTS")


async def test_a_round_that_failed_fails_again_and_the_others_are_as_they_were(
    world: RuleWorld,
) -> None:
    (group,) = world.groups(rule("(temp > 80) * on() group_left() mode"))
    begin = world.now_ms
    for minute, doubled in ((60, True), (80, False)):
        at = world.now_ms + minute * 60_000
        for side in "ab" if doubled else "a":
            world.memory.put(from_mapping({NAME: "mode", "side": side}), {at: 1.0})
    await lived(world, group, 120)
    outcome, written = await tried(world, group, begin)
    assert 0 < outcome.failed_rounds < 60
    assert "many-to-many" in outcome.error
    assert await kept(written, "ALERTS") == await kept(world.memory, "ALERTS")


async def test_who_was_told_live_is_told_again(world: RuleWorld) -> None:
    (group,) = world.groups(rule())
    routing = Routing(world.clock, ROUTES)
    await routing.start()
    task = asyncio.create_task(routing.dispatcher.run())
    begin = world.now_ms
    await lived(world, group, 600, routing)
    task.cancel()
    live = [
        (notice.at_ms / 1000, len(notice.firing))
        for _, notice in routing.recorders["team"].taken
        if notice.firing
    ]
    outcome, _ = await tried(world, group, begin, **routes(routing))
    assert outcome.is_routed
    assert [(page.at, page.firing) for page in outcome.pages] == live
    assert outcome.by_receiver == {"team": len(live)}
    assert outcome.page_count == len(live) > 3


def routes(routing: Routing) -> dict[str, object]:
    way = Integration("team", "slack", 0, Recorder("slack[0]", Told()), sends_resolved=True)
    return {"plan": routing.plan, "integrations": {"team": (way,)}}


async def test_a_silence_of_that_time_and_a_worse_alert_hold_pages_back(world: RuleWorld) -> None:
    (group,) = world.groups(rule("temp > 0", hold="0s"))
    begin = world.now_ms
    routing = Routing(world.clock, ROUTES)
    worse = from_mapping(
        {NAME: "ALERTS", "alertname": "Fire", "alertstate": "firing", "severity": "critical"}
    )
    world.memory.put(worse, {begin + minute * 60_000: 1.0 for minute in range(60)})
    await lived(world, group, 180)
    alone, _ = await tried(world, group, begin, **routes(routing))
    assert alone.pages[0].at * 1000 > begin + 60 * 60_000
    silence = Silence(
        id="s",
        matchers=(SilenceMatcher(name="alertname", op="=", value="Hot"),),
        starts_ms=begin,
        ends_ms=begin + 120 * 60_000,
        created_by="me",
        comment="work",
    )
    silenced, _ = await tried(world, group, begin, silences=(silence,), **routes(routing))
    assert silenced.pages[0].at * 1000 > begin + 120 * 60_000
    assert silenced.firings == alone.firings


async def test_an_edited_rule_is_compared_page_by_page(world: RuleWorld) -> None:
    (group,) = world.groups(rule(hold="0s"))
    (calmer,) = world.groups(rule(hold="4m"))
    begin = world.now_ms
    routing = Routing(world.clock, ROUTES)
    await lived(world, group, 600)
    before, _ = await tried(world, group, begin, **routes(routing))
    after, _ = await tried(world, calmer, begin, **routes(routing))
    found = compared(before, after)
    assert after.page_count < before.page_count
    # The group's moments depend on the path of its file, so that the first comes sooner or later.
    hours = (before.until - before.since) / 3600
    assert found.sentence == (
        f"tried: {before.page_count} pages in {hours:.3g} hours; tried: {after.page_count}"
    )
    assert len(found.removed_pages) >= before.page_count - after.page_count
    assert not found.added_firings
    assert found.delay_mean == found.delay_longest == 240.0


async def test_what_already_fired_before_the_time_is_told_apart(world: RuleWorld) -> None:
    (group,) = world.groups(rule("temp > 0", hold="1m"))
    await lived(world, group, 120)
    outcome, _ = await tried(world, group, world.now_ms - 30 * 60_000)
    assert {one.is_older for one in outcome.firings} == {True}
    assert outcome.longest == 1800.0


async def test_trying_counts_nothing_among_our_own_metrics(world: RuleWorld) -> None:
    (group,) = world.groups(rule())
    begin = world.now_ms
    await lived(world, group, 60)

    def counted() -> dict[str, float]:
        return {
            f"{sample.name}{sample.labels}": sample.value
            for metric in gauge.REGISTRY.collect()
            for sample in metric.samples
            if sample.name.startswith(("tocsin_rule", "tocsin_alert", "tocsin_notif"))
            and not sample.name.endswith("_created")
        }

    before = counted()
    await tried(world, group, begin, **routes(Routing(world.clock, ROUTES)))
    assert {name: value for name, value in counted().items() if value} == {
        name: value for name, value in before.items() if value
    }


async def test_a_trial_that_tells_more_than_memory_holds_is_refused_with_its_remedy(
    world: RuleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "MOST_TOLD", 3)
    (group,) = world.groups(rule(hold="0s"))
    begin = world.now_ms
    await lived(world, group, 600)
    with pytest.raises(Rejected, match="choose a shorter time"):
        await tried(world, group, begin, **routes(Routing(world.clock, ROUTES)))


async def test_progress_is_told_and_may_end_the_trial(world: RuleWorld) -> None:
    (group,) = world.groups(rule())
    begin = world.now_ms
    await lived(world, group, 60)
    seen: list[float] = []

    async def enough(share: float) -> None:
        seen.append(share)
        raise asyncio.CancelledError

    past = Past(world.around.engine, world.memory)
    with pytest.raises(asyncio.CancelledError):
        await backtest.run(Trial("t", group, begin, world.now_ms), past, enough)
    assert len(seen) == 1
    assert 0 < seen[0] <= 1


@pytest.mark.parametrize(
    ("text", "hours", "words"),
    [
        pytest.param("groups: [{name: g, rules: [{record: r, expr: x}]}]", 1, "recording rule",
                     id="a recording rule"),
        pytest.param("groups: [{name: g, rules: [{alert: r, expr: x}]}]", 0, "shorter",
                     id="no time at all"),
        pytest.param("groups: [{name: g, interval: 1s, rules: [{alert: r, expr: x}]}]", 1000,
                     "more than 2,000,000", id="too many rounds"),
    ],
)  # fmt: skip
async def test_what_cannot_be_tried_is_refused(
    world: RuleWorld, text: str, hours: int, words: str
) -> None:
    (group,) = world.groups(text)
    with pytest.raises(Rejected, match=words):
        await backtest.run(
            Trial("t", group, world.now_ms - hours * 3_600_000, world.now_ms),
            Past(world.around.engine, world.memory),
        )
