"""What was over while Tocsin was away is told after the start, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.alert.memory import World as Routing
from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.template import World
from tocsin.model.labels import from_mapping
from tocsin.model.samples import STALE

ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 10s}
receivers: [{name: team}]
"""
RULE = (
    "groups: [{{name: g, interval: 15s, rules: [{{alert: {name}, expr: '{expr}', for: {hold},"
    " labels: {{severity: high}}}}]}}]"
)


def rule(expr: str = "x > 1", *, hold: str = "0s", name: str = "A") -> str:
    return RULE.format(expr=expr, hold=hold, name=name)


class Life:
    """Rules and routes over the same keepers, from one process to the next."""

    def __init__(self, folder: Path) -> None:
        self.world = RuleWorld(folder)
        self.routing = Routing(self.world.clock, ROUTES)
        self.values: Callable[[], None] = lambda: None

    @property
    def told(self) -> list[list[str]]:
        return [names for _, _, names in self.routing.recorders["team"].told]

    @asynccontextmanager
    async def process(self, rules: str) -> AsyncIterator[None]:
        """A process that ends without a word, as by kill -9."""
        await self.routing.start()
        dispatcher = self.routing.dispatcher
        manager = RuleManager(replace(self.world.around, alerts=dispatcher), dispatcher)
        running = asyncio.create_task(dispatcher.run())
        external = World(from_mapping({"region": "eu"}), "http://tocsin")
        await manager.apply(self.world.groups(rules), external)
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            await manager.stop()

    async def passes(self, seconds: int) -> None:
        for _ in range(seconds // 15):
            self.values()
            await self.world.clock.advance(15)

    def gives(self, value: float, *, instance: str) -> None:
        self.values = lambda: self.world.put("x", value, instance=instance)

    async def fired(self, before: str) -> None:
        self.gives(3.0, instance="i")
        async with self.process(before):
            await self.passes(180)
        assert self.told == [["+i"]]


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


@pytest.mark.parametrize("hold", ["0s", "1m"])
async def test_what_ended_while_away_is_told_after_two_rounds(life: Life, hold: str) -> None:
    await life.fired(rule(hold=hold))
    life.gives(0.0, instance="i")
    await life.world.clock.advance(20)
    async with life.process(rule(hold=hold)):
        await life.passes(60)
        assert life.told == [["+i"], ["-i"]]
        assert life.routing.dispatcher.alerts() == []
        await life.passes(600)
    assert life.told == [["+i"], ["-i"]]


@pytest.mark.parametrize("hold", ["0s", "1m"])
async def test_what_goes_on_is_not_told_again(life: Life, hold: str) -> None:
    await life.fired(rule(hold=hold))
    await life.world.clock.advance(20)
    async with life.process(rule(hold=hold)):
        await life.passes(600)
        assert life.told == [["+i"]]
        life.gives(0.0, instance="i")
        await life.passes(60)
    assert life.told == [["+i"], ["-i"]]


async def test_what_ends_before_it_has_held_long_enough_again_is_told_too(life: Life) -> None:
    await life.fired(rule(hold="1m"))
    await life.world.clock.advance(20)
    async with life.process(rule(hold="1m")):
        await life.passes(45)
        life.gives(0.0, instance="i")
        await life.passes(45)
        assert life.told == [["+i"], ["-i"]]


async def test_what_fails_to_be_evaluated_is_left_until_it_can_be(life: Life) -> None:
    await life.fired(rule())

    def twice() -> None:
        for name, instance in (("x", "i"), ("z", "a"), ("z", "b")):
            life.world.put(name, 0.0, instance=instance)

    life.values = twice
    async with life.process(rule("x * on() z > 1")):
        await life.passes(90)
        assert life.told == [["+i"]]


async def test_an_alert_whose_series_is_missing_is_left(life: Life) -> None:
    await life.fired(rule())
    life.gives(0.0, instance="other")
    life.world.put("x", STALE, instance="i")
    async with life.process(rule()):
        await life.passes(90)
        assert life.told == [["+i"]]
        await life.passes(300)
        assert life.told == [["+i"], ["-i"]], "it expires as it would have"


async def test_the_alert_of_a_rule_that_is_gone_ends_at_the_start(life: Life) -> None:
    await life.fired(rule())
    async with life.process(rule(name="Other", expr="x > 9")):
        await life.world.clock.advance(11)
        assert life.told == [["+i"], ["-i"]]


async def test_alerts_from_outside_are_left_alone(life: Life) -> None:
    await life.routing.start()
    await life.routing.tell(alertname="A", instance="o", severity="high", timeout=3600)
    life.gives(0.0, instance="i")
    async with life.process(rule()):
        await life.passes(120)
    assert life.told == [["+o"]]
