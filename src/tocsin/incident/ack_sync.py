"""How do an incident and its alerts know of each other's acknowledgements?

Taking on the incident takes on its alerts, so that their repeats stop; taking on an alert, by a
button in Slack or in PagerDuty, takes on its incident, so that nobody else is called. What comes
from here is marked, so that nothing goes back and forth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from tocsin.alert.attention.acknowledge import AckChange, Acknowledgement
from tocsin.incident.book import Author, Change, IncidentBook
from tocsin.incident.from_alerts import OPEN
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected, Temporary
from tocsin.model.incidents import Incident
from tocsin.state.incidents import Asked

_log = log.get("incidents")
_untold = gauge.counter(
    "incident_acknowledgements_lost", "Acknowledgements that did not reach the other side."
)
SOURCE = "incident"
_MOST_WAITING = 5000
_MOST_INCIDENTS = 2000
_ATTEMPTS = 5
_PAUSE_SECONDS = 2.0


class Acknowledgements(Protocol):
    """Which alerts somebody has taken on (`alert.attention.acknowledge.Acknowledgements`)."""

    def of(self, fingerprint: str, now_ms: int) -> Acknowledgement | None:
        """Who has taken the alert on; None when nobody has."""

    async def put_all(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Take many on."""

    async def clear(self, fingerprint: str, by: str, source: str) -> None:
        """Give an alert back. Raises NotFound when nobody has taken it on."""


class AckSync:
    """Carries acknowledgements over, one after another."""

    def __init__(self, book: IncidentBook, acks: Acknowledgements, clock: Clock) -> None:
        self._book = book
        self._acks = acks
        self._clock = clock
        self._waiting: asyncio.Queue[Change | AckChange] = asyncio.Queue(_MOST_WAITING)
        book.subscribe(self._changed)

    async def heard(self, change: AckChange) -> None:
        """An alert was taken on or given back; returns at once."""
        if change.source != SOURCE:
            self._put(change)

    def _changed(self, change: Change) -> None:
        before, after = change.before, change.after
        if before is None or after.is_over:
            return
        was, now_is = bool(before.acknowledged_ms), bool(after.acknowledged_ms)
        is_new_alert = now_is and before.links != after.links
        if was != now_is or is_new_alert:
            self._put(change)

    def _put(self, change: Change | AckChange) -> None:
        try:
            self._waiting.put_nowait(change)
        except asyncio.QueueFull:
            _untold.inc()
            _log.error("acknowledgement_lost", waiting=_MOST_WAITING)

    async def run(self) -> None:
        """Carry them over, for ever."""
        while True:
            await self._carried(await self._waiting.get())

    async def turn(self) -> None:
        """Carry over what waits."""
        while not self._waiting.empty():
            await self._carried(self._waiting.get_nowait())

    async def _carried(self, change: Change | AckChange) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                if isinstance(change, AckChange):
                    await self._to_incident(change)
                else:
                    await self._to_alerts(change)
            except Temporary as error:
                _log.warning("acknowledgement_waits", error=str(error))
                await self._clock.sleep(_PAUSE_SECONDS * (attempt + 1))
            except Rejected as error:
                _log.info("acknowledgement_not_carried_over", why=str(error))
                return
            else:
                return
        _untold.inc()

    async def _to_alerts(self, change: Change) -> None:
        one, now = change.after, self._clock.now_ms()
        firing = [link for link in one.of_kind("alert") if not link.ends_ms and ":" not in link.ref]
        if not one.acknowledged_ms:
            by = next((e.author for e in change.entries if e.kind == "unacknowledged"), "")
            await self._give_back([link.ref for link in firing], by or one.number, now)
            return
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
            if self._acks.of(link.ref, now) is None
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

    async def _to_incident(self, change: AckChange) -> None:
        author, now = Author(change.by, change.source), self._clock.now_ms()
        for one in await self._of_alert(change.fingerprint):
            if change.is_set:
                await self._book.acknowledge(one.number, author)
            elif not any(
                self._acks.of(link.ref, now) for link in one.of_kind("alert") if not link.ends_ms
            ):
                await self._book.unacknowledge(one.number, author)

    async def _of_alert(self, ref: str) -> list[Incident]:
        found = await self._book.find(Asked(statuses=OPEN, limit=_MOST_INCIDENTS))
        return [
            one
            for one in found
            if any(link.ref == ref and not link.ends_ms for link in one.of_kind("alert"))
        ]
