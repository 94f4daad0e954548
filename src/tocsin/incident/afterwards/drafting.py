"""When is a document begun, and what follows from an alert that comes again?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from tocsin.incident.afterwards.action_items import ActionItems, ItemChanged
from tocsin.incident.afterwards.config import PostMortemConfig
from tocsin.incident.afterwards.documents import Document, Documents
from tocsin.incident.afterwards.draft import Found, draft
from tocsin.incident.evidence.bundle import Bundle
from tocsin.incident.evidence.keep import KIND as EVIDENCE
from tocsin.incident.evidence.keep import bundle_of
from tocsin.incident.request import TOCSIN, Author
from tocsin.incident.words.fields import Occasion
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.incidents import Attachment, IncidentTable
from tocsin.state.postmortems import AlreadyWritten

KIND = "postmortem"
_log = log.get("postmortem")
_GIVE_UP_MS = 6 * 3_600_000
_PATIENT_ATTEMPTS = 5
"""So often a draft waits for the evidence of the resolution."""
_RECURRENCE_MS = 5_000


class _Content(msgspec.Struct, frozen=True):
    """What an errand says: `act` is "draft" or "recurrence"."""

    act: str
    fingerprints: tuple[str, ...] = ()


class Planning:
    """What follows from a change of an incident. Pure but for the configuration that it reads."""

    def __init__(self, config: Callable[[], PostMortemConfig]) -> None:
        self._config = config

    def plan_of(self, before: Incident | None, after: Incident, _entries: Sequence[Entry]) -> Plan:
        """A draft after the resolution, none when it is opened again; a look at what was done
        before about alerts that come again."""
        put: list[Errand] = []
        cancel: list[str] = []
        was_ms = before.resolved_ms if before else 0
        if was_ms and was_ms != after.resolved_ms:
            cancel.append(_draft_key(after, was_ms))
        config = self._config()
        is_over_anew = after.is_over and after.resolved_ms not in (0, was_ms)
        if is_over_anew and config.wants(after):
            put.append(_draft_errand(after, config))
        fresh = _fresh_alerts(before, after)
        if fresh and not after.is_drill:
            put.append(_recurrence_errand(before, after, fresh))
        return Plan(put=tuple(put), cancel=tuple(cancel)) if put or cancel else NOTHING


def _draft_key(incident: Incident, resolved_ms: int) -> str:
    return f"postmortem/{incident.number or '{number}'}/{resolved_ms}"


def _draft_errand(incident: Incident, config: PostMortemConfig) -> Errand:
    return Errand(
        kind=KIND,
        key=_draft_key(incident, incident.resolved_ms),
        subject=incident.number or "{number}",
        due_ms=incident.resolved_ms + config.after.ms,
        content=msgspec.json.encode(_Content("draft")),
    )


def _fresh_alerts(before: Incident | None, after: Incident) -> tuple[str, ...]:
    known = {link.ref for link in before.of_kind("alert")} if before else set()
    return tuple(link.ref for link in after.of_kind("alert") if link.ref not in known)


def _recurrence_errand(before: Incident | None, after: Incident, fresh: tuple[str, ...]) -> Errand:
    number = after.number if before else "{number}"
    at_ms = max(after.opened_ms, *(link.starts_ms for link in after.of_kind("alert")))
    return Errand(
        kind=KIND,
        key=f"recurrence/{number}/v{after.version}/{min(fresh)}",
        subject=number,
        due_ms=at_ms + _RECURRENCE_MS,
        content=msgspec.json.encode(_Content("recurrence", fresh)),
    )


class Drafting:
    """Does the errands of the kind "postmortem", and drafts when people ask for it."""

    def __init__(
        self,
        incidents: IncidentTable,
        documents: Documents,
        items: ActionItems,
        config: Callable[[], PostMortemConfig],
        clock: Clock,
        *,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._incidents = incidents
        self._documents = documents
        self._items = items
        self._config = config
        self._clock = clock
        self._name_of = name_of

    async def attempt(self, errand: Errand) -> Outcome:
        """Draft, or look at what comes again."""
        said = msgspec.json.decode(errand.content, type=_Content)
        try:
            incident = await self._incidents.get(errand.subject)
        except NotFound:
            return Done()
        if said.act == "recurrence":
            return await self._recurred(incident, frozenset(said.fingerprints))
        if not incident.is_over or not self._config().wants(incident):
            return Done()
        attached = await self._incidents.attachments(incident.id)
        has_end = any(one.kind == EVIDENCE and "-resolved-" in one.name for one in attached)
        if not has_end and errand.attempts < _PATIENT_ATTEMPTS:
            raise Temporary(f"waiting for the evidence of {incident.number}'s end", 20.0)
        try:
            await self.draft(incident.number, Author(TOCSIN, TOCSIN))
        except AlreadyWritten:
            return Done()
        _log.info("postmortem_drafted", incident=incident.number)
        return Done()

    async def _recurred(self, incident: Incident, fingerprints: frozenset[str]) -> Outcome:
        try:
            for item in await self._items.recurred(incident, fingerprints):
                _log.info("action_item_recurred", item=item.id, incident=incident.number)
        except ItemChanged as error:
            raise Temporary(str(error)) from error
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """Some hours: it can be asked for on its page at any time."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The timeline says so."""
        try:
            incident = await self._incidents.get(errand.subject)
            now = self._clock.now_ms()
            text = f"The post-mortem could not be drafted: {error}"
            entry = Entry(at_ms=now, kind=KIND, author=TOCSIN, source=TOCSIN, text=text)
            await self._incidents.note(incident.id, (entry,))
        except Fault as problem:
            _log.error("postmortem_failed", subject=errand.subject, error=str(problem))
        return NOTHING

    async def draft(self, number: str, author: Author) -> Document:
        """Begin the document with what is known. Raises AlreadyWritten, Rejected when the template
        fails."""
        incident = await self._incidents.get(number)
        text = await self.text(incident)
        return await self._documents.create(incident.number, text, author)

    async def text(self, incident: Incident) -> str:
        """What a draft would be now."""
        timeline = await self._incidents.timeline(incident.id)
        attached = await self._incidents.attachments(incident.id)
        files = [one for one in attached if one.kind == EVIDENCE]
        its_id, bundle = await self._newest(incident, files)
        found = Found(
            timeline=timeline,
            evidence=tuple((one.id, one.name) for one in files),
            bundle_id=its_id,
            bundle=bundle,
        )
        occasion = Occasion(at_ms=self._clock.now_ms(), name_of=self._name_of)
        template = self._config().filling()
        return await asyncio.to_thread(draft, template, incident, found, occasion)

    async def _newest(
        self, incident: Incident, files: Sequence[Attachment]
    ) -> tuple[int, Bundle | None]:
        """The newest file that this version can read; a document without graphs is better than
        none."""
        for one in reversed(files):
            kept = await self._incidents.attachment(incident.id, one.id)
            try:
                return one.id, await asyncio.to_thread(bundle_of, kept.content)
            except Rejected as error:
                _log.warning("evidence_not_read", name=one.name, error=str(error))
        return 0, None
