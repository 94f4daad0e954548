"""How is wired what comes after incidents: documents, action items, reminders, statistics?"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.app.config import Loaded
from tocsin.app.incidents import Incidents
from tocsin.app.oncall_teller import Bring
from tocsin.incident.afterwards import drafting, reminders
from tocsin.incident.afterwards.action_items import ActionItems
from tocsin.incident.afterwards.config import PostMortemConfig, read_config
from tocsin.incident.afterwards.desk import Afterwards
from tocsin.incident.afterwards.documents import Documents
from tocsin.incident.afterwards.drafting import Drafting, Planning
from tocsin.incident.afterwards.reminders import Reminders
from tocsin.kit.clock import Clock
from tocsin.kit.tasks import Tasks
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.roster import Roster
from tocsin.state.database import Database
from tocsin.state.postmortems import ActionItemTable, PostmortemTable, TimelineReader


def post_mortem_config(loaded: Loaded) -> PostMortemConfig:
    """What the configuration says of documents. Raises ConfigError with the place of a mistake."""
    incidents = loaded.config.incidents
    return read_config(incidents.post_mortem, tuple(incidents.severities))


class AfterIncidents:
    """Documents are drafted, and what is to be done is reminded of; `desk` is for pages."""

    def __init__(
        self,
        database: Database,
        incidents: Incidents,
        roster: Callable[[], Roster],
        bring: Bring,
        loaded: Loaded,
        clock: Clock,
    ) -> None:
        self._config = post_mortem_config(loaded)
        self._url = loaded.config.listen.external_url
        table = incidents.table
        documents = Documents(PostmortemTable(database), table, clock)
        items = ActionItems(
            ActionItemTable(database),
            table,
            clock,
            wake=incidents.runner.wake,
            names=lambda: incidents.book.names,
        )
        made = Drafting(
            table,
            documents,
            items,
            lambda: self._config,
            clock,
            name_of=lambda person: _full_name(roster(), person),
        )
        self.desk = Afterwards(
            documents=documents,
            items=items,
            drafting=made,
            incidents=table,
            timelines=TimelineReader(database),
            config=lambda: self._config,
            external_url=lambda: self._url,
            zone_of=lambda person: _zone(roster(), person),
        )
        told = Reminders(
            items,
            ItemTeller(bring, clock),
            clock,
            every_ms=lambda: self._config.remind.ms,
            link=lambda path: f"{self._url.rstrip('/')}{path}",
        )
        incidents.runner.register(drafting.KIND, made)
        incidents.runner.register(reminders.KIND, told)
        incidents.book.follow(Planning(lambda: self._config).plan_of)

    async def load(self) -> None:
        """Everything is read when it is asked for."""

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Another template, other reminders. Raises ConfigError before anything has changed."""
        self._config = post_mortem_config(loaded)
        self._url = external_url

    def start(self, tasks: Tasks) -> None:
        """Errands begin it."""

    async def close(self) -> None:
        """Nothing is open."""


def _full_name(roster: Roster, person: str) -> str:
    known = roster.people.get(person)
    return (known.full_name if known else "") or person


def _zone(roster: Roster, person: str) -> str:
    known = roster.people.get(person)
    return known.timezone if known else "UTC"


class ItemTeller:
    """As `afterwards.reminders.Teller`: by the quietest way that a person has."""

    def __init__(self, bring: Bring, clock: Clock) -> None:
        self._bring = bring
        self._clock = clock

    async def tell(self, person: str, subject: str, text: str) -> None:
        """Raises Temporary, Rejected, or Permanent when there is no way."""
        message = Message(
            subject=f"action-items/{person}",
            title=subject,
            text=text,
            urgency="low",
            at_ms=self._clock.now_ms(),
            path="/postmortems/items?owner=me",
            person=person,
            can_answer=False,
        )
        await self._bring(person, message)
