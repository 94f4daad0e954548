"""A policy's escalation as the dispatcher carries it out."""

from __future__ import annotations

from dataclasses import dataclass

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tests.alert.test_severity import policy
from tocsin.alert.deciding.holding import Acked
from tocsin.kit.clock import FakeClock

POLICY = """
severities:
  critical:
    response_time: 5 minutes
    channels: [chat, pager]
    escalation: [boss, {to: pager, after: 7m}]
alerting:
  channels:
    chat: {kind: webhook, url: http://x}
    pager: {kind: webhook, url: http://x}
    boss: {kind: webhook, url: http://x}
"""
NAMES = "receivers: [{name: chat}, {name: pager}, {name: boss}]\nroute: {receiver: chat}"


@dataclass
class Policed(Deciding):
    """The dispatcher with a policy's routes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plan = policy(POLICY)


def told(world: Deciding, receiver: str) -> list[tuple[float, str]]:
    """When the receiver was told, and whether of an alert that fires."""
    return [(at, one.status) for at, one in world.recorders[f"{receiver}/test[0]"].taken]


async def test_what_nobody_acknowledges_is_told_to_the_next(clock: FakeClock) -> None:
    async with running(Policed(clock, NAMES)) as world:
        await world.tell(alertname="Down", severity="critical")
        await clock.advance(600)
        assert told(world, "chat") == [(30.0, "firing")]
        assert told(world, "boss") == [(300.0, "firing")]
        assert told(world, "pager") == [(30.0, "firing"), (420.0, "firing")]
        assert world.receipts.check()


async def test_what_is_acknowledged_in_time_is_not_escalated(clock: FakeClock) -> None:
    async with running(Policed(clock, NAMES)) as world:
        name = await world.tell(alertname="Down", severity="critical")
        await clock.advance(120)
        world.acks.known[name] = Acked(by="ada", at_ms=clock.now_ms())
        await clock.advance(3600)
        assert told(world, "boss") == []
        assert told(world, "pager") == [(30.0, "firing")]
        words = {one.decision.summary for one in world.receipts.of("Down")}
        assert any("not escalated: acknowledged by ada" in one for one in words)
        del world.acks.known[name]
        await clock.advance(301)
        assert [status for _, status in told(world, "boss")] == ["firing"]
        assert world.receipts.check()
