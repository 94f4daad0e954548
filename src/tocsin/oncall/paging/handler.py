"""Who sees to a page that is due? It is sent unless somebody has answered meanwhile; one that
cannot be brought hurries the person's next way, and at last the escalation."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Incident
from tocsin.model.people import ContactMethod
from tocsin.oncall.paging.caller import Caller, Directory, Timeline
from tocsin.oncall.paging.page import CHANNEL, PAGE, Page, errand_of, next_in_turn, page_of
from tocsin.oncall.paging.rules import methods_of
from tocsin.oncall.paging.words import message_of
from tocsin.state.errands import CANCELLED, WAITING, ErrandTable

_log = log.get("paging")
_sent = gauge.counter("pages_sent", "Pages that were brought.", ("kind",))
_failed = gauge.counter("pages_failed", "Pages that could not be brought.", ("kind",))
_skipped = gauge.counter("pages_not_needed", "Pages that somebody's answer made needless.")
_took = gauge.histogram(
    "page_delay_seconds", "From the time a page was due to when it was brought.", ("kind",)
)
_PATIENCE_MS = 45_000
"""How long one way is tried; then the next one is."""
UNREACHED = "unreached"


def unreached_errand(failed: Page, errand: Errand, now_ms: int) -> Errand:
    """What looks whether anybody was reached in that turn, once a person cannot be."""
    whom = failed.person or CHANNEL
    return Errand(
        kind="escalation",
        key=f"unreached/{errand.subject}/{failed.turn}/{whom}/{failed.method}/{failed.nth}",
        subject=errand.subject,
        due_ms=now_ms,
        content=msgspec.json.encode({UNREACHED: failed.turn}),
    )


class PageHandler:
    """Does the errands of the kind "page" about incidents."""

    def __init__(
        self,
        table: ErrandTable,
        timeline: Timeline,
        directory: Directory,
        caller: Caller,
        clock: Clock,
    ) -> None:
        self._table = table
        self._timeline = timeline
        self._directory = directory
        self._caller = caller
        self._clock = clock

    async def attempt(self, errand: Errand) -> Outcome:
        """Bring it, unless it is not needed any more."""
        page = page_of(errand)
        incident = await self._timeline.incident(errand.subject)
        if not await self._is_needed(errand, page, incident):
            _skipped.inc()
            return Done()
        method = await self._method(page)
        now_ms = self._clock.now_ms()
        await self._caller.call(method, message_of(incident, page, now_ms))
        _sent.labels(method.kind).inc()
        _took.labels(method.kind).observe(max(0, now_ms - errand.due_ms) / 1000)
        words = f"Paged {page.whom} by {_way(method)}."
        data = _data(errand, page, method.kind, "sent")
        is_repeat = errand.attempts > 1
        await self._timeline.tell(errand.subject, PAGE, words, data, is_repeat=is_repeat)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """Not long: the next way is better than this one later."""
        return _PATIENCE_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The person's next way at once; without one, it is looked whom the turn reached at all."""
        page, now_ms = page_of(errand), self._clock.now_ms()
        _failed.labels(page.method if page.person else CHANNEL).inc()
        words = f"{page.whom} could not be paged by {page.method}: {error}"
        data = _data(errand, page, page.method, "failed")
        try:
            await self._timeline.tell(errand.subject, PAGE, words, data, is_repeat=False)
        except Fault as problem:  # the page that follows matters more than its note
            _log.error("page_not_noted", key=errand.key, error=str(problem))
        if page.is_news:
            return NOTHING
        later = next_in_turn(page, await self._pages(errand.subject), now_ms)
        if later is None:
            return Plan(put=(unreached_errand(page, errand, now_ms),))
        hurried = msgspec.structs.replace(page_of(later), instead_of=later.key)
        return Plan(cancel=(later.key,), put=(errand_of(hurried, errand.subject, now_ms),))

    async def _pages(self, subject: str) -> list[Errand]:
        return await self._table.find(subject=subject, kinds=(PAGE,))

    async def _is_needed(self, errand: Errand, page: Page, incident: Incident) -> bool:
        if incident.is_over or (incident.acknowledged_ms and not page.is_news):
            return False
        kept = await self._table.get(errand.key)
        if kept is not None and kept.state != WAITING:
            return False
        if page.instead_of:
            hurried = await self._table.get(page.instead_of)
            return hurried is None or hurried.state == CANCELLED
        return True

    async def _method(self, page: Page) -> ContactMethod:
        if not page.person:
            return ContactMethod(name=page.method, kind=CHANNEL, address=page.method)
        person = (await self._directory.people()).get(page.person)
        if person is None:
            raise Rejected(f"{page.person} is not in oncall.people any more")
        for method in methods_of(person):
            if method.name == page.method:
                return method
        raise Rejected(f"{page.person} has no way {page.method!r} any more")


def _way(method: ContactMethod) -> str:
    return method.kind if method.kind == method.name else f"{method.name} ({method.kind})"


def _data(errand: Errand, page: Page, kind: str, state: str) -> Mapping[str, str]:
    return {
        "key": f"{errand.key}#{state}",
        "person": page.person,
        "method": page.method,
        "kind": kind,
        "state": state,
    }
