"""Which alerts are one incident, on virtual time?"""

from __future__ import annotations

from pathlib import Path

from tests.incident.alert_world import DOWN, NIGHT, SLOW, Node, database_in, incidents_config, night
from tocsin.incident.book import Author, Draft, Firing
from tocsin.incident.bounds import MOST_LINKS
from tocsin.incident.sighting import link_of
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Status
from tocsin.model.labels import from_mapping

ANA = Author("ana", "page")


async def test_alerts_of_one_service_are_one_incident_as_severe_as_the_worst(
    tmp_path: Path,
) -> None:
    async with night(tmp_path) as node:
        await node.fire(**SLOW)
        await node.fire(**DOWN)
        await node.fire(alertname="Other", service="search", severity="high")
        first, second = await node.incidents()
        assert (first.severity, len(first.links)) == ("P0", 2)
        assert (second.severity, second.services) == ("P1", ("search",))
        assert await node.told(first.number) == [
            "opened tocsin: P2 opened: HighLatency on orders",
            "alert_fired tocsin: DatabaseDown fired",
            "severity tocsin: Severity P2 → P0: DatabaseDown fired",
        ]


async def test_what_fires_in_one_round_is_one_incident_named_by_the_worst(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.tell(**SLOW)
        await node.tell(title="Down", **DOWN)
        for number in range(40):
            await node.tell(instance=f"i{number}", **SLOW)
        await node.look()
        one = await node.only()
        assert (one.title, one.severity, len(one.links)) == ("Down", "P0", 42)
        assert one.version == 1


async def test_alerts_of_one_group_are_one_incident(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.fire(alertname="A", service="a", cluster="eu", severity="high")
        await node.fire(alertname="B", service="b", cluster="eu", severity="high")
        await node.fire(alertname="C", service="b", cluster="us", severity="high")
        (one,) = await node.incidents()
        assert one.services == ("a", "b")
        assert len(one.links) == 3


async def test_an_old_incident_whose_alerts_are_long_over_takes_no_new_ones(
    tmp_path: Path,
) -> None:
    async with night(tmp_path, "{auto_resolve: 0, join: {window: 30m}}") as node:
        await node.fire(**DOWN)
        await node.end(**DOWN)
        await node.pass_time(2400)
        await node.fire(**SLOW)
        first, second = await node.incidents()
        assert (first.status, second.status) == (Status.OPEN, Status.OPEN)
        assert first.join_key == ""
        await node.fire(**{**SLOW, "alertname": "Errors"})
        assert len((await node.incidents())[1].links) == 2


async def test_two_nodes_open_one_incident_and_neither_ends_what_the_other_sees_firing(
    tmp_path: Path,
) -> None:
    async with database_in(tmp_path) as database:
        clock, config = FakeClock(NIGHT), incidents_config("{}")
        one, two = (Node(database, clock, config) for _ in range(2))
        await one.start()
        await two.start()
        await one.tell(**DOWN)
        await two.tell(**DOWN)
        await one.look()
        await two.look()
        assert len(await one.incidents()) == 1
        for _ in range(10):
            await one.pass_time(60, repeats=(DOWN,))
            await two.look(is_whole=True)
        (incident,) = await two.incidents()
        assert incident.links[0].ends_ms == 0
        assert len(await one.told()) == 1


async def test_two_nodes_that_opened_one_each_by_other_keys_make_one_of_them(
    tmp_path: Path,
) -> None:
    async with database_in(tmp_path) as database:
        clock, config = FakeClock(NIGHT), incidents_config("{}")
        one, two = (Node(database, clock, config) for _ in range(2))
        await one.start()
        await two.start()
        await one.fire(alertname="A", service="a", cluster="eu", severity="high")
        opened = await two.book.open(
            Draft(severity="P0", title="B", join_key="service=b", services=("b",)),
            Author("tocsin", "alerts"),
        )
        await two.book.alerts_fired(
            opened.number,
            _firing(alertname="B", service="b", cluster="eu"),
            Author("tocsin", "alerts"),
        )
        await two.from_alerts._only_one(await two.book.get(opened.number))
        first, second = await one.incidents()
        assert second.merged_into == first.number
        assert (first.severity, first.services) == ("P0", ("a", "b"))


async def test_an_alert_that_people_took_out_stays_out_until_it_fires_anew(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        await node.fire(**DOWN)
        ref = await node.fire(**SLOW)
        number = (await node.only()).number
        await node.book.unlink(number, "alert", ref, ANA)
        await node.pass_time(480, repeats=(DOWN, SLOW))
        assert [link.title for link in (await node.only()).links] == ["DatabaseDown"]
        await node.end(**SLOW)
        await node.clock.advance(60)
        await node.fire(**SLOW)
        assert len((await node.only()).links) == 2


async def test_what_an_incident_has_no_room_for_joins_when_others_end(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        now = node.clock.now_ms()
        alerts = [
            Alert(labels=from_mapping({**DOWN, "instance": str(n)}), starts_ms=now, source="api")
            for n in range(MOST_LINKS + 20)
        ]
        await node.dispatcher.put(alerts)
        await node.look()
        await node.look(is_whole=True)
        one = await node.only()
        assert (len(one.links), one.version, len(await node.told())) == (MOST_LINKS, 1, 1)
        await node.clock.advance(1)
        ended = {link.ref for link in one.links}
        over = [
            Alert(labels=each.labels, starts_ms=now, ends_ms=now + 500, source="api")
            for each in alerts
            if each.fingerprint in ended
        ]
        await node.dispatcher.put(over)
        await node.look()
        await node.look(is_whole=True)
        firing = [link for link in (await node.only()).links if not link.ends_ms]
        assert len(firing) == 20


async def test_an_alert_that_flaps_does_not_fill_the_timeline(tmp_path: Path) -> None:
    async with night(tmp_path) as node:
        for _ in range(50):
            await node.fire(**DOWN)
            await node.clock.advance(60)
            await node.end(**DOWN)
            await node.clock.advance(60)
        one = await node.only()
        assert len(await node.told()) < 20
        assert one.links[0].ends_ms > 0
        assert any("again and again" in text for text in await node.told())


def _firing(**labels: str) -> Firing:
    alert = Alert(labels=from_mapping(labels), starts_ms=round(NIGHT * 1000))
    return Firing(links=(link_of(alert),))
