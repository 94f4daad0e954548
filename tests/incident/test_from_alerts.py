"""Alerts that become incidents by themselves, and those that do not, on virtual time."""

from __future__ import annotations

from pathlib import Path

from tests.incident.alert_world import DOWN, Node, night
from tocsin.incident.book import Author
from tocsin.model.incidents import Status

ANA = Author("ana", "page")


async def test_a_critical_alert_opens_a_p0_and_says_what_is_wrong(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        ref = await node.fire(title="The orders database does not answer", **DOWN)
        one = await node.only()
        assert (one.severity, one.status, one.source) == ("P0", Status.OPEN, "alerts")
        assert one.title == "The orders database does not answer"
        assert one.services == ("orders",)
        assert [(link.kind, link.ref, link.ends_ms) for link in one.links] == [("alert", ref, 0)]
        assert await node.told() == [
            "opened tocsin: P0 opened: The orders database does not answer"
        ]


async def test_low_alerts_and_those_that_say_so_open_nothing(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.fire(alertname="Disk", service="a", severity="low")
        await node.fire(alertname="Disk", service="a", severity="info")
        await node.fire(alertname="Disk", service="a")
        await node.fire(incident="none", **DOWN)
        assert await node.incidents() == []
        await node.fire(alertname="Disk", service="a", incident="p1")
        assert (await node.only()).severity == "P1"


async def test_a_silenced_alert_opens_one_when_its_silence_is_over(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.silence("service", "orders", 600)
        await node.fire(**DOWN)
        await node.pass_time(540, repeats=(DOWN,))
        assert await node.incidents() == []
        await node.pass_time(120, repeats=(DOWN,))
        assert (await node.only()).severity == "P0"


async def test_a_silenced_alert_opens_one_at_once_when_configured_so(tmp_path: Path) -> None:
    async with night(tmp_path, "even_when: [silence]") as node:
        await node.silence("service", "orders", 600)
        await node.fire(**DOWN)
        assert len(await node.incidents()) == 1


async def test_what_people_said_of_its_severity_holds_until_something_new_is_worse(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        await node.fire(**DOWN)
        number = (await node.only()).number
        await node.book.set_severity(number, "P2", ANA, why="Only the reports")
        await node.end(**DOWN)
        await node.clock.advance(60)
        await node.fire(**DOWN)
        assert (await node.only()).severity == "P2"
        await node.fire(alertname="Errors", service="orders", severity="critical")
        assert (await node.only()).severity == "P0"


async def test_after_a_restart_what_fired_and_ended_meanwhile_is_made_up_for(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        await node.fire(**DOWN)
        await node.tell(alertname="Late", service="search", severity="high")  # and then it dies
        await node.clock.advance(900)
        again = Node(node.database, node.clock, node.config)
        await again.start()
        await again.tell(alertname="Late", service="search", severity="high")
        await again.look(is_whole=True)
        assert [one.severity for one in await again.incidents()] == ["P0", "P1"]
        late = {"alertname": "Late", "service": "search", "severity": "high"}
        await again.pass_time(240, repeats=(late,))
        first, second = await again.incidents()
        assert first.links[0].ends_ms > 0
        assert second.links[0].ends_ms == 0


async def test_a_drill_opens_a_drill_and_only_when_it_says_so(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.fire(drill="d1", **DOWN)
        assert await node.incidents() == []
        await node.fire(drill="d1", incident="P1", **DOWN)
        one = await node.only()
        assert one.is_drill
        assert one.title == "DRILL: DatabaseDown on orders"
        await node.fire(**DOWN)
        assert [one.is_drill for one in await node.incidents()] == [True, False]


async def test_with_incidents_off_alerts_open_none(tmp_path: Path) -> None:
    async with night(tmp_path, "enabled: no") as node:
        await node.fire(**DOWN)
        assert await node.incidents() == []
