"""When is an incident of alerts over by itself, and when does it open again?"""

from __future__ import annotations

from pathlib import Path

from tests.incident.alert_world import DOWN, SLOW, Node, night
from tocsin.incident.book import Author, Draft, Resolution
from tocsin.model.alerts import ERRORS, Alert
from tocsin.model.incidents import Status
from tocsin.model.labels import from_mapping

ANA = Author("ana", "page")


async def test_an_incident_resolves_by_itself_once_its_alerts_are_over(tmp_path: Path) -> None:
    async with night(tmp_path, "auto_resolve: 10m") as node:
        await node.fire(**DOWN)
        await node.fire(**SLOW)
        await node.pass_time(300, repeats=(DOWN, SLOW))
        await node.end(**DOWN)
        await node.pass_time(900, repeats=(SLOW,))
        assert not (await node.only()).is_over
        await node.end(**SLOW)
        await node.pass_time(540)
        assert not (await node.only()).is_over
        await node.pass_time(120)
        one = await node.only()
        assert one.status is Status.RESOLVED
        assert (await node.told())[-3:] == [
            "alert_resolved tocsin: DatabaseDown resolved; 1 still fires",
            "alert_resolved tocsin: HighLatency resolved; none fires any more",
            "resolved tocsin: Resolved: All of its alerts have resolved.",
        ]


async def test_an_alert_that_fires_again_meanwhile_keeps_it_open(tmp_path: Path) -> None:
    async with night(tmp_path, "auto_resolve: 10m") as node:
        await node.fire(**DOWN)
        await node.end(**DOWN)
        await node.pass_time(480)
        await node.fire(**DOWN)
        await node.pass_time(900, repeats=(DOWN,))
        assert not (await node.only()).is_over
        await node.end(**DOWN)
        await node.pass_time(660)
        assert (await node.only()).status is Status.RESOLVED


async def test_what_people_opened_is_not_resolved_by_itself(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        draft = Draft(severity="P2", title="Orders are slow", services=("orders",))
        await node.book.open(draft, ANA)
        await node.fire(**DOWN)
        one = await node.only()
        assert (one.severity, len(one.links)) == ("P0", 1)
        await node.end(**DOWN)
        await node.pass_time(3600)
        assert not (await node.only()).is_over


async def test_an_alert_that_comes_back_soon_opens_the_same_one_again(tmp_path: Path) -> None:
    async with night(tmp_path, "{auto_resolve: 5m, join: {reopen: 20m}}") as node:
        await node.fire(**DOWN)
        await node.book.acknowledge((await node.only()).number, ANA)
        await node.end(**DOWN)
        await node.pass_time(600)
        assert (await node.only()).is_over
        await node.fire(**DOWN)
        one = await node.only()
        assert (one.status, one.acknowledged_ms) == (Status.OPEN, 0)
        assert "reopened tocsin: Opened again: DatabaseDown fires again" in await node.told()
        await node.end(**DOWN)
        await node.pass_time(2400)
        await node.fire(**DOWN)
        assert [one.status.value for one in await node.incidents()] == ["resolved", "open"]


async def test_what_people_resolved_while_it_fires_is_not_opened_again_by_the_same_alert(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        await node.fire(**DOWN)
        number = (await node.only()).number
        await node.pass_time(120, repeats=(DOWN,))
        await node.book.resolve(number, Resolution(resolution="It is fine"), ANA)
        await node.pass_time(7200, repeats=(DOWN,))
        assert (await node.only()).status is Status.RESOLVED
        again = Node(node.database, node.clock, node.config)
        await again.start()
        await again.pass_time(300, repeats=(DOWN,))
        assert (await node.only()).status is Status.RESOLVED
        await again.end(**DOWN)
        await again.clock.advance(60)
        await again.fire(**DOWN)
        assert [one.status.value for one in await node.incidents()] == ["resolved", "open"]


async def test_what_people_opened_again_is_theirs_to_resolve(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.fire(**DOWN)
        number = (await node.only()).number
        await node.end(**DOWN)
        await node.pass_time(300)
        await node.book.resolve(number, Resolution(), ANA)
        await node.book.reopen(number, ANA, "Not yet")
        await node.pass_time(3600)
        assert (await node.only()).status is Status.OPEN


async def test_what_only_tells_of_a_moment_holds_no_incident_open(tmp_path: Path) -> None:
    async with night(tmp_path, "auto_resolve: 10m") as node:
        await node.fire(**DOWN)
        await node.dispatcher.put([_new_issue(node, DOWN["service"])])
        await node.look()
        assert len((await node.only()).of_kind("alert")) == 2
        await node.end(**DOWN)
        await node.pass_time(660)
        assert (await node.only()).status is Status.RESOLVED
        await node.pass_time(300)
        assert (await node.only()).status is Status.RESOLVED


async def test_an_incident_of_a_moment_alone_lasts_as_long_as_its_alert(tmp_path: Path) -> None:
    async with night(tmp_path, "auto_resolve: 10m") as node:
        await node.dispatcher.put([_new_issue(node, "orders")])
        await node.look()
        await node.pass_time(3_000)
        assert not (await node.only()).is_over
        await node.pass_time(1_500)
        assert (await node.only()).status is Status.RESOLVED


def _new_issue(node: Node, service: str) -> Alert:
    """An alert as `app.error_alerts` tells it: over by itself after a while."""
    labels = {"alertname": "NewIssue", "severity": "critical", "service": service}
    now = node.clock.now_ms()
    return Alert(labels=from_mapping(labels), starts_ms=now, ends_ms=now + 3_600_000, source=ERRORS)
