"""When is evidence kept? As an incident opens and as it is resolved, whatever crashes."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.incident.book import TOCSIN, Author, IncidentBook
from tocsin.incident.change import entry
from tocsin.incident.evidence.bundle import OPENED, RESOLVED, Bundle
from tocsin.incident.evidence.collect import Collector
from tocsin.incident.evidence.document import page
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.incidents import Attachment

KIND = "evidence"
"""Of the errands, the attachments and the entries."""

_log = log.get("evidence")
_kept = gauge.counter("evidence_kept", "Files of evidence that were kept.", ("moment",))
_AUTHOR = Author(TOCSIN, TOCSIN)
_PATIENT_ATTEMPTS = 4
"""So often a part that fails for now is waited for; then the file is kept without it."""
_GIVE_UP_MS = 3_600_000
_LEVEL = 4


class _Content(msgspec.Struct, frozen=True):
    """What an errand says."""

    moment: str
    at_ms: int


def plan_of(before: Incident | None, after: Incident, _entries: Sequence[Entry]) -> Plan:
    """What to freeze after this change: at the opening, and at each resolution."""
    found: list[Errand] = []
    if before is None:
        found.append(_errand(after, "{number}", OPENED, after.opened_ms))
    is_over = after.is_over and bool(after.resolved_ms) and not after.merged_into
    if is_over and (before is None or before.resolved_ms != after.resolved_ms):
        found.append(_errand(after, after.number, RESOLVED, after.resolved_ms))
    return Plan(put=tuple(found)) if found else NOTHING


def _errand(incident: Incident, number: str, moment: str, at_ms: int) -> Errand:
    number = number or incident.number
    return Errand(
        kind=KIND,
        key=f"evidence/{number}/{moment}/{at_ms}",
        subject=number,
        due_ms=at_ms,
        content=msgspec.json.encode(_Content(moment, at_ms)),
    )


class EvidenceKeeper:
    """The handler of the errands: collects, writes the file, attaches it once."""

    def __init__(self, book: IncidentBook, collector: Collector, clock: Clock) -> None:
        self._book = book
        self._table = book.table
        self._collector = collector
        self._clock = clock

    async def attempt(self, errand: Errand) -> Outcome:
        """Freeze it. A part that fails for now is waited for a few times, and then named."""
        asked = msgspec.json.decode(errand.content, type=_Content)
        try:
            incident = await self._table.get(errand.subject)
        except NotFound:
            return Done()
        name = file_name(incident, asked.moment, asked.at_ms)
        attached = await self._table.attachments(incident.id)
        if any(one.kind == KIND and one.name == name for one in attached):
            return Done()  # an earlier attempt came so far, and no further
        bundle, busy = await self._collected(incident, attached, asked.moment)
        if busy and errand.attempts < _PATIENT_ATTEMPTS:
            raise Temporary(f"waiting for {', '.join(busy)}")
        content = await asyncio.to_thread(_packed, bundle)
        await self._attach(incident, bundle, name, content)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """After an hour it would not be what it was."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The timeline says that there is none."""
        try:
            await self._book.told(
                errand.subject, KIND, f"Evidence could not be kept: {error}", _AUTHOR
            )
        except Fault as untold:
            _log.warning("evidence_failure_not_told", error=str(untold))
        return NOTHING

    async def _collected(
        self, incident: Incident, attached: Sequence[Attachment], moment: str
    ) -> tuple[Bundle, tuple[str, ...]]:
        timeline = await self._table.timeline(incident.id)
        images = [
            await self._table.attachment(incident.id, one.id)
            for one in attached
            if one.kind == "image" and one.media_type.startswith("image/")
        ]
        now = self._clock.now_ms()
        return await self._collector.collect(incident, timeline, images, moment, now)

    async def _attach(self, incident: Incident, bundle: Bundle, name: str, content: bytes) -> None:
        data = {"attachment": "{attachment}", "moment": bundle.moment, "name": name}
        told = entry(KIND, _AUTHOR, self._clock.now_ms(), summary(bundle), data)
        attachment = Attachment(
            incident_id=incident.id,
            kind=KIND,
            name=name,
            media_type="text/html",
            created_ms=bundle.frozen_ms,
            created_by="tocsin",
            content=content,
        )
        kept = await self._book.attach(incident.number, attachment, (told,))
        _kept.labels(bundle.moment).inc()
        _log.info("evidence_kept", incident=incident.number, name=name, bytes=kept.size)


def summary(bundle: Bundle) -> str:
    """One sentence for the timeline."""
    counts = (
        (len(bundle.graphs), "graph"),
        (len(bundle.lines), "log line"),
        (len(bundle.alerts), "alert"),
        (len(bundle.rules), "rule"),
        (len(bundle.changes), "change"),
    )
    words = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
    missing = len(bundle.left_out)
    rest = f"; {missing} thing{'' if missing == 1 else 's'} left out" if missing else ""
    return f"Evidence kept: {words}{rest}"


def file_name(incident: Incident, moment: str, at_ms: int) -> str:
    """Such as `INC-2026-0042-opened-20260504-133700.html`: one for each incident and moment."""
    when = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{incident.number}-{moment}-{when:%Y%m%d-%H%M%S}.html"


def _packed(bundle: Bundle) -> bytes:
    return gzip.compress(page(bundle).encode("utf-8", "replace"), _LEVEL, mtime=0)


def unpacked(content: bytes) -> bytes:
    """The file of an attachment's content."""
    return gzip.decompress(content)


_DATA = re.compile(rb'<script type="application/json" id="evidence">(.*?)</script>', re.DOTALL)


def bundle_of(content: bytes) -> Bundle:
    """The data of an attachment's file. Raises Rejected when it is none of this version's."""
    found = _DATA.search(unpacked(content))
    try:
        return msgspec.json.decode(found[1] if found else b"", type=Bundle)
    except msgspec.DecodeError as error:
        raise Rejected(f"the evidence cannot be read: {error}") from error
