"""How do an incident and its alerts know of each other's acknowledgements?

Taking on the incident takes on its alerts, so that their repeats stop; taking on an alert, by a
button in Slack or in PagerDuty, takes on its incident, so that nobody else is called. Each is
carried over by an errand that is kept together with the acknowledgement, so that no crash loses it.
What comes from here is marked, so that nothing goes back and forth.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from tocsin.alert.attention.acknowledge import AckChange, Acknowledgement
from tocsin.incident.book import Author, IncidentBook
from tocsin.incident.change import taken_with
from tocsin.incident.from_alerts import OPEN
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.alerts import Alert
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.incidents import Asked

_log = log.get("incidents")
_untold = gauge.counter(
    "incident_acknowledgements_lost", "Acknowledgements that did not reach the other side."
)
SOURCE = "incident"
TO_ALERTS, TO_INCIDENTS = "incident_ack", "alert_ack"
"""The kinds of errands."""
_MOST_INCIDENTS = 2000
_GIVE_UP_MS = 3_600_000


class Acknowledgements(Protocol):
    """Which alerts somebody has taken on (`alert.attention.acknowledge.Acknowledgements`)."""

    def of(self, fingerprint: str, now_ms: int) -> Acknowledgement | None:
        """Who has taken the alert on; None when nobody has."""

    async def put_all(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Take many on."""

    async def clear(self, fingerprint: str, by: str, source: str) -> None:
        """Give an alert back. Raises NotFound when nobody has taken it on."""


class _Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Who took on, or gave back, which alerts; none where it goes from an incident to all of its
    own."""

    by: str
    is_set: bool
    source: str = ""
    alerts: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    """Not these of the incident's own: who took them on may have given them back since."""


def to_incidents(changes: Sequence[AckChange]) -> Plan:
    """What carries these over to the incidents of their alerts; as `AckKeeper` keeps them."""
    told: dict[tuple[str, str, bool], list[AckChange]] = {}
    for one in changes:
        if one.source != SOURCE:
            told.setdefault((one.by, one.source, one.is_set), []).append(one)
    return Plan(
        put=tuple(
            Errand(
                kind=TO_INCIDENTS,
                key=f"{TO_INCIDENTS}/{uuid.uuid4().hex}",
                subject=those[0].fingerprint,
                due_ms=those[0].at_ms,
                content=msgspec.json.encode(
                    _Carried(
                        by=by,
                        source=source,
                        is_set=is_set,
                        alerts=tuple(one.fingerprint for one in those),
                    )
                ),
            )
            for (by, source, is_set), those in told.items()
        )
    )


def to_alerts(before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
    """What carries an incident's acknowledgement over to its alerts; as `IncidentBook.follow`
    wants it."""
    was, now_is = bool(before and before.acknowledged_ms), bool(after.acknowledged_ms)
    joined = firing_refs(after) - (firing_refs(before) if before else set())
    if after.is_over or not (was != now_is or (now_is and joined)):
        return NOTHING
    by = next((one.author for one in entries if one.kind == "unacknowledged"), after.number)
    version = before.version + 1 if before else 0
    return Plan(
        put=(
            Errand(
                kind=TO_ALERTS,
                key=f"{TO_ALERTS}/{after.number}/v{version}",
                subject=after.number,
                due_ms=max((one.at_ms for one in entries), default=after.opened_ms),
                content=msgspec.json.encode(
                    _Carried(
                        by=by,
                        is_set=now_is,
                        alerts=tuple(sorted(joined)) if was == now_is else (),
                        but=tuple(ref for one in entries for ref in taken_with(one)),
                    )
                ),
            ),
        )
    )


class AckSync:
    """The handler of both kinds; in the order in which they come, one after another."""

    def __init__(self, book: IncidentBook, acks: Acknowledgements, clock: Clock) -> None:
        self._book = book
        self._acks = acks
        self._clock = clock
        self._turn = asyncio.Lock()

    def taken_by(self, alert: Alert) -> Author | None:
        """Who took the alert on since it fires; None when nobody did."""
        ack = self._acks.of(alert.fingerprint, self._clock.now_ms())
        if ack is None or (not ack.until_ms and ack.at_ms < alert.starts_ms):
            return None
        return Author(ack.by, ack.source)

    async def attempt(self, errand: Errand) -> Outcome:
        """Raises Temporary while one of both cannot be kept."""
        carried = msgspec.json.decode(errand.content, type=_Carried)
        async with self._turn:
            if errand.kind == TO_ALERTS:
                await self._to_alerts(errand.subject, carried)
            else:
                await self._to_incidents(carried)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """An hour."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Nothing follows; the runner has logged it."""
        _untold.inc()
        return NOTHING

    async def _to_alerts(self, number: str, carried: _Carried) -> None:
        """Unless the incident has changed meanwhile: that has an errand of its own."""
        one, now = await self._book.get(number), self._clock.now_ms()
        if one.is_over or carried.is_set != bool(one.acknowledged_ms):
            return
        firing = [link for link in one.of_kind("alert") if not link.ends_ms and ":" not in link.ref]
        if not carried.is_set:
            await self._give_back([link.ref for link in firing], carried.by, now)
            return
        asked = set(carried.alerts) or {link.ref for link in firing}
        asked -= set(carried.but)
        fresh = [
            Acknowledgement(
                fingerprint=link.ref,
                labels=link.labels,
                by=one.acknowledged_by,
                at_ms=now,
                note=one.number,
                source=SOURCE,
            )
            for link in firing
            if link.ref in asked and self._acks.of(link.ref, now) is None
        ]
        if fresh:
            await self._acks.put_all(fresh)

    async def _give_back(self, refs: Sequence[str], by: str, now: int) -> None:
        for ref in refs:
            if self._acks.of(ref, now) is None:
                continue
            try:
                await self._acks.clear(ref, by, SOURCE)
            except NotFound:  # it ended, or somebody gave it back, this moment
                continue

    async def _to_incidents(self, carried: _Carried) -> None:
        author, now = Author(carried.by, carried.source), self._clock.now_ms()
        for one in await self._of_alerts(frozenset(carried.alerts)):
            try:
                if carried.is_set:
                    await self._book.acknowledge(one.number, author, alerts=carried.alerts)
                elif not any(
                    self._acks.of(link.ref, now)
                    for link in one.of_kind("alert")
                    if not link.ends_ms
                ):
                    await self._book.unacknowledge(one.number, author)
            except Rejected as error:  # it was resolved this moment
                _log.info("acknowledgement_not_carried_over", why=str(error))

    async def _of_alerts(self, refs: frozenset[str]) -> list[Incident]:
        found = await self._book.find(Asked(statuses=OPEN, limit=_MOST_INCIDENTS))
        return [one for one in found if refs & firing_refs(one)]


def firing_refs(one: Incident) -> set[str]:
    """The fingerprints of its alerts that go on."""
    return {link.ref for link in one.of_kind("alert") if not link.ends_ms}
