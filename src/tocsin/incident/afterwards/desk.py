"""What pages and programs use of what comes after incidents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.incident.afterwards import export
from tocsin.incident.afterwards.action_items import ActionItem, ActionItems
from tocsin.incident.afterwards.config import PostMortemConfig
from tocsin.incident.afterwards.documents import Document, Documents
from tocsin.incident.afterwards.drafting import Drafting
from tocsin.incident.afterwards.pictures import Picture, graph_picture, load
from tocsin.incident.afterwards.statistics import (
    ALL_KINDS,
    Statistics,
    statistics_of,
)
from tocsin.incident.evidence.keep import KIND, bundle_of, unpacked
from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.incidents import Asked, Attachment, IncidentTable
from tocsin.state.postmortems import TimelineReader

FORMATS: Mapping[str, str] = {
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
"""How a document is exported, by the end of its name."""

LONGEST_DAYS = 800
_DAY_MS = 86_400_000
_MOST_INCIDENTS = 10_000
_MOST_ENTRIES = 300_000


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Documents, action items, evidence and statistics."""

    documents: Documents
    items: ActionItems
    drafting: Drafting
    incidents: IncidentTable
    timelines: TimelineReader
    config: Callable[[], PostMortemConfig]
    external_url: Callable[[], str]
    zone_of: Callable[[str], str]
    """A person's time zone, UTC when nothing is known."""

    async def exported(self, number: str, form: str) -> tuple[str, bytes]:
        """A file's name and its content. Raises NotFound, Rejected for another form."""
        if form not in FORMATS:
            raise Rejected(f"a post-mortem is exported as {', '.join(FORMATS)}, not {form[:20]!r}")
        document = await self.documents.get(number)
        items = await self.items.of(document.incident)
        name, url = f"{document.incident.number}-post-mortem.{form}", self.external_url()
        if form == "md":
            return name, export.markdown(document, items, url).encode("utf-8", "replace")
        pictures = await load(self.incidents, document.incident, document.text)
        if form == "html":
            text = await asyncio.to_thread(export.page, document, items, pictures, url)
            return name, text.encode("utf-8", "replace")
        return name, await asyncio.to_thread(self._pdf, document, items, pictures)

    def _pdf(
        self, document: Document, items: Sequence[ActionItem], pictures: Mapping[str, Picture]
    ) -> bytes:
        # Imported here: 20 MB, and half a second, that only those who want a PDF need.
        from tocsin.incident.afterwards.pdf import pdf

        text = export.markdown(document, items, self.external_url())
        base = self.external_url().rstrip("/")
        known = {**pictures, **{f"{base}{address}": one for address, one in pictures.items()}}
        title = f"{document.incident.number}: {document.incident.title}"
        return pdf(title, text, known, self.config().pdf_font)

    async def evidence(self, number: str) -> list[Attachment]:
        """The files of an incident, without their contents, the oldest first."""
        incident = await self.incidents.get(number)
        attached = await self.incidents.attachments(incident.id)
        return [one for one in attached if one.kind == KIND]

    async def evidence_file(self, number: str, attachment_id: int) -> tuple[str, bytes]:
        """A file's name and its content. Raises NotFound."""
        kept = await self._kept(number, attachment_id)
        return kept.name, await asyncio.to_thread(unpacked, kept.content)

    async def evidence_graph(self, number: str, attachment_id: int, graph_id: str) -> Picture:
        """One of its graphs. Raises NotFound."""
        kept = await self._kept(number, attachment_id)
        return graph_picture(await asyncio.to_thread(bundle_of, kept.content), graph_id)

    async def _kept(self, number: str, attachment_id: int) -> Attachment:
        incident = await self.incidents.get(number)
        kept = await self.incidents.attachment(incident.id, attachment_id)
        if kept.kind != KIND:
            raise NotFound(f"{incident.number} has no evidence {attachment_id}")
        return kept

    async def statistics(self, start_ms: int, end_ms: int, zone: str = "UTC") -> Statistics:
        """Of incidents opened within the range. Raises Rejected for a range or a zone that makes
        no sense."""
        if not 0 < end_ms - start_ms <= LONGEST_DAYS * _DAY_MS:
            raise Rejected(f"the range is longer than 0 and at most {LONGEST_DAYS} days")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Rejected(f"there is no time zone {zone[:60]!r}; one is Europe/Berlin") from error
        asked = Asked(since_ms=start_ms, until_ms=end_ms, limit=_MOST_INCIDENTS + 1)
        found = await self.incidents.find(asked)
        if len(found) > _MOST_INCIDENTS:
            raise Rejected(f"the range has more than {_MOST_INCIDENTS:,} incidents; narrow it")
        ids = [one.id for one in found]
        entries = await self.timelines.entries(ids, ALL_KINDS, _MOST_ENTRIES + 1)
        if len(entries) > _MOST_ENTRIES:
            raise Rejected(f"the range has more than {_MOST_ENTRIES:,} entries; narrow it")
        span = (start_ms, end_ms)
        return await asyncio.to_thread(statistics_of, found, entries, span, zone, self.zone_of)
