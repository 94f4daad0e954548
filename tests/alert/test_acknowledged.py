from __future__ import annotations

import pytest

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tocsin.alert.deciding.decision import Outcome
from tocsin.alert.deciding.holding import Acked, Stage
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping

ROUTING = """
route: {receiver: team, group_by: [service], group_wait: 10s, group_interval: 1m,
        repeat_interval: 10m}
receivers: [{name: team}]
"""


def _names(world: Deciding) -> list[list[str]]:
    return [names for _, _, names in world.team.told]


async def test_acknowledging_all_of_a_group_stops_its_repeats_until_it_is_taken_back(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        name = await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        world.acks.known[name] = Acked(by="ada", at_ms=clock.now_ms())
        await clock.advance(3600)
        assert len(_names(world)) == 1
        last = world.receipts.of("Down")[-1].decision
        assert last.summary == "team is not told again: acknowledged by ada"
        del world.acks.known[name]
        await clock.advance(120)
        assert len(_names(world)) == 2


async def test_what_is_new_in_an_acknowledged_group_is_told_and_repeats_go_on(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        name = await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        world.acks.known[name] = Acked(by="ada", at_ms=clock.now_ms())
        await world.tell(alertname="Slow", service="a")
        await clock.advance(120)
        assert _names(world) == [["+Down"], ["+Down", "+Slow"]]
        await clock.advance(700)
        assert len(_names(world)) == 3


async def test_the_end_of_what_is_acknowledged_is_told_and_the_next_time_is_news(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        name = await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        world.acks.known[name] = Acked(by="ada", at_ms=clock.now_ms())
        await world.tell(alertname="Down", service="a", ends=True)
        await clock.advance(120)
        assert _names(world) == [["+Down"], ["-Down"]]
        assert not world.acks.known
        await world.tell(alertname="Down", service="a")
        await clock.advance(1300)
        assert _names(world)[2:] == [["+Down"]] * 2


async def test_who_was_told_of_it_is_told_of_its_end_under_a_silence(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        await world.tell(alertname="Down", service="a")
        await world.tell(alertname="Slow", service="a")
        await clock.advance(60)
        await world.silence("service", "a", 36_000)
        await world.tell(alertname="New", service="a")
        await clock.advance(120)
        await world.tell(alertname="Down", service="a", ends=True)
        await world.tell(alertname="New", service="a", ends=True)
        await clock.advance(120)
        await world.tell(alertname="Slow", service="a", ends=True)
        await clock.advance(120)
        assert _names(world) == [["+Down", "+Slow"], ["-Down"], ["-Slow"]]
        outcomes = [one.decision.outcome for one in world.receipts.of("New")]
        assert outcomes == [Outcome.HELD, Outcome.HELD]
        world.receipts.check()


async def test_an_end_under_a_silence_is_not_told_when_the_configuration_says_so(
    clock: FakeClock,
) -> None:
    world = Deciding(clock, ROUTING, "tell_resolved_under_silence: false")
    async with running(world):
        await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        await world.silence("service", "a", 36_000)
        await world.tell(alertname="Down", service="a", ends=True)
        await clock.advance(600)
        assert _names(world) == [["+Down"]]


async def test_an_end_under_a_silence_that_could_not_be_told_is_told_later(
    clock: FakeClock,
) -> None:
    world = Deciding(clock, ROUTING)
    async with running(world):
        await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        await world.silence("service", "a", 36_000)
        world.team.is_broken = lambda: Temporary("away")
        await world.tell(alertname="Down", service="a", ends=True)
        await clock.advance(100)
    world.team.is_broken = lambda: None
    async with running(world):
        await clock.advance(200)
    assert _names(world) == [["+Down"], ["-Down"]]


async def test_maintenance_holds_back_and_what_outlasts_it_is_told(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        world.windows.services = {"a"}
        await world.tell(alertname="Down", service="a")
        await clock.advance(60)
        assert _names(world) == []
        [receipt] = world.receipts.of("Down")
        assert receipt.decision.summary == "maintenance is going on: work on a"
        world.windows.services.clear()
        await clock.advance(60)
        assert _names(world) == [["+Down"]]


async def test_the_receipt_of_a_failed_delivery_says_so_and_then_that_it_arrived(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        world.team.is_broken = lambda: Temporary("the line is busy")
        await world.tell(alertname="Down", service="a")
        await clock.advance(80)
        [failed] = world.receipts.of("Down")
        step = failed.decision.steps[-1]
        assert (step.stage, step.verdict, step.detail) == (
            Stage.DELIVERY, "failed", "the line is busy",
        )  # fmt: skip
        world.team.is_broken = lambda: None
        await clock.advance(120)
        [arrived] = world.receipts.of("Down")
        assert arrived.decision.steps[-1].verdict == "told"
        assert arrived.id == failed.id
        assert arrived.decision.summary == "told: team by test[0]"


@pytest.mark.parametrize("is_known", [True, False], ids=["a known alert", "one that is not there"])
async def test_what_would_become_of_an_alert_now(clock: FakeClock, *, is_known: bool) -> None:
    async with running(Deciding(clock, ROUTING)) as world:
        if is_known:
            await world.tell(alertname="Down", service="a")
        alert = Alert(
            labels=from_mapping({"alertname": "Down", "service": "a"}), starts_ms=clock.now_ms()
        )
        [decision] = world.dispatcher.explain(alert)
        assert decision.outcome is Outcome.WAITS
        assert decision.summary == "team is told by test[0] when the group is looked at next"
        assert not world.team.taken
        assert not world.receipts.rows
        [stage] = [one for one in decision.steps if one.stage is Stage.GROUP]
        assert stage.until_ms == clock.now_ms() + 10_000


async def test_without_routes_every_alert_has_a_receipt_that_says_so(clock: FakeClock) -> None:
    world = Deciding(clock, ROUTING)
    await world.start()
    world.dispatcher.configure(None, {}, world.config)
    await world.tell(alertname="Down", service="a")
    await world.tell(alertname="Down", service="a")
    [receipt] = world.receipts.of("Down")
    assert receipt.decision.outcome is Outcome.NOBODY
    world.dispatcher.receipts.close()
    [receipt] = world.receipts.of("Down")
    assert receipt.count == 2
