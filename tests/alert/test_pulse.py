from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.alert.memory import World
from tocsin.alert.delivering.heartbeat import Beat, Heartbeat, HeartbeatConfig, address_of, decide
from tocsin.alert.rules.pulse import Evaluated, RuleWatch
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret

ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 10s}
receivers: [{name: team}]
"""
EVERY = 15_000


class Rules:
    """A group of rules whose loop can stop, or become slow."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.evaluated_ms = 0
        self.missed = 0
        self.runs = True
        self.skips = 0

    async def loop(self) -> None:
        rounds = 0
        while True:
            await self._clock.sleep(EVERY / 1000)
            rounds += 1
            if not self.runs:
                continue
            if self.skips and rounds % (self.skips + 1):
                self.missed += 1
                continue
            self.evaluated_ms = self._clock.now_ms()

    def groups(self) -> Sequence[Evaluated]:
        return [Evaluated(("rules.yml", "db"), EVERY, self.evaluated_ms, self.missed)]


class Caller:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.calls: list[tuple[int, str, str, bytes]] = []
        self.faults: list[Exception] = []

    async def call(self, method: str, url: str, body: bytes, timeout: float) -> None:
        self.calls.append((round(self._clock.monotonic()), method, url, body))
        if self.faults:
            raise self.faults.pop(0)

    @property
    def at(self) -> list[int]:
        return [call[0] for call in self.calls]


async def test_an_alarm_is_raised_when_evaluation_stops_and_resolved_when_it_goes_on(
    clock: FakeClock,
) -> None:
    world, rules = World(clock, ROUTES), Rules(clock)
    await world.start()
    watch = RuleWatch(rules.groups, world.dispatcher, clock)
    loops = [rules.loop(), watch.run(), world.dispatcher.run()]
    running = [asyncio.ensure_future(one) for one in loops]
    await clock.advance(600)
    told = world.recorders["team"].told
    assert told == [], "all is well"
    assert watch.trouble == ""
    rules.runs = False
    await clock.advance(85)
    assert told == []
    await clock.advance(30)
    ((_, status, alerts),) = world.recorders["team"].told
    assert (status, alerts) == ("firing", ["+RuleEvaluationStopped"])
    labels = dict(world.recorders["team"].taken[0][1].alerts[0].labels)
    assert labels == {
        "alertname": "RuleEvaluationStopped",
        "severity": "critical",
        "rule_group": "db",
        "rule_file": "rules.yml",
    }
    assert "db were last evaluated" in watch.trouble
    await clock.advance(900)
    assert len(world.recorders["team"].told) == 1, "it goes on and is not told again"
    rules.runs = True
    await clock.advance(60)
    assert [status for _, status, _ in world.recorders["team"].told] == ["firing", "resolved"]
    assert watch.trouble == ""
    for one in running:
        one.cancel()


async def test_a_group_that_leaves_out_rounds_is_behind_until_it_has_caught_up(
    clock: FakeClock,
) -> None:
    world, rules = World(clock, ROUTES), Rules(clock)
    await world.start()
    watch = RuleWatch(rules.groups, world.dispatcher, clock)
    running = [asyncio.ensure_future(one) for one in (rules.loop(), watch.run())]
    await clock.advance(300)
    rules.skips = 1
    await clock.advance(150)
    (state,) = world.dispatcher.states()
    assert dict(state.alert.labels)["alertname"] == "RuleEvaluationBehind"
    assert dict(state.alert.labels)["severity"] == "warning"
    assert watch.trouble == "", "it is still evaluated, so the sign of life goes on"
    rules.skips = 0
    await clock.advance(200)
    assert world.dispatcher.states() == []
    for one in running:
        one.cancel()


async def test_time_that_the_machine_slept_is_held_against_no_group(clock: FakeClock) -> None:
    world, rules = World(clock, ROUTES), Rules(clock)
    await world.start()
    watch = RuleWatch(rules.groups, world.dispatcher, clock)
    running = [asyncio.ensure_future(one) for one in (rules.loop(), watch.run())]
    await clock.advance(300)
    clock.jump(3600)
    await clock.advance(10)
    assert world.dispatcher.states() == []
    for one in running:
        one.cancel()


async def test_a_group_that_is_removed_has_no_trouble_any_more(clock: FakeClock) -> None:
    world = World(clock, ROUTES)
    await world.start()
    groups = [Evaluated(("f", "g"), EVERY, 0, 0)]
    watch = RuleWatch(lambda: groups, world.dispatcher, clock)
    running = asyncio.ensure_future(watch.run())
    await clock.advance(120)
    assert len(world.dispatcher.states()) == 1
    groups.clear()
    await clock.advance(10)
    assert world.dispatcher.states() == []
    running.cancel()


def config(**changed: object) -> HeartbeatConfig:
    url = Secret("https://hc.example/ping/abc?x=1")
    return HeartbeatConfig(**{"url": url, **changed})  # type: ignore[arg-type]  # a table of changes


async def test_signs_of_life_go_out_only_while_rules_are_evaluated(clock: FakeClock) -> None:
    caller, trouble = Caller(clock), [""]
    heartbeat = Heartbeat(caller, lambda: trouble[0], clock)
    heartbeat.configure(config(method="POST"))
    running = asyncio.ensure_future(heartbeat.run())
    await clock.advance(130)
    assert [(at, url) for at, _, url, _ in caller.calls] == [
        (0, "https://hc.example/ping/abc?x=1"),
        (60, "https://hc.example/ping/abc?x=1"),
        (120, "https://hc.example/ping/abc?x=1"),
    ]
    trouble[0] = "rules stand still"
    await clock.advance(60)
    assert caller.calls[-1][2:] == ("https://hc.example/ping/abc/fail?x=1", b"rules stand still")
    heartbeat.configure(config(fail=False))
    await clock.advance(600)
    assert len(caller.calls) == 4, "silence is the sign"
    trouble[0] = ""
    await clock.advance(60)
    assert caller.calls[-1][1:3] == ("GET", "https://hc.example/ping/abc?x=1")
    running.cancel()


async def test_a_sign_that_is_not_taken_is_tried_again_within_its_interval(
    clock: FakeClock,
) -> None:
    caller = Caller(clock)
    heartbeat = Heartbeat(caller, str, clock)
    heartbeat.configure(config())
    caller.faults = [Temporary("busy"), Temporary("busy"), Temporary("busy"), Permanent("gone")]
    running = asyncio.ensure_future(heartbeat.run())
    await clock.advance(130)
    assert caller.at == [0, 5, 10, 60, 120]
    assert heartbeat.last_error == ""
    running.cancel()


@pytest.mark.parametrize(
    ("given", "trouble", "expected"),
    [
        pytest.param(HeartbeatConfig(), "", None, id="nobody to call"),
        pytest.param(config(), "", Beat(), id="all is well"),
        pytest.param(config(), "broken", Beat("broken"), id="something is wrong"),
        pytest.param(config(fail=False), "broken", None, id="silence says it"),
    ],
)
def test_what_is_sent(given: HeartbeatConfig, trouble: str, expected: Beat | None) -> None:
    assert decide(given, trouble) == expected


def test_a_failure_goes_to_the_address_with_fail_behind_its_path() -> None:
    assert address_of("https://h/p/", Beat("x")) == "https://h/p/fail"
    assert address_of("https://h/p", Beat()) == "https://h/p"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"url": Secret("ftp://x")}, id="no HTTP"),
        pytest.param({"interval": Duration(1)}, id="too often"),
        pytest.param({"url_file": "x"}, id="two addresses"),
        pytest.param({"timeout": Duration(90)}, id="longer than the interval"),
    ],
)
def test_a_heartbeat_that_makes_no_sense_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Rejected):
        config(**changed)
