from __future__ import annotations

import pytest

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tocsin.alert.deciding.decision import Outcome
from tocsin.alert.deciding.dependency import Dependencies, Dependency, root_cause
from tocsin.alert.deciding.holding import Stage
from tocsin.alert.routing.matchers import parse_matchers
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping, get

ROUTING = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m,
        repeat_interval: 4h}
receivers: [{name: team}]
"""
CHAIN = """
dependencies:
  - {when: ['alertname="Db"'], suppress: ['alertname="Api"'], equal: [cluster], name: database}
  - {when: ['alertname="Api"'], suppress: ['alertname="Web"'], equal: [cluster]}
"""


def _rule(when: str, suppress: str) -> Dependency:
    return Dependency(
        parse_matchers(f'alertname="{when}"'), parse_matchers(f'alertname="{suppress}"')
    )


def _alert(name: str, starts_ms: int = 1000) -> Alert:
    return Alert(labels=from_mapping({"alertname": name}), starts_ms=starts_ms)


@pytest.mark.parametrize(
    ("pairs", "firing", "name", "root"),
    [
        pytest.param("Db>Api", "Db", "Api", "Db", id="what follows has its cause"),
        pytest.param("Db>Api", "Db", "Db", "", id="a cause has none"),
        pytest.param("Db>Api", "", "Api", "", id="a cause that does not fire is none"),
        pytest.param("Db>Api Api>Web", "Db Api", "Web", "Db", id="the root is shown"),
        pytest.param("Db>Api Api>Web", "Api", "Web", "Api", id="the root that fires"),
        pytest.param("Db>Api Api>Web", "Db", "Web", "", id="nothing in between fires"),
        pytest.param("A>B B>A", "A B", "B", "A", id="in a circle the oldest is the root"),
        pytest.param("A>B B>A", "A B", "A", "", id="which is told"),
        pytest.param("A>B B>C C>B", "A B C", "C", "A", id="a circle below a root"),
        pytest.param("A>A", "A", "A", "", id="nothing follows from itself"),
    ],
)
def test_the_root_cause(pairs: str, firing: str, name: str, root: str) -> None:
    rules = [_rule(*pair.split(">")) for pair in pairs.split()]
    known = Dependencies(rules)
    alerts = {one: _alert(one, ord(one[0])) for one in (*firing.split(), name)}
    for one in firing.split():
        known.saw(alerts[one])
    causes = known.causes_of(alerts[name].labels, 2000)
    found = root_cause(rules, alerts[name], causes, 2000)
    assert (get(found.cause.labels, "alertname") if found else "") == root


async def test_if_the_database_is_down_nobody_is_told_that_the_api_is(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING, CHAIN)) as world:
        await world.tell(alertname="Db", cluster="eu")
        await world.tell(alertname="Api", cluster="eu")
        await world.tell(alertname="Web", cluster="eu")
        await world.tell(alertname="Api", cluster="us")
        await clock.advance(20)
        told = [names for _, _, names in world.team.told]
        assert sorted(told) == [["+Api"], ["+Db"]]
        [web] = world.receipts.of("Web")
        assert web.decision.outcome is Outcome.HELD
        [hold] = web.decision.holds
        assert hold.stage is Stage.DEPENDENCY
        assert hold.words == "follows from Db by way of Api, which fires: " + (
            '{alertname="Web"} follows from {alertname="Api"}'
        )
        assert len(hold.by) == 2


async def test_what_follows_is_shown_as_held_back_by_its_root(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING, CHAIN)) as world:
        for name in ("Db", "Api", "Web"):
            await world.tell(alertname=name, cluster="eu")
        states = {get(one.alert.labels, "alertname"): one for one in world.dispatcher.states()}
    root = (states["Db"].alert.fingerprint,)
    held = {"Db": (), "Api": root, "Web": root}
    assert {name: one.inhibited_by for name, one in states.items()} == held
    assert {name: one.follows_from for name, one in states.items()} == held


async def test_what_outlasts_its_cause_is_told(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING, CHAIN)) as world:
        await world.tell(alertname="Db", cluster="eu")
        await world.tell(alertname="Api", cluster="eu")
        await clock.advance(20)
        await world.tell(alertname="Db", cluster="eu", ends=True)
        await clock.advance(120)
        told = [names for _, _, names in world.team.told]
        assert told[0] == ["+Db"]
        assert sorted(told[1:]) == [["+Api"], ["-Db"]]


async def test_who_heard_of_it_before_its_cause_hears_of_its_end(clock: FakeClock) -> None:
    async with running(Deciding(clock, ROUTING, CHAIN)) as world:
        await world.tell(alertname="Api", cluster="eu")
        await clock.advance(20)
        await world.tell(alertname="Db", cluster="eu")
        await clock.advance(120)
        await world.tell(alertname="Api", cluster="eu", ends=True)
        await clock.advance(120)
        assert [names for _, _, names in world.team.told] == [["+Api"], ["+Db"], ["-Api"]]
