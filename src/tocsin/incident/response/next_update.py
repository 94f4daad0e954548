"""Who is reminded when a promised update does not come? The assignee, else the commander, else
whoever is on call; again and again, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from tocsin.incident.book import TOCSIN, Author, IncidentBook
from tocsin.incident.response.plan import Promise
from tocsin.incident.words.fields import moment_text
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.errands import NOTHING, Again, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Incident

_AUTHOR = Author(TOCSIN, "response")
_AGAIN_MS = 900_000
_MOST = 4
_GIVE_UP_MS = 3_600_000


class Reminders(Protocol):
    """Reaches one person, or whoever is on call."""

    async def on_call(self, incident: Incident) -> str:
        """Who is on call for it now; empty when nobody is."""

    async def remind(self, person: str, incident: Incident, text: str, key: str) -> str:
        """Bring the text to the person; returns how, such as "by mail". Raises Temporary, or
        Rejected when there is no way to them. A second call with the same key is harmless."""


class NextUpdateHandler:
    """Does the errands of the kind "next_update": first promises, and reminders of promises."""

    def __init__(
        self,
        book: IncidentBook,
        clock: Clock,
        reminders: Reminders,
        zone: Callable[[], str] = lambda: "UTC",
    ) -> None:
        self._book = book
        self._clock = clock
        self._reminders = reminders
        self._zone = zone

    async def attempt(self, errand: Errand) -> Outcome:
        """As `model.errands.Handler`."""
        promise = msgspec.json.decode(errand.content, type=Promise)
        try:
            incident = await self._book.get(errand.subject)
        except NotFound:
            return Done()
        if incident.is_over:
            return Done()
        if not promise.promised_ms:
            await self._promise(incident, promise.since_ms)
            return Done()
        if incident.next_update_ms != promise.promised_ms:
            return Done()
        await self._remind(incident, promise, errand.key)
        reminded = promise.reminded + 1
        if reminded >= _MOST:
            return Done()
        content = msgspec.json.encode(msgspec.structs.replace(promise, reminded=reminded))
        return Again(due_ms=self._clock.now_ms() + _AGAIN_MS, content=content)

    def give_up_ms(self, errand: Errand) -> int:
        """As `model.errands.Handler`."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Say on the timeline that nobody could be reminded."""
        text = f"Nobody could be reminded of the promised update. {error}"
        data = {"do": "next_update", "outcome": "failed", "errand": errand.key}
        await self._book.told(errand.subject, "action", text, _AUTHOR, data)
        return NOTHING

    async def _promise(self, incident: Incident, since_ms: int) -> None:
        """The first promise of a severity, unless a sooner one was given."""
        interval = self._book.config.level(incident.severity).update_ms
        wanted = max(since_ms + interval, self._clock.now_ms() + 60_000)
        if interval and (not incident.next_update_ms or incident.next_update_ms > wanted):
            await self._book.promise(incident.number, wanted, _AUTHOR)

    async def _remind(self, incident: Incident, promise: Promise, key: str) -> None:
        person = incident.assignee or incident.roles.get("commander", "")
        person = person or await self._reminders.on_call(incident)
        when = moment_text(promise.promised_ms, self._zone_info())
        text = (
            f"{incident.number}: an update was promised for {when} and has not been given. "
            f"Say how it stands: {incident.title}"
        )
        words, outcome = "Nobody is assigned and nobody is on call: who promised it?", "failed"
        if person:
            words, outcome = await self._reached(
                person, incident, text, f"{key}/{promise.reminded}"
            )
        data = {"do": "next_update", "outcome": outcome, "errand": key, "person": person}
        await self._book.told(incident.number, "action", words, _AUTHOR, data)

    async def _reached(
        self, person: str, incident: Incident, text: str, key: str
    ) -> tuple[str, str]:
        try:
            how = await self._reminders.remind(person, incident, text, key)
        except Rejected as error:
            return f"The promised update is late; {person} could not be reminded: {error}", "failed"
        return f"Reminded {person} {how}".strip() + " of the promised update", "done"

    def _zone_info(self) -> ZoneInfo:
        return ZoneInfo(self._zone())
