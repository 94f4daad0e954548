"""A fire drill on virtual time: every link is timed, and nothing is left of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.alert.memory import World
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.delivering.history import SENT, Attempt, Record, Wanted
from tocsin.alert.rules.manager import RuleManager
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.trying.drill import METRIC, Drill, DrillGround, DrillRequest, Link, labels_for
from tocsin.alert.trying.sample_memory import SampleMemory
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.model.samples import is_stale
from tocsin.query.promql.engine import Engine

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  routes:
    - {receiver: db, matchers: [team=db, severity=critical]}
    - {receiver: odd, matchers: ['team=~"o.*"']}
receivers: [{name: team}, {name: db}, {name: odd}]
"""


class Place:
    """Rules, routes and receivers that a drill is held on."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.memory = SampleMemory()
        self.routing = World(clock, ROUTES)
        self.rules: RuleManager

    async def open(self) -> None:
        await self.routing.start()
        memory = self.memory
        self.rules = RuleManager(
            Surroundings(
                self.clock, Engine(memory, self.clock), memory, memory.intake, memory,
                self.routing.dispatcher,
            )
        )  # fmt: skip
        self.dispatching = asyncio.create_task(self.routing.dispatcher.run())

    async def close(self) -> None:
        self.dispatching.cancel()
        await asyncio.wait([self.dispatching])
        await self.rules.stop()

    async def find(self, wanted: Wanted) -> list[Record]:
        """What the receivers took, as the history has it."""
        return [
            Record(
                id=number * 10 + place,
                at_ms=notice.at_ms,
                receiver=name,
                integration="test[0]",
                state=SENT,
                group_key=notice.group_key,
                notice=notice,
                alert_count=len(notice.alerts),
                attempts=(Attempt(at_ms=notice.at_ms, took_ms=5, answer="200"),),
                attempt_count=1,
            )
            for place, (name, recorder) in enumerate(self.routing.recorders.items())
            for number, (_, notice) in enumerate(recorder.taken)
            if any(alert.fingerprint == wanted.fingerprint for alert in notice.alerts)
        ]

    def drill(self, **asked: object) -> Drill:
        ground = DrillGround(self.clock, self.rules, self.routing.dispatcher, self.find)
        return Drill(ground, DrillRequest(**asked), "cafe")  # type: ignore[arg-type]  # by test

    async def hold(self, drill: Drill, *, seconds: float = 600) -> list[Link]:
        """The links until the drill ends, or until it is broken off after so long."""
        links: list[Link] = []

        async def collect() -> None:
            async with aclosing(drill.run()) as found:
                async for link in found:
                    links.append(link)  # noqa: PERF401 - those before a break are kept

        task = asyncio.create_task(collect())
        for _ in range(round(seconds * 2)):
            await self.clock.advance(0.5)
            if task.done():
                task.result()
                return links
        task.cancel()
        await asyncio.wait([task])
        return links

    async def ended(self) -> bool:
        """Whether the series has ended and the rule is gone."""
        matcher = Matcher(NAME, MatchOp.EQUAL, METRIC)
        data = await self.memory.select([matcher], 0, 2**62, limit_samples=1000)
        return bool(is_stale(data.values)[-1]) and not self.rules.groups


async def test_every_link_is_timed_and_nothing_is_left(clock: FakeClock) -> None:
    place = Place(clock)
    await place.open()
    links = await place.hold(place.drill(receiver="db"))
    assert [link.name for link in links] == [
        "breach", "sample accepted", "rule evaluated", "alert fired", "routed", "delivered",
        "cleaned up",
    ]  # fmt: skip
    assert {link.state for link in links} == {"ok"}
    at = {link.name: link.after for link in links}
    assert 0 <= at["rule evaluated"] <= at["alert fired"] <= 5.5
    assert 30 <= at["delivered"] - at["alert fired"] <= 31
    (notice,) = [notice for _, notice in place.routing.recorders["db"].taken]
    (alert,) = notice.alerts
    assert dict(alert.labels)["alertname"] == "DRILL"
    assert all("DRILL" in text for _, text in alert.annotations)
    assert await place.ended()
    await clock.advance(400)
    assert [told[1] for told in place.routing.recorders["db"].told] == ["firing", "resolved"]
    await place.close()


async def test_a_drill_that_is_broken_off_cleans_up(clock: FakeClock) -> None:
    place = Place(clock)
    await place.open()
    links = await place.hold(place.drill(), seconds=15)
    assert links[-1].name == "routed"
    assert await place.ended()
    await clock.advance(60)
    assert place.routing.dispatcher.states() == []
    await place.close()


async def test_a_silence_and_a_receiver_that_refuses_are_links_that_break(
    clock: FakeClock,
) -> None:
    place = Place(clock)
    await place.open()
    silence = Silence(
        matchers=(SilenceMatcher(name="alertname", op="=", value="DRILL"),),
        starts_ms=clock.now_ms(),
        ends_ms=clock.now_ms() + 3_600_000,
        created_by="me",
        comment="quiet",
    )
    kept = await place.routing.dispatcher.silences.set(silence)
    links = await place.hold(place.drill(patience=5.0))
    broken = [link for link in links if link.state == "failed"]
    assert [link.name for link in broken] == ["held back", "not delivered"]
    await place.routing.dispatcher.silences.expire(kept.id)
    place.routing.recorders["team"].faults = [Permanent("no such hook")] * 9
    links = await place.hold(place.drill(patience=5.0))
    assert [link.name for link in links if link.state == "failed"] == ["not delivered"]
    await place.close()


async def test_two_drills_at_once_and_wrong_times_are_refused(clock: FakeClock) -> None:
    place = Place(clock)
    await place.open()
    with pytest.raises(Rejected, match="interval"):
        await place.hold(place.drill(interval=0.0))
    first = asyncio.create_task(place.hold(place.drill()))
    await clock.advance(2)
    with pytest.raises(Rejected, match="already"):
        await anext(place.drill().run())
    await first
    assert await place.ended()
    await place.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(DrillRequest(), {}, id="as asked"),
        pytest.param(
            DrillRequest(receiver="db"), {"team": "db", "severity": "critical"}, id="of the route"
        ),
        pytest.param(
            DrillRequest(receiver="odd", labels={"team": "ops"}), {"team": "ops"}, id="helped"
        ),
    ],
)
def test_labels_that_lead_to_a_receiver(
    clock: FakeClock, asked: DrillRequest, found: dict[str, str]
) -> None:
    assert labels_for(asked, World(clock, ROUTES).plan.root) == found


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(DrillRequest(receiver="odd"), "no labels", id="a pattern is not guessed"),
        pytest.param(
            DrillRequest(receiver="who"), "'who'; routes lead to team, db, odd$", id="unknown"
        ),
        pytest.param(DrillRequest(labels={"drill": "x"}), "of its own", id="a label of its own"),
    ],
)
def test_labels_that_lead_nowhere_are_refused(
    clock: FakeClock, asked: DrillRequest, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        labels_for(asked, World(clock, ROUTES).plan.root)
