"""Pushed errors fire as they arrive, once, and end by themselves."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.alert.rule_world import Told
from tocsin.alert.rules.immediate import Immediate
from tocsin.alert.rules.immediate_config import ImmediateRule
from tocsin.alert.rules.immediate_series import ImmediateSeries
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.intake import Intake
from tocsin.ingest.limits import CardinalityGuard, LimitsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.quantity import Duration
from tocsin.model.events import Event
from tocsin.model.labels import NAME, from_mapping
from tocsin.model.samples import SampleBatch, batch_of, is_stale
from tocsin.store.series import SeriesRegistry


class Kept:
    """A writer that keeps nothing."""

    async def write(self, batch: SampleBatch) -> None:
        pass

    async def write_rows(self, table: str, columns: object, rows: bytes, count: int) -> None:
        pass


class World:
    """An intake that is watched."""

    def __init__(self, *rules: ImmediateRule) -> None:
        self.clock = FakeClock(1_700_000_000.0)
        self.told = Told()
        registry = SeriesRegistry()
        self.guard = CardinalityGuard(registry, LimitsConfig(), self.clock)
        self.written: list[tuple[str, float]] = []
        self.watch = Immediate(
            self.told,
            self.clock,
            registry.labels,
            lambda: self.guard.epoch,
            ImmediateSeries(self.guard, self),
        )
        self.registry = registry
        self.watch.configure(rules, "http://tocsin")
        self.intake = Intake(Kept(), self.guard, self.clock, IngestConfig())
        self.intake.watched_by(self.watch)

    def submit(self, batch: SampleBatch) -> bool:
        """What goes into ALERTS, by metric and value; nan ends a series."""
        for ref, value in zip(batch.refs.tolist(), batch.values.tolist(), strict=True):
            labels = dict(self.registry.labels(ref))
            assert (labels[NAME], labels["alertstate"]) == ("ALERTS", "firing")
            self.written.append((labels["metric"], value))
        return True

    async def write(self, batch: SampleBatch) -> None:
        self.submit(batch)

    async def push(self, name: str, value: float, **attributes: str) -> None:
        now = self.clock.now_ms()
        event = Event(ts_ms=now, name=name, value=value, service="shop", attributes=attributes)
        await self.intake.accept_pushed("push", [event], "")

    async def sample(self, name: str, value: float, protocol: str = "statsd") -> None:
        ref = self.guard.ref(from_mapping({NAME: name, "host": "a"}))
        await self.intake.accept(protocol, batch_of([ref], [self.clock.now_ms()], [value]))


async def test_what_fires_is_in_the_series_alerts_until_it_is_over() -> None:
    world = World(ImmediateRule(quiet=Duration(60)))
    running = asyncio.create_task(world.watch.run())
    await world.push("function.error.pay", 1.0)
    assert world.written == [("function.error.pay", 1.0)]
    await world.clock.advance(59)
    assert world.written == [("function.error.pay", 1.0)] * 4
    world.written.clear()
    await world.clock.advance(300)
    ((metric, end),) = world.written
    assert metric == "function.error.pay"
    assert is_stale(np.array([end])).all()
    running.cancel()
    await asyncio.wait((running,))


async def test_a_pushed_error_fires_within_its_request() -> None:
    world = World(ImmediateRule(runbook="https://wiki/errors"))
    await world.push("function.error.pay", 1.0, error="timeout", userId="u1")
    (alert,) = world.told.alerts
    assert dict(alert.labels) == {
        "alertname": "PushedError",
        "metric": "function.error.pay",
        "service": "shop",
        "severity": "high",
    }
    assert dict(alert.annotations) == {
        "summary": "function.error.pay is 1",
        "value": "1",
        "description": "error=timeout",
        "runbook_url": "https://wiki/errors",
    }
    assert alert.starts_ms == world.clock.now_ms()
    assert not alert.is_resolved(world.clock.now_ms())
    assert alert.is_resolved(world.clock.now_ms() + 300_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("function.error.pay", 0.0, id="no error"),
        pytest.param("function.success.pay", 1.0, id="no name of an error"),
    ],
)
async def test_what_is_well_fires_nothing(name: str, value: float) -> None:
    world = World(ImmediateRule())
    await world.push(name, value)
    assert world.told.alerts == []


async def test_it_is_told_again_only_while_it_goes_on() -> None:
    world = World(ImmediateRule(quiet=Duration(60)))
    begun = world.clock.now_ms()
    for _ in range(10):
        await world.push("an_error", 1.0)
        await world.clock.advance(10)
    assert [one.updated_ms - begun for one in world.told.alerts] == [0, 30_000, 60_000, 90_000]
    assert {one.starts_ms for one in world.told.alerts} == {begun}
    await world.clock.advance(120)
    await world.push("an_error", 1.0)
    assert world.told.alerts[-1].starts_ms == world.clock.now_ms()


async def test_who_does_not_take_it_is_told_by_the_next_error() -> None:
    world = World(ImmediateRule())
    world.told.busy = True
    await world.push("an_error", 1.0)
    world.told.busy = False
    await world.push("an_error", 1.0)
    assert len(world.told.alerts) == 1


async def test_a_counter_fires_by_what_it_grows_by_and_a_gauge_by_its_value() -> None:
    world = World(ImmediateRule(protocols=("statsd",), above=2.0))
    for value in (100.0, 101.0, 110.0):
        await world.sample("errors_total", value)
    assert [dict(one.annotations)["value"] for one in world.told.alerts] == ["9"]
    await world.sample("errors_now", 2.0)
    await world.sample("errors_now", 3.0)
    assert len(world.told.alerts) == 2
    await world.sample("errors_now", 3.0, "remote_write")
    assert len(world.told.alerts) == 2


async def test_without_rules_nothing_is_looked_at() -> None:
    world = World()
    assert world.watch.protocols == frozenset()
    await world.push("an_error", 1.0)
    assert world.told.alerts == []


async def test_a_flood_of_different_errors_is_bounded() -> None:
    world = World(ImmediateRule())
    now = world.clock.now_ms()
    events = [Event(ts_ms=now, name=f"error_{number}") for number in range(1500)]
    await world.intake.accept_pushed("push", events, "")
    assert len(world.told.alerts) == 1000
