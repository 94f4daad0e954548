"""How is an action done: once, in order, and so that none holds up the others?

Crashing between doing and noting does an action again; what was made is recognised by its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tocsin.incident.book import TOCSIN, Author, IncidentBook
from tocsin.incident.response.actions import Action, Playbook
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import kind_of
from tocsin.incident.response.when import Now
from tocsin.incident.response.work import (
    CLOSE,
    DONE,
    FAILED,
    FAILING,
    LEFT_OUT,
    Doer,
    Job,
    Outcome,
    Work,
    decoded,
    has_outcome,
    was_done,
)
from tocsin.incident.words.catalog import Catalog, Moment
from tocsin.incident.words.fields import Occasion, values_of
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Permanent, Temporary
from tocsin.model.errands import NOTHING, Done, Errand, Plan
from tocsin.model.incidents import Entry, Incident

_log = log.get("incident_response")
_done = gauge.counter("incident_actions", "Actions of incidents that ended.", ("do", "outcome"))
_AUTHOR = Author(TOCSIN, "response")
_PATIENCE_SECONDS = 3.0
"""How long an action waits for the one before it."""
_OFTEN = 5
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class InForce:
    """What is configured just now."""

    playbook: Playbook = field(default_factory=Playbook)
    catalog: Catalog = field(default_factory=Catalog)
    response: ResponseConfig = field(default_factory=ResponseConfig)
    external_url: str = ""
    status_page_url: str = ""
    name_of: Callable[[str], str] = str


class WaitingErrands(Protocol):
    """Which errands are not done yet: `state.errands.ErrandTable`."""

    async def find(
        self, *, subject: str = "", kinds: Sequence[str] = (), states: Sequence[str] = ()
    ) -> list[Errand]: ...


class ActionHandler:
    """Does the errands of the kind "action"."""

    def __init__(
        self,
        book: IncidentBook,
        errands: WaitingErrands,
        clock: Clock,
        in_force: Callable[[], InForce],
        doers: Mapping[str, Doer],
    ) -> None:
        self._book = book
        self._errands = errands
        self._clock = clock
        self._in_force = in_force
        self._doers = doers
        self._last: dict[str, asyncio.Event] = {}

    async def attempt(self, errand: Errand) -> Done:
        """As `model.errands.Handler`."""
        async with self._turn(errand.subject):
            await self._attempt(errand, decoded(errand.content))
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """As `model.errands.Handler`."""
        return self._in_force().response.give_up.ms

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Say so on the timeline; what a person can do about it stands in the error."""
        job = decoded(errand.content)
        action = self._in_force().playbook.find(job.identity)
        text = f"{job.shown}: failed for good. {error}"
        await self._told(errand, job, action, Outcome(text[:_SHOWN], {}, state=FAILED))
        return NOTHING

    async def _attempt(self, errand: Errand, job: Job) -> None:
        try:
            incident = await self._book.get(errand.subject)
        except NotFound:
            return
        entries = await self._book.timeline(incident.id)
        if has_outcome(entries, errand.key):
            return
        action = self._in_force().playbook.find(job.identity)
        if action is None:
            words = f"{job.shown}: left out, it is not in the configuration any more"
            await self._told(errand, job, None, Outcome(words, state=LEFT_OUT))
            return
        if not await self._is_wanted(errand, job, incident, entries):
            return
        if job.moment == Moment.INITIAL.value and not action.step.when.holds(incident, self._now()):
            words = f"{action.shown}: left out, as {action.step.when} does not hold"
            await self._told(errand, job, action, Outcome(words, state=LEFT_OUT))
            return
        outcome = await self._outcome(errand, self._work(errand, job, action, incident, entries))
        if outcome.links:
            await self._book.link(incident.number, outcome.links, _AUTHOR)
        await self._told(errand, job, action, outcome)

    async def _is_wanted(
        self, errand: Errand, job: Job, incident: Incident, entries: Sequence[Entry]
    ) -> bool:
        """Whether it is to be done now: neither too late nor a second time."""
        if job.moment != Moment.INITIAL.value:
            return job.moment == CLOSE or await self._was_begun(errand, job, entries)
        if incident.is_over or was_done(entries, job.identity):
            return False
        of_severity = self._in_force().playbook.of(incident.severity)
        if all(one.identity != job.identity for one in of_severity):
            return False
        waiting = await self._errands.find(
            subject=errand.subject, kinds=("action",), states=("waiting",)
        )
        return not any(_is_same(one, job) for one in waiting if one.id < errand.id)

    async def _was_begun(self, errand: Errand, job: Job, entries: Sequence[Entry]) -> bool:
        """Whether whoever would hear of it heard of the beginning. Raises Temporary while that is
        on its way: the end is not told before it."""
        if _is_begun(entries, job.identity):
            return True
        now = self._clock.now_ms()
        found = await self._errands.find(
            subject=errand.subject, kinds=("action",), states=("waiting", "cancelled")
        )
        for one in found:
            other = decoded(one.content)
            if (other.identity, other.moment) != (job.identity, Moment.INITIAL.value):
                continue
            is_due = one.state == "waiting" and one.due_ms <= now
            if is_due or (one.attempts and one.claimed_until_ms > now):
                raise Temporary("its beginning is not told yet")
        return False

    async def _outcome(self, errand: Errand, work: Work) -> Outcome:
        doer = self._doers.get(work.action.kind)
        try:
            if doer is None:
                raise Permanent(f"nothing here can do {work.action.kind!r}")
            return await doer.do(work)
        except Temporary as error:
            if _is_news(errand.attempts):
                await self._told(errand, work.job, work.action, _failing(work, error))
            raise

    def _work(
        self,
        errand: Errand,
        job: Job,
        action: Action,
        incident: Incident,
        entries: Sequence[Entry],
    ) -> Work:
        force = self._in_force()
        level = self._book.config.level(incident.severity)
        occasion = Occasion(
            at_ms=job.at_ms,
            text=job.text,
            eta=job.eta,
            author=job.author or TOCSIN,
            severity_description=level.description,
            external_url=force.external_url,
            status_page_url=force.response.status_page_url or force.status_page_url,
            timezone=force.response.timezone,
            name_of=force.name_of,
        )
        told = incident
        if not incident.next_update_ms and level.update_ms and not incident.is_over:
            told = _promising(incident, job.at_ms + level.update_ms)
        return Work(
            key=errand.key,
            action=action,
            job=job,
            incident=incident,
            entries=entries,
            values=values_of(told, occasion),
            catalog=force.catalog,
            attempts=errand.attempts,
        )

    async def _told(
        self, errand: Errand, job: Job, action: Action | None, outcome: Outcome
    ) -> None:
        do = kind_of(action.step) if action else ""
        data = {
            **outcome.data,
            "do": do,
            "action": job.identity,
            "errand": errand.key,
            "moment": job.moment,
            "outcome": outcome.state,
        }
        await self._book.told(errand.subject, "action", outcome.text, _AUTHOR, data)
        if outcome.state != FAILING:
            _done.labels(do, outcome.state).inc()

    def _now(self) -> Now:
        at_ms = self._clock.now_ms()
        hours = self._in_force().response.business_hours
        return Now(is_business_hours=any(one.holds(at_ms) for one in hours))

    @asynccontextmanager
    async def _turn(self, number: str) -> AsyncIterator[None]:
        """In the order in which they became due, unless one takes long."""
        before, mine = self._last.get(number), asyncio.Event()
        self._last[number] = mine
        try:
            if before is not None:
                waiting = asyncio.ensure_future(before.wait())
                await asyncio.wait((waiting,), timeout=_PATIENCE_SECONDS)
                waiting.cancel()
            yield
        finally:
            mine.set()
            if self._last.get(number) is mine:
                del self._last[number]


def _promising(incident: Incident, at_ms: int) -> Incident:
    """As it will be in a moment, when the first update is promised."""
    return msgspec.structs.replace(incident, next_update_ms=at_ms)


def _failing(work: Work, error: Temporary) -> Outcome:
    words = f"{work.action.shown}: failed for now and is tried again. {error}"
    return Outcome(words[:_SHOWN], {"attempts": str(work.attempts)}, state=FAILING)


def _is_news(attempts: int) -> bool:
    """The first failure, and then more and more seldom, so that a timeline can be read."""
    return attempts in (1, _OFTEN) or (attempts >= _OFTEN and attempts & (attempts - 1) == 0)


def _is_begun(entries: Sequence[Entry], identity: str) -> bool:
    """Whether its beginning was told, or at least tried."""
    return any(
        entry.kind == "action"
        and entry.data.get("action") == identity
        and entry.data.get("moment") == Moment.INITIAL.value
        and entry.data.get("outcome") in (DONE, FAILING, FAILED)
        for entry in entries
    )


def _is_same(errand: Errand, job: Job) -> bool:
    other = decoded(errand.content)
    return other.identity == job.identity and other.moment == job.moment
