"""Who takes on an incident takes on its alerts, and the other way round."""

from __future__ import annotations

from pathlib import Path

from tests.incident.alert_world import DOWN, NIGHT, SLOW, Node, database_in, incidents_config, night
from tocsin.incident.book import Author
from tocsin.kit.clock import FakeClock
from tocsin.model.incidents import Status
from tocsin.state.errands import ErrandTable

ANA = Author("ana", "page")


async def test_taking_on_an_incident_takes_on_its_alerts_and_giving_it_back_gives_them_back(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        down, slow = await node.fire(**DOWN), await node.fire(**SLOW)
        number = (await node.only()).number
        await node.book.acknowledge(number, ANA)
        await node.look()
        now = node.clock.now_ms()
        found = [node.acks.of(ref, now) for ref in (down, slow)]
        assert [(one.by, one.note, one.source) for one in found if one] == [
            ("ana", number, "incident"),
            ("ana", number, "incident"),
        ]
        third = await node.fire(alertname="Third", service="orders", severity="critical")
        await node.look()
        assert node.acks.of(third, now) is not None
        await node.book.unacknowledge(number, ANA)
        await node.look()
        assert [node.acks.of(ref, now) for ref in (down, slow, third)] == [None] * 3


async def test_taking_on_an_alert_in_slack_takes_on_its_incident_once(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        down, slow = await node.fire(**DOWN), await node.fire(**SLOW)
        await node.take_on(down, "ben", **DOWN)
        await node.look()
        one = await node.only()
        assert (one.acknowledged_by, one.status) == ("ben", Status.INVESTIGATING)
        now = node.clock.now_ms()
        mine, other = node.acks.of(down, now), node.acks.of(slow, now)
        assert mine is not None
        assert mine.source == "slack"
        assert other is not None
        assert (other.by, other.source) == ("ben", "incident")
        assert sum("Acknowledged" in text for text in await node.told()) == 1
        await node.acks.clear(down, "ben", "slack")
        await node.look()
        assert (await node.only()).acknowledged_by == "ben"
        await node.acks.clear(slow, "ben", "slack")
        await node.look()
        assert (await node.only()).acknowledged_by == ""


async def test_an_alert_that_was_given_back_at_once_stays_so_whatever_comes_first(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        down, slow = await node.fire(**DOWN), await node.fire(**SLOW)
        await node.take_on(down, "ben", **DOWN)
        now = node.clock.now_ms()
        for errand in await ErrandTable(node.database).claim("another", now, 60_000):
            await node.sync.attempt(errand)
        assert (await node.only()).acknowledged_by == "ben"
        await node.acks.clear(down, "ben", "slack")
        await node.look()
        assert node.acks.of(down, now) is None
        assert node.acks.of(slow, now) is not None


async def test_an_alert_that_was_given_back_stays_so_when_others_join_or_it_is_silenced(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        down, slow = await node.fire(**DOWN), await node.fire(**SLOW)
        await node.book.acknowledge((await node.only()).number, ANA)
        await node.look()
        await node.acks.clear(down, "ben", "slack")
        await node.look()
        third = await node.fire(alertname="Third", service="orders", severity="critical")
        await node.look()
        await node.silence("alertname", "DatabaseDown", 60)
        await node.look()
        await node.pass_time(120, repeats=(DOWN, SLOW))
        now = node.clock.now_ms()
        assert [node.acks.of(one, now) is None for one in (down, slow, third)] == [
            True,
            False,
            False,
        ]


async def test_an_alert_that_was_taken_on_before_opens_an_incident_that_is_taken_on(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        down = await node.tell(**DOWN)
        await node.take_on(down, "ben", **DOWN)
        await node.runner.turn()
        await node.look()
        one = await node.only()
        assert (one.acknowledged_by, one.status) == ("ben", Status.INVESTIGATING)
        assert [text.partition(":")[0] for text in await node.told()] == [
            "opened tocsin",
            "acknowledged ben",
        ]
        await node.fire(**SLOW)
        assert (await node.only()).acknowledged_by == "ben", "which others join it"


async def test_who_took_on_a_lesser_alert_did_not_take_on_the_incident_of_a_worse_one(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        mild = {**SLOW, "severity": "warning"}
        await node.take_on(await node.tell(**mild), "ben", **mild)
        await node.runner.turn()
        await node.tell(**DOWN)
        await node.look()
        one = await node.only()
        assert (one.severity, one.acknowledged_by) == ("P0", "")
        other = {**DOWN, "alertname": "DiskFull"}
        await node.take_on(await node.tell(**other), "cai", **other)
        await node.look()
        assert (await node.only()).acknowledged_by == "cai"


async def test_an_acknowledgement_reaches_the_other_side_after_a_crash(tmp_path: Path) -> None:
    """The process that took it dies before anything is carried over; another one goes on."""
    async with database_in(tmp_path) as database:
        clock = FakeClock(NIGHT)
        dying = Node(database, clock, incidents_config("{}"))
        await dying.start()
        down = await dying.fire(**DOWN)
        await dying.take_on(down, "ben", **DOWN)

        living = Node(database, clock, incidents_config("{}"))
        await living.start()
        assert (await living.only()).acknowledged_by == "ben"
        slow = await living.fire(**SLOW)
        await living.book.unacknowledge((await living.only()).number, ANA)

        last = Node(database, clock, incidents_config("{}"))
        await last.start()
        now = clock.now_ms()
        assert [last.acks.of(one, now) for one in (down, slow)] == [None, None]
        assert (await last.only()).acknowledged_by == ""
