"""On-call as it is wired: counted, kept, read from other nodes, and told at changes of shift."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy

from tests.oncall.world import CONFIG, NOW, at
from tests.state.fresh import state_file
from tocsin.app.config import load_config
from tocsin.app.errands import ErrandRunner
from tocsin.app.oncall import OnCall, on_call_plan
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.kit.gauge import REGISTRY
from tocsin.oncall.handover import Situation
from tocsin.oncall.mistakes import OnCallError
from tocsin.oncall.override import Override
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.roster import NO_ROSTER
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable


class Calm:
    async def situation(self, from_ms: int, to_ms: int) -> Situation:
        return Situation()


class Node:
    """One process over a database that others share."""

    def __init__(self, database: Database, clock: FakeClock, name: str, folder: Path) -> None:
        self.runner = ErrandRunner(ErrandTable(database), clock, node=name)
        self.oncall = OnCall(database, self.runner, Calm(), clock)
        self.told: list[str] = []
        self.oncall.tell_by(self._bring)
        self._folder = folder

    async def _bring(self, person: str, message: Message) -> str:
        self.told.append(f"{person}: {message.title}")
        return "email"

    async def start(self, text: str = CONFIG) -> None:
        await self.oncall.load()
        await self.apply(text)
        await self.runner.put(self.oncall.hand_overs.next_plan())

    async def apply(self, text: str) -> None:
        inside = "\n".join(f"  {line}" for line in text.splitlines())
        (self._folder / "tocsin.yaml").write_text(f"oncall:\n{inside}\n")
        loaded = load_config(self._folder / "tocsin.yaml", environment={})
        await self.oncall.apply(loaded, "https://tocsin.example")


def wanted(person: str, starts: str, ends: str) -> Override:
    return Override(
        schedule="primary", person=person, starts_ms=at(starts), ends_ms=at(ends), made_by="ana"
    )


def by(author: str, person: str, starts: str, ends: str) -> Override:
    return msgspec.structs.replace(wanted(person, starts, ends), made_by=author)


def counted(person: str) -> float | None:
    return REGISTRY.get_sample_value("tocsin_oncall", {"schedule": "primary", "person": person})


def uncovered(schedule: str = "primary") -> float | None:
    return REGISTRY.get_sample_value("tocsin_oncall_uncovered", {"schedule": schedule})


@pytest.fixture
def now() -> FakeClock:
    return FakeClock(at(NOW) / 1000)


@pytest.fixture
async def nodes(tmp_path: Path, now: FakeClock) -> AsyncIterator[list[Node]]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    found = [Node(database, now, name, tmp_path) for name in ("one", "two")]
    yield found
    for node in found:
        node.oncall.rota.configure(NO_ROSTER)
        node.oncall.count()
    await database.close()


async def test_who_is_on_call_is_a_metric_that_follows_overrides(
    nodes: list[Node], now: FakeClock
) -> None:
    oncall = nodes[0].oncall
    await nodes[0].start()
    oncall.count()
    assert (counted("ana"), counted("cai"), uncovered()) == (1.0, None, 0.0)

    await oncall.rota.take(wanted("cai", NOW, "2026-10-20 13:00"))
    oncall.count()
    assert (counted("ana"), counted("cai")) == (None, 1.0)
    now.jump(3600)
    oncall.count()
    assert (counted("ana"), counted("cai")) == (1.0, None)


async def test_nobody_on_call_is_counted_too_and_a_schedule_that_is_gone_is_not(
    nodes: list[Node], now: FakeClock
) -> None:
    oncall = nodes[0].oncall
    hours = '      restrictions: [{days: Mon-Fri, from: "13:00", to: "18:00"}]\n'
    await nodes[0].start(CONFIG + hours)
    oncall.count()
    assert (counted("ana"), uncovered()) == (None, 1.0)
    now.jump(3600)
    oncall.count()
    assert (counted("ana"), uncovered()) == (1.0, 0.0)
    renamed = CONFIG.replace("  primary:", "  main:").replace("schedule: primary", "schedule: main")
    await nodes[0].apply(renamed)
    oncall.count()
    assert (counted("ana"), uncovered(), uncovered("main")) == (None, None, 0.0)


async def test_what_one_node_changes_the_other_reads(nodes: list[Node]) -> None:
    one, two = nodes
    await one.start()
    await two.start()
    await one.oncall.rota.take(wanted("cai", NOW, "2026-10-20 18:00"))
    assert two.oncall.roster.on_call("", at(NOW) + 1000) == "ana"
    await two.oncall.rota.load()
    assert two.oncall.roster.on_call("", at(NOW) + 1000) == "cai"


async def test_two_nodes_tell_a_change_of_shift_once(nodes: list[Node], now: FakeClock) -> None:
    for node in nodes:
        await node.start()
    for text in ("2026-10-26 08:59", "2026-10-26 09:00"):
        assert [node.told for node in nodes] == [[], []]
        now.jump(at(text) / 1000 - now.now())
        await asyncio.gather(*(node.runner.turn() for node in nodes))

    assert sorted(nodes[0].told + nodes[1].told) == [
        "ana: Your shift of primary ended Mon 2026-10-26 08:00; on call now: Bo Lind",
        "bo: You are on call for primary from Mon 2026-10-26 08:00",
    ]


async def test_news_reach_each_person_once(nodes: list[Node]) -> None:
    node = nodes[0]
    await node.start()
    await node.oncall.rota.take(by("dan", "cai", NOW, "2026-10-20 18:00"))
    for _ in range(2):
        await node.runner.turn()

    assert node.told == [
        "cai: You are on call for primary, by dan",
        "ana: cai is on call for primary, by dan",
    ]


async def test_what_was_changed_is_kept_with_who_is_to_be_told_or_not_at_all(
    nodes: list[Node], tmp_path: Path
) -> None:
    """As a process that dies between the two would leave it."""
    node, other = nodes
    await node.start()
    database = state_file(tmp_path / "state.db")
    await database.open()
    async with database.transaction() as connection:
        await connection.execute(sqlalchemy.text("ALTER TABLE errands RENAME TO errands_away"))
    with pytest.raises(Temporary):
        await node.oncall.rota.take(by("dan", "cai", NOW, "2026-10-20 18:00"))
    async with database.transaction() as connection:
        await connection.execute(sqlalchemy.text("ALTER TABLE errands_away RENAME TO errands"))
    await database.close()

    await other.start()
    assert (node.oncall.rota.overrides(), other.oncall.rota.overrides()) == ([], [])
    await node.oncall.rota.take(by("dan", "cai", NOW, "2026-10-20 18:00"))
    await other.runner.turn()
    assert len(other.told) == 2, "whoever lives on tells what the first one only wrote down"


async def test_gaps_people_without_methods_and_lost_overrides_are_told(
    nodes: list[Node], now: FakeClock
) -> None:
    node = nodes[0]
    await node.start()
    await node.oncall.rota.take(wanted("cai", NOW, "2026-10-20 18:00"))
    assert not node.oncall.warnings

    text = CONFIG.replace("  cai: {methods: [{kind: push}]}\n", "  dee: {}\n")
    text = text.replace("[ana, bo, cai]", "[ana, bo, dee]")
    text += '      restrictions: [{days: Mon-Sat, from: "00:00", to: "24:00"}]\n'
    await node.apply(text)
    gap, method, gone = tuple(node.oncall.warnings)
    assert "nobody is on call from Sun 2026-10-25 00:00 to Mon 2026-10-26 00:00" in gap
    assert "and 3 more such times: 97 h of the next 4 weeks" in gap
    assert "oncall.people.dee: no method to reach this person" in method
    assert "an override of primary names cai" in gone


def test_a_mistake_is_refused_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / "tocsin.yaml").write_text("oncall:\n  people: {ana: {timezone: Mars}}\n")
    loaded = load_config(tmp_path / "tocsin.yaml", environment={})
    with pytest.raises(OnCallError, match=r"tocsin.yaml:2:18: oncall.people.ana.timezone: unknown"):
        on_call_plan(loaded, at(NOW))
