"""Who may change a document about an incident, and what becomes of the words of others?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from enum import Enum

import msgspec

from tocsin.incident.afterwards.markdown import LONGEST
from tocsin.incident.request import TOCSIN, Author
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.incidents import Entry, Incident
from tocsin.state.incidents import IncidentTable
from tocsin.state.postmortems import DocumentRow, PostmortemTable, VersionRow

_MARKS = re.compile(r"[*`>\\]+|(?<!\w)_|_(?!\w)")
"""What an excerpt is easier to read without."""
KIND = "postmortem"
"""Of the entries on the timeline."""


class State(Enum):
    """How far a document has come."""

    DRAFT = "draft"
    REVIEW = "in review"
    PUBLISHED = "published"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What was written about an incident, as it is now. Times in ms, 0 for what has not been."""

    incident: Incident
    version: int
    """Counts its changes, those of its state too."""
    state: State
    text: str
    created_ms: int
    updated_ms: int
    updated_by: str
    published_ms: int = 0
    published_by: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The text as it was once; empty in lists."""

    version: int
    at_ms: int
    by: str
    text: str = ""


class DocumentChanged(Rejected):
    """Somebody wrote meanwhile: `now` is what there is by now."""

    def __init__(self, now: Document) -> None:
        super().__init__(
            f"{now.updated_by} changed the post-mortem of {now.incident.number} meanwhile "
            f"(version {now.version}): take over what you need, and save again"
        )
        self.now = now


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a document besides its columns."""

    text: str
    created_ms: int
    updated_by: str
    published_ms: int = 0
    published_by: str = ""


class Documents:
    """The documents of all incidents. Everything raises NotFound for an incident that is not
    there or has none, Temporary when the database does not answer."""

    def __init__(self, table: PostmortemTable, incidents: IncidentTable, clock: Clock) -> None:
        self._table = table
        self._incidents = incidents
        self._clock = clock

    async def get(self, number: str) -> Document:
        """The one about that incident."""
        incident = await self._incidents.get(number)
        found = await self._of(incident)
        if found is None:
            raise NotFound(f"nothing is written about {incident.number} yet")
        return found

    async def find(
        self, words: str = "", *, state: str = "", service: str = "", cause: str = ""
    ) -> list[Document]:
        """Those that have every word, in their text or their incident's, the newest first."""
        found = await self._table.find(words[:500], state=state, limit=1000)
        wanted = [
            (row, incident)
            for row, incident in found
            if (not service or service.lower() in map(str.lower, incident.services))
            and (not cause or cause.lower() == incident.cause.lower())
        ]
        return [_document(row, incident) for row, incident in wanted]

    async def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        return await self._table.counts()

    async def create(self, number: str, text: str, author: Author) -> Document:
        """The first version. Raises AlreadyWritten when there is one."""
        incident = await self._incidents.get(number)
        now = self._clock.now_ms()
        content = _Content(text=_checked(text), created_ms=now, updated_by=author.name)
        row = _row(incident, 1, State.DRAFT, content, now)
        words = "Drafted the post-mortem" if author.name == TOCSIN else "Began the post-mortem"
        entry = _entry(incident, author, now, words)
        await self._table.create(row, _version(1, content, now), (entry,))
        return _document(row, incident)

    async def save(self, number: str, text: str, version: int, author: Author) -> Document:
        """Another text in place of that version. Raises DocumentChanged when it is not the newest,
        unless nothing would change."""
        seen = await self._newest(number, version, text=text)
        if seen.text == text:
            return seen
        now = self._clock.now_ms()
        content = msgspec.structs.replace(_content(seen), text=_checked(text))
        content = msgspec.structs.replace(content, updated_by=author.name)
        row = _row(seen.incident, version + 1, seen.state, content, now)
        if not await self._table.save(row, version, _version(version + 1, content, now)):
            raise DocumentChanged(await self.get(number))
        return _document(row, seen.incident)

    async def set_state(self, number: str, state: State, version: int, author: Author) -> Document:
        """It has come so far. Raises DocumentChanged as above."""
        seen = await self._newest(number, version, state=state)
        if seen.state is state:
            return seen
        now, content = self._clock.now_ms(), _content(seen)
        if state is State.PUBLISHED:
            content = msgspec.structs.replace(content, published_ms=now, published_by=author.name)
        row = _row(seen.incident, version + 1, state, content, now)
        words = {
            State.DRAFT: "The post-mortem is a draft again",
            State.REVIEW: "The post-mortem is in review",
            State.PUBLISHED: "Published the post-mortem",
        }
        entry = _entry(seen.incident, author, now, words[state])
        if not await self._table.save(row, version, None, (entry,)):
            raise DocumentChanged(await self.get(number))
        return _document(row, seen.incident)

    async def versions(self, number: str) -> list[Version]:
        """Every text that there was, without the texts, the newest first."""
        incident = await self._incidents.get(number)
        rows = await self._table.versions(incident.id)
        found = [Version(version=int(v.name), at_ms=v.created_ms, by=v.created_by) for v in rows]
        return found[::-1]

    async def version(self, number: str, version: int) -> Version:
        """One of them with its text."""
        incident = await self._incidents.get(number)
        row = await self._table.version(incident.id, str(version))
        text = row.content.decode()
        return Version(version=version, at_ms=row.created_ms, by=row.created_by, text=text)

    async def _newest(
        self, number: str, version: int, *, text: str | None = None, state: State | None = None
    ) -> Document:
        """As it is now. Raises DocumentChanged when it is not `version`, unless it says the same:
        a form that was sent twice has changed nothing the second time."""
        seen = await self.get(number)
        if seen.version != version and seen.text != text and seen.state is not state:
            raise DocumentChanged(seen)
        return seen

    async def _of(self, incident: Incident) -> Document | None:
        row = await self._table.get(incident.id)
        return None if row is None else _document(row, incident)


def difference(before: str, after: str) -> list[str]:
    """What changed, as lines that begin with "+", "-", " " or "@@"; at most 2,000."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [line[:2000] for line in lines if not line.startswith(("---", "+++"))][:2000]


def _checked(text: str) -> str:
    flat = text.replace("\r\n", "\n").replace("\x00", "")
    if len(flat) > LONGEST:
        raise Rejected(f"a post-mortem has at most {LONGEST:,} characters, got {len(flat):,}")
    return flat


def _row(
    incident: Incident, version: int, state: State, content: _Content, now_ms: int
) -> DocumentRow:
    return DocumentRow(
        incident_id=incident.id,
        version=version,
        state=state.value,
        updated_ms=now_ms,
        words=f"{incident.cause} {content.text}".lower(),
        content=msgspec.json.encode(content),
    )


def _version(version: int, content: _Content, now_ms: int) -> VersionRow:
    return VersionRow(
        name=str(version),
        created_ms=now_ms,
        created_by=content.updated_by,
        content=content.text.encode("utf-8", "replace"),
    )


def _content(document: Document) -> _Content:
    return _Content(
        text=document.text,
        created_ms=document.created_ms,
        updated_by=document.updated_by,
        published_ms=document.published_ms,
        published_by=document.published_by,
    )


def _document(row: DocumentRow, incident: Incident) -> Document:
    content = msgspec.json.decode(row.content, type=_Content)
    return Document(
        incident=incident,
        version=row.version,
        state=State(row.state),
        text=content.text,
        created_ms=content.created_ms,
        updated_ms=row.updated_ms,
        updated_by=content.updated_by,
        published_ms=content.published_ms,
        published_by=content.published_by,
    )


def _entry(incident: Incident, author: Author, now_ms: int, text: str) -> Entry:
    return Entry(
        incident_id=incident.id,
        at_ms=now_ms,
        kind=KIND,
        author=author.name,
        source=author.source,
        text=text,
    )


def excerpt(document: Document, words: Sequence[str], length: int = 200) -> str:
    """The text around the first of the words, on one line; its beginning when none is in it."""
    flat = " ".join(line for line in document.text.splitlines() if not line.startswith(("#", "|")))
    flat = " ".join(_MARKS.sub("", flat).split())
    places = [at for word in words if (at := flat.lower().find(word.lower())) >= 0]
    start = max(0, min(places, default=0) - length // 4)
    cut = flat[start : start + length]
    return f"{'…' if start else ''}{cut}{'…' if start + length < len(flat) else ''}"
