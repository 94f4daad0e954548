"""Alerts that become incidents by themselves, on virtual time."""

from __future__ import annotations

from pathlib import Path

from tests.incident.alert_world import NIGHT, Node, database_in, incidents_config, night
from tocsin.incident.book import Author, Draft, Firing, Resolution
from tocsin.incident.bounds import MOST_LINKS
from tocsin.incident.sighting import link_of
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import ERRORS, Alert
from tocsin.model.incidents import Status
from tocsin.model.labels import from_mapping

ANA = Author("ana", "page")
DOWN = {"alertname": "DatabaseDown", "service": "orders", "severity": "critical"}
SLOW = {"alertname": "HighLatency", "service": "orders", "severity": "warning"}


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


def _firing(**labels: str) -> Firing:
    alert = Alert(labels=from_mapping(labels), starts_ms=round(NIGHT * 1000))
    return Firing(links=(link_of(alert),))


def _new_issue(node: Node, service: str) -> Alert:
    """An alert as `app.error_alerts` tells it: over by itself after a while."""
    labels = {"alertname": "NewIssue", "severity": "critical", "service": service}
    now = node.clock.now_ms()
    return Alert(labels=from_mapping(labels), starts_ms=now, ends_ms=now + 3_600_000, source=ERRORS)


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
