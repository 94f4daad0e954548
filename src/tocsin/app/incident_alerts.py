"""How do alerts and incidents come to know of each other?"""

from __future__ import annotations

from tocsin.app.alerting import Alerting
from tocsin.app.config import Loaded
from tocsin.app.incidents import Incidents
from tocsin.incident.ack_sync import TO_ALERTS, TO_INCIDENTS, AckSync, to_alerts, to_incidents
from tocsin.incident.auto_resolve import KIND, AutoResolve
from tocsin.incident.from_alerts import OPEN, FromAlerts
from tocsin.incident.measures import Tally, count
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.kit.tasks import Tasks
from tocsin.state.incidents import Asked

_log = log.get("incidents")
_TALLY_SECONDS = 15.0
_MOST_TALLIED = 10_000


class IncidentAlerts:
    """Alerts open, join, acknowledge and end incidents, and the other way round."""

    def __init__(self, incidents: Incidents, alerting: Alerting, clock: Clock) -> None:
        book, dispatcher = incidents.book, alerting.dispatcher
        self._table = incidents.table
        self._clock = clock
        self._tally = Tally()
        attention, runner = alerting.attention, incidents.runner
        acks = AckSync(book, attention.acknowledgements, clock)
        self.from_alerts = FromAlerts(book, dispatcher, alerting.kept, clock, taken=acks.taken_by)
        attention.kept.follow(to_incidents, runner.wake)
        book.follow(to_alerts)
        for kind in (TO_ALERTS, TO_INCIDENTS):
            runner.register(kind, acks, is_urgent=True)
        runner.register(KIND, AutoResolve(book))
        dispatcher.watched_by(self.from_alerts.heard)
        book.subscribe(count)

    async def load(self) -> None:
        """Nothing: what is kept is read at each look."""

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Nothing: the configuration is asked for at each look."""

    def start(self, tasks: Tasks) -> None:
        """Begin to look."""
        tasks.start("incidents_from_alerts", self.from_alerts.run)
        tasks.start("incident_tally", self._count)

    async def close(self) -> None:
        """Nothing is open."""

    async def _count(self) -> None:
        asked = Asked(statuses=OPEN, limit=_MOST_TALLIED)
        while True:
            try:
                self._tally.set(await self._table.find(asked))
            except Temporary as error:
                _log.warning("incidents_not_counted", error=str(error))
            await self._clock.sleep(_TALLY_SECONDS)
