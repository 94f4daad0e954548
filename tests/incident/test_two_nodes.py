"""Two Tocsins on one database, at the very same moment: SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio

from tests.incident.alert_world import NIGHT, Node, incidents_config
from tests.state.conftest import database as database
from tests.state.conftest import postgresql_url as postgresql_url
from tocsin.incident.book import Author
from tocsin.kit.clock import FakeClock
from tocsin.model.incidents import Status
from tocsin.state.database import Database

SERVICES = ("orders", "search", "blog", "mail")


async def _nodes(database: Database) -> tuple[Node, Node]:
    clock, config = FakeClock(NIGHT), incidents_config("auto_resolve: 5m")
    one, two = Node(database, clock, config), Node(database, clock, config)
    await one.start()
    await two.start()
    return one, two


async def test_what_both_see_at_once_is_one_incident_a_service_and_is_resolved_once(
    database: Database,
) -> None:
    one, two = await _nodes(database)
    alerts = [
        {"alertname": name, "service": service, "severity": severity}
        for service in SERVICES
        for name, severity in (("Slow", "warning"), ("Down", "critical"))
    ]
    for node in (one, two):
        for labels in alerts:
            await node.tell(**labels)
    await asyncio.gather(one.look(), two.look())
    found = await one.incidents()
    assert sorted(each.services for each in found) == sorted((name,) for name in SERVICES)
    assert {(each.severity, len(each.links)) for each in found} == {("P0", 2)}
    await asyncio.gather(
        one.book.acknowledge(found[0].number, Author("ana", "page")),
        two.book.acknowledge(found[0].number, Author("ben", "slack")),
    )
    told = await one.told(found[0].number)
    assert sum("Acknowledged" in text for text in told) == 1
    for labels in alerts:
        await asyncio.gather(one.end(**labels), two.end(**labels))
    await one.clock.advance(400)
    await asyncio.gather(one.look(is_whole=True), two.look(is_whole=True))
    for each in await two.incidents():
        assert each.status is Status.RESOLVED
        told = await two.told(each.number)
        assert sum(text.startswith("resolved") for text in told) == 1
        assert sum(text.startswith("opened") for text in told) == 1


async def test_what_both_change_at_once_all_counts(database: Database) -> None:
    one, two = await _nodes(database)
    await one.fire(alertname="Down", service="orders", severity="critical")
    number = (await one.only()).number
    await asyncio.gather(
        *(one.book.set_role(number, f"role {n}", "ana", Author("ana", "page")) for n in range(5)),
        *(two.book.set_role(number, f"job {n}", "ben", Author("ben", "cli")) for n in range(5)),
        *(two.book.note(number, f"note {n}", Author("ben", "cli")) for n in range(5)),
    )
    now = await one.only()
    assert len(now.roles) == 10
    assert len(await one.told()) == 1 + 10 + 5
