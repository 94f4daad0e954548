"""A world for tests of incidents from alerts: a real database, a real dispatcher, virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.state.fresh import state_file
from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.config import AlertingConfig
from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.app.alerting import Alerting
from tocsin.app.errands import ErrandRunner
from tocsin.incident.ack_sync import TO_ALERTS, TO_INCIDENTS, AckSync, to_alerts, to_incidents
from tocsin.incident.auto_resolve import KIND, AutoResolve
from tocsin.incident.book import IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.from_alerts import FromAlerts
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import decode, loads
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Entry, Incident
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import fingerprint
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import Asked, IncidentTable

NIGHT = 1_795_226_400.0
"""2026-11-21T02:00:00Z."""
_STEP_SECONDS = 240.0
"""Less than `resolve_timeout`, after which an alert is over of which nobody tells any more."""
DOWN = {"alertname": "DatabaseDown", "service": "orders", "severity": "critical"}
SLOW = {"alertname": "HighLatency", "service": "orders", "severity": "warning"}
ROUTING = """
route: {receiver: team, group_by: [cluster], group_wait: 10s}
receivers: [{name: team}]
"""


class Node:
    """One process on a database."""

    def __init__(self, database: Database, clock: FakeClock, config: IncidentsConfig) -> None:
        self.database, self.clock, self.config = database, clock, config
        self.alerting = Alerting(database, clock)
        self.runner = ErrandRunner(ErrandTable(database), clock, node=f"n{id(self)}")
        self.book = IncidentBook(
            IncidentTable(database), lambda: self.config, clock, wake=self.runner.wake
        )
        self.dispatcher = self.alerting.dispatcher
        self.acks = self.alerting.attention.acknowledgements
        self.sync = sync = AckSync(self.book, self.acks, clock)
        self.from_alerts = FromAlerts(
            self.book, self.dispatcher, self.alerting.kept, clock, taken=sync.taken_by
        )
        self.alerting.attention.kept.follow(to_incidents, self.runner.wake)
        self.book.follow(to_alerts)
        for kind in (TO_ALERTS, TO_INCIDENTS):
            self.runner.register(kind, sync, is_urgent=True)
        self.runner.register(KIND, AutoResolve(self.book))
        self.dispatcher.watched_by(self.from_alerts.heard)

    async def start(self, routing: str = ROUTING) -> None:
        """As a new process would."""
        await self.alerting.attention.load()
        await self.dispatcher.load()
        plan = read_routing(loads(routing, "alertmanager.yml"))
        self.dispatcher.configure(plan, {}, AlertingConfig())
        await self.look(is_whole=True)

    async def fire(self, **labels: str) -> str:
        """Tell an alert and look at once; returns its fingerprint. `title` is its summary."""
        name = await self.tell(**labels)
        await self.look()
        return name

    async def end(self, **labels: str) -> None:
        """Tell of the end of an alert and look at once."""
        now = self.clock.now_ms()
        alert = Alert(labels=from_mapping(labels), starts_ms=now, ends_ms=now, source="api")
        await self.dispatcher.put([alert])
        await self.look()

    async def tell(self, **labels: str) -> str:
        """Tell an alert."""
        notes: Labels = from_mapping({"summary": labels.pop("title", "")})
        alert = Alert(
            labels=from_mapping(labels),
            annotations=notes,
            starts_ms=self.clock.now_ms(),
            source="api",
        )
        await self.dispatcher.put([alert])
        return fingerprint(alert.labels)

    async def look(self, *, is_whole: bool = False) -> None:
        """As it does every 15 s, or when something was told; then everything that is due."""
        await self.from_alerts.turn(is_whole=is_whole)
        await self.runner.turn()

    async def pass_time(self, seconds: float, *, repeats: tuple[dict[str, str], ...] = ()) -> None:
        """In steps, telling those again that go on."""
        while seconds > 0:
            step = min(seconds, _STEP_SECONDS)
            seconds -= step
            await self.clock.advance(step)
            for labels in repeats:
                await self.tell(**labels)
            await self.look(is_whole=True)

    async def silence(self, name: str, value: str, seconds: int) -> None:
        """Hold back what has that label."""
        now = self.clock.now_ms()
        matcher = SilenceMatcher(name=name, op="=", value=value)
        silence = Silence(
            matchers=(matcher,),
            starts_ms=now,
            ends_ms=now + seconds * 1000,
            updated_ms=now,
            created_by="ana",
            comment="work",
        )
        await self.dispatcher.silences.set(silence)

    async def take_on(self, name: str, by: str, source: str = "slack", **labels: str) -> None:
        """Somebody takes on an alert elsewhere."""
        one = Acknowledgement(
            fingerprint=name,
            labels=from_mapping(labels),
            by=by,
            at_ms=self.clock.now_ms(),
            source=source,
        )
        await self.acks.put(one)

    async def incidents(self) -> list[Incident]:
        """All, the oldest first."""
        return (await self.book.find(Asked()))[::-1]

    async def only(self) -> Incident:
        """The one there is."""
        (one,) = await self.incidents()
        return one

    async def told(self, number: str = "") -> list[str]:
        """The texts of a timeline."""
        one = await self.book.get(number) if number else await self.only()
        return [_told(entry) for entry in await self.book.timeline(one.id)]


def _told(entry: Entry) -> str:
    return f"{entry.kind} {entry.author}: {entry.text}"


def incidents_config(text: str) -> IncidentsConfig:
    """The `incidents:` of that text."""
    return decode(loads(text, "tocsin.yaml"), IncidentsConfig)


@asynccontextmanager
async def database_in(folder: Path) -> AsyncIterator[Database]:
    """A SQLite file."""
    database = state_file(folder / "state.db")
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def night(folder: Path, config: str = "{}") -> AsyncIterator[Node]:
    """One node, started."""
    async with database_in(folder) as database:
        node = Node(database, FakeClock(NIGHT), incidents_config(config))
        await node.start()
        yield node
