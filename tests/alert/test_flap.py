from __future__ import annotations

import pytest

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tocsin.alert.deciding.decision import Outcome
from tocsin.alert.deciding.flap import FlapRule, FlapState, is_flapping, seen
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping

RULE = FlapRule(changes=4, within_ms=600_000, quiet_ms=300_000)
ROUTING = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m,
        repeat_interval: 1h}
receivers: [{name: team}]
"""
ALERTING = "flapping: {enabled: true, changes: 4, within: 10m, quiet: 5m}"


def _after(*moments: tuple[int, bool]) -> FlapState:
    """The state after tellings at these seconds, each of an alert that fires or is over."""
    state = FlapState(fingerprint="a")
    for second, fires in moments:
        at_ms = 1000 * second
        ends_ms = at_ms + 10_000_000 if fires else at_ms
        alert = Alert(labels=from_mapping({"alertname": "A"}), starts_ms=1, ends_ms=ends_ms)
        state = seen(RULE, state, alert, at_ms)
    return state


@pytest.mark.parametrize(
    ("moments", "asked", "flaps"),
    [
        pytest.param([(1, True), (61, False), (121, True)], 122, False, id="three changes are few"),
        pytest.param(
            [(1, True), (61, False), (121, True), (181, False)], 182, True, id="four are too many"
        ),
        pytest.param(
            [(1, True), (61, False), (121, True), (181, False)], 480, True, id="still not quiet"
        ),
        pytest.param(
            [(1, True), (61, False), (121, True), (181, False)], 481, False, id="quiet for long"
        ),
        pytest.param(
            [(1, True), (201, False), (401, True), (701, False)], 702, False, id="four too slowly"
        ),
        pytest.param(
            [(1, True), (61, True), (121, True), (181, True), (241, True)],
            242,
            False,
            id="telling again is no change",
        ),
        pytest.param(
            [(1, True), (61, False), (121, True), (181, False), (600, True)],
            601,
            False,
            id="one change after a quiet time is none of the old ones",
        ),
    ],
)
def test_an_alert_flaps(moments: list[tuple[int, bool]], asked: int, *, flaps: bool) -> None:
    assert is_flapping(RULE, _after(*moments), 1000 * asked) is flaps


async def test_a_flapping_alert_is_told_once_as_such_and_then_when_it_is_steady(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING, ALERTING)) as world:
        for _ in range(8):
            await world.tell(alertname="Flap")
            await clock.advance(70)
            await world.tell(alertname="Flap", ends=True)
            await clock.advance(70)
        await clock.advance(900)
        told = [
            (status, "flapping" in dict(notice.alerts[0].annotations))
            for (_, status, _), (_, notice) in zip(world.team.told, world.team.taken, strict=True)
        ]
        assert told == [
            ("firing", False),
            ("resolved", False),
            ("firing", False),
            ("firing", True),
            ("resolved", False),
        ]
        outcomes = [one.decision.outcome for one in world.receipts.of("Flap")]
        assert outcomes.count(Outcome.TOLD) == 5
        world.receipts.check()


async def test_what_flapped_and_goes_on_firing_is_told_as_firing_when_it_is_steady(
    clock: FakeClock,
) -> None:
    async with running(Deciding(clock, ROUTING, ALERTING)) as world:
        for _ in range(4):
            await world.tell(alertname="Flap", ends=True)
            await clock.advance(30)
            await world.tell(alertname="Flap")
            await clock.advance(30)
        await clock.advance(900)
        last = world.team.taken[-1][1]
        assert last.status == "firing"
        assert "flapping" not in dict(last.alerts[0].annotations)
        assert "flapping" in dict(world.team.taken[-2][1].alerts[0].annotations)


async def test_flapping_survives_a_restart(clock: FakeClock) -> None:
    world = Deciding(clock, ROUTING, ALERTING)
    async with running(world):
        for _ in range(3):
            await world.tell(alertname="Flap")
            await clock.advance(61)
            await world.tell(alertname="Flap", ends=True)
            await clock.advance(61)
    count = len(world.team.taken)
    async with running(world):
        await world.tell(alertname="Flap")
        await clock.advance(100)
        assert len(world.team.taken) == count, "it was told as flapping already"
