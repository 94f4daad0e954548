"""Where are documents about incidents kept, every version of them, and what is to be done?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errands import NOTHING, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.database import Database
from tocsin.state.errands import carry_out
from tocsin.state.tables import (
    ACTION_ITEMS,
    ATTACHMENTS,
    INCIDENT_ENTRIES,
    INCIDENTS,
    POSTMORTEMS,
)

VERSION_KIND = "postmortem"
"""The attachments that are versions of a document."""
_MOST = 1000
_WORDS = 20


class AlreadyWritten(Rejected):
    """There is a document about that incident."""


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document: `words` are what it is found by, `content` what its writer says it means."""

    incident_id: int
    version: int
    state: str
    updated_ms: int
    words: str = ""
    content: bytes = b""


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version; `name` is its number in digits, `content` empty in lists."""

    name: str
    created_ms: int
    created_by: str
    content: bytes = b""


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done; `due_ms` 0 when nobody said by when."""

    id: int = 0
    incident_id: int
    version: int = 1
    owner: str
    state: str
    due_ms: int = 0
    updated_ms: int
    content: bytes


class WantedItems(msgspec.Struct, frozen=True, kw_only=True):
    """Which ones; what is empty or 0 does not matter."""

    incident_id: int = 0
    owner: str = ""
    states: tuple[str, ...] = ()
    due_before_ms: int = 0
    limit: int = _MOST


class PostmortemTable:
    """Documents, one an incident. Everything raises Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, row: DocumentRow, version: VersionRow, entries: Sequence[Entry] = ()
    ) -> None:
        """The first version, with what the timeline says of it. Raises AlreadyWritten."""
        values = _document_values(row)
        try:
            async with self._database.transaction() as connection:
                await connection.execute(POSTMORTEMS.insert().values(**values))
                await _keep_version(connection, row.incident_id, version)
                await _add(connection, row.incident_id, entries)
        except IntegrityError as error:
            raise AlreadyWritten("there is a document about that incident already") from error

    async def save(
        self,
        row: DocumentRow,
        was: int,
        version: VersionRow | None,
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Replace version `was`; False when it is not the newest any more. `version` is the text as
        it is then, None when only the state changes."""
        is_it = and_(POSTMORTEMS.c.incident_id == row.incident_id, POSTMORTEMS.c.version == was)
        async with self._database.transaction() as connection:
            change = POSTMORTEMS.update().where(is_it).values(**_document_values(row))
            if (await connection.execute(change)).rowcount != 1:
                return False
            if version is not None:
                await _keep_version(connection, row.incident_id, version)
            await _add(connection, row.incident_id, entries)
        return True

    async def get(self, incident_id: int) -> DocumentRow | None:
        """The document of an incident; None when there is none."""
        question = select(POSTMORTEMS).where(POSTMORTEMS.c.incident_id == incident_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(question)).first()
        return None if found is None else _document(found)

    async def find(
        self, words: str = "", *, state: str = "", limit: int = 200
    ) -> list[tuple[DocumentRow, Incident]]:
        """Documents with their incidents that have every word, in either; the newest first."""
        table = POSTMORTEMS.c
        conditions: list[ColumnElement[bool]] = [
            or_(
                table.words.contains(word, autoescape=True),
                INCIDENTS.c.words.contains(word, autoescape=True),
            )
            for word in words.lower().split()[:_WORDS]
        ]
        if state:
            conditions.append(table.state == state)
        question = (
            select(POSTMORTEMS, INCIDENTS.c.content.label("incident"))
            .join(INCIDENTS, INCIDENTS.c.id == table.incident_id)
            .where(*conditions)
            .order_by(INCIDENTS.c.id.desc())
            .limit(min(limit, _MOST))
        )
        async with self._database.reading() as connection:
            return [
                (_document(row), msgspec.json.decode(bytes(row.incident), type=Incident))
                for row in await connection.execute(question)
            ]

    async def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        question = select(POSTMORTEMS.c.state, func.count()).group_by(POSTMORTEMS.c.state)
        async with self._database.reading() as connection:
            return {row[0]: int(row[1]) for row in await connection.execute(question)}

    async def versions(self, incident_id: int) -> list[VersionRow]:
        """Every version without its text, the oldest first."""
        table = ATTACHMENTS.c
        question = (
            select(table.name, table.created_at, table.created_by)
            .where(table.incident_id == incident_id, table.kind == VERSION_KIND)
            .order_by(table.id)
        )
        async with self._database.reading() as connection:
            return [
                VersionRow(name=row[0], created_ms=row[1], created_by=row[2])
                for row in await connection.execute(question)
            ]

    async def version(self, incident_id: int, name: str) -> VersionRow:
        """One with its text. Raises NotFound."""
        table = ATTACHMENTS.c
        is_it = and_(
            table.incident_id == incident_id, table.kind == VERSION_KIND, table.name == name
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(select(ATTACHMENTS).where(is_it))).first()
        if row is None:
            raise NotFound(f"there is no version {name} of that document")
        return VersionRow(
            name=row.name,
            created_ms=row.created_at,
            created_by=row.created_by,
            content=bytes(row.content),
        )


class ActionItemTable:
    """What is to be done after incidents. Everything raises Temporary as above."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: ItemRow, entries: Sequence[Entry], plan: Plan, now_ms: int) -> ItemRow:
        """A new one; "{item}" in the plan's keys, subjects and contents is its id."""
        values = _item_values(row)
        async with self._database.transaction() as connection:
            made = ACTION_ITEMS.insert().values(**values).returning(ACTION_ITEMS.c.id)
            item_id = int((await connection.execute(made)).scalar_one())
            await _add(connection, row.incident_id, entries)
            await carry_out(connection, _named(plan, item_id), now_ms)
        return msgspec.structs.replace(row, id=item_id)

    async def save(
        self, row: ItemRow, was: int, entries: Sequence[Entry] = (), plan: Plan = NOTHING
    ) -> bool:
        """Replace version `was`; False when it is not the newest any more."""
        is_it = and_(ACTION_ITEMS.c.id == row.id, ACTION_ITEMS.c.version == was)
        async with self._database.transaction() as connection:
            change = ACTION_ITEMS.update().where(is_it).values(**_item_values(row))
            if (await connection.execute(change)).rowcount != 1:
                return False
            await _add(connection, row.incident_id, entries)
            await carry_out(connection, _named(plan, row.id), row.updated_ms)
        return True

    async def get(self, item_id: int) -> ItemRow:
        """Raises NotFound."""
        question = select(ACTION_ITEMS).where(ACTION_ITEMS.c.id == item_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(question)).first()
        if found is None:
            raise NotFound(f"there is no action item {item_id}")
        return _item(found)

    async def find(self, wanted: WantedItems) -> list[ItemRow]:
        """By their due dates, those without one last."""
        table = ACTION_ITEMS.c
        conditions: list[ColumnElement[bool]] = []
        if wanted.incident_id:
            conditions.append(table.incident_id == wanted.incident_id)
        if wanted.owner:
            conditions.append(func.lower(table.owner) == wanted.owner.lower())
        if wanted.states:
            conditions.append(table.state.in_(wanted.states))
        if wanted.due_before_ms:
            conditions.append(and_(table.due_at > 0, table.due_at < wanted.due_before_ms))
        question = (
            select(ACTION_ITEMS)
            .where(*conditions)
            .order_by(table.due_at == 0, table.due_at, table.id)
            .limit(min(wanted.limit, _MOST))
        )
        async with self._database.reading() as connection:
            return [_item(row) for row in await connection.execute(question)]


class TimelineReader:
    """Entries of many incidents at once, for statistics."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(
        self, incident_ids: Sequence[int], kinds: Sequence[str], limit: int
    ) -> list[Entry]:
        """Those of these kinds, in the order in which they were written down."""
        table = INCIDENT_ENTRIES.c
        found: list[Entry] = []
        async with self._database.reading() as connection:
            for start in range(0, len(incident_ids), 500):
                question = (
                    select(table.id, table.incident_id, table.content)
                    .where(
                        table.incident_id.in_(incident_ids[start : start + 500]),
                        table.kind.in_(kinds),
                    )
                    .order_by(table.id)
                    .limit(max(0, limit - len(found)))
                )
                found += [
                    msgspec.structs.replace(
                        msgspec.json.decode(row[2], type=Entry), id=row[0], incident_id=row[1]
                    )
                    for row in await connection.execute(question)
                ]
        return found


async def _keep_version(connection: AsyncConnection, incident_id: int, version: VersionRow) -> None:
    values = {
        "incident_id": incident_id,
        "kind": VERSION_KIND,
        "name": version.name,
        "media_type": "text/markdown",
        "created_at": version.created_ms,
        "created_by": version.created_by,
        "size": len(version.content),
        "content": version.content,
    }
    await connection.execute(ATTACHMENTS.insert().values(**values))


async def _add(connection: AsyncConnection, incident_id: int, entries: Sequence[Entry]) -> None:
    rows = [
        {
            "incident_id": entry.incident_id or incident_id,
            "at": entry.at_ms,
            "kind": entry.kind,
            "content": msgspec.json.encode(entry),
        }
        for entry in entries
    ]
    if rows:
        await connection.execute(INCIDENT_ENTRIES.insert(), rows)


def _named(plan: Plan, item_id: int) -> Plan:
    """The plan of a new item, once it has its id."""
    its_id = str(item_id)
    put = tuple(
        msgspec.structs.replace(
            one,
            key=one.key.replace("{item}", its_id),
            subject=one.subject.replace("{item}", its_id),
            content=one.content.replace(b"{item}", its_id.encode()),
        )
        for one in plan.put
    )
    return msgspec.structs.replace(plan, put=put)


def _document_values(row: DocumentRow) -> dict[str, object]:
    values = msgspec.structs.asdict(row)
    values["updated_at"] = values.pop("updated_ms")
    return values


def _document(row: Row[tuple[object, ...]]) -> DocumentRow:
    return DocumentRow(
        incident_id=row.incident_id,
        version=row.version,
        state=row.state,
        updated_ms=row.updated_at,
        words=row.words,
        content=bytes(row.content),
    )


def _item_values(row: ItemRow) -> dict[str, object]:
    values = msgspec.structs.asdict(row)
    del values["id"]
    values["due_at"], values["updated_at"] = values.pop("due_ms"), values.pop("updated_ms")
    return values


def _item(row: Row[tuple[object, ...]]) -> ItemRow:
    return ItemRow(
        id=row.id,
        incident_id=row.incident_id,
        version=row.version,
        owner=row.owner,
        state=row.state,
        due_ms=row.due_at,
        updated_ms=row.updated_at,
        content=bytes(row.content),
    )
