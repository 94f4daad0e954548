"""Where are incidents kept, what happened in them, and their pictures and files?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errands import NOTHING, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.database import Database, upsert
from tocsin.state.errands import carry_out
from tocsin.state.tables import ATTACHMENTS, INCIDENT_ENTRIES, INCIDENTS, SETTINGS

_LOCK = 7_777_000_003
"""The advisory lock that lets one of several nodes number incidents at a time."""
_WORDS = 20_000


class Stale(Rejected):
    """Somebody else changed it meanwhile; `now` is what it is by now."""

    def __init__(self, now: Incident) -> None:
        super().__init__(
            f"{now.number} was changed meanwhile (version {now.version}): look at it again, and "
            "repeat what still applies"
        )
        self.now = now


class AlreadyOpen(Rejected):
    """An incident of that join key is open already."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents; what is empty or 0 does not matter."""

    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    words: str = ""
    since_ms: int = 0
    """Opened since then, or not over by then."""
    until_ms: int = 0
    before_id: int = 0
    limit: int = 100


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A picture or a file of an incident; `content` is empty in lists."""

    id: int = 0
    incident_id: int
    kind: str
    """"image", or "evidence"."""
    name: str
    media_type: str
    created_ms: int
    created_by: str
    size: int = 0
    content: bytes = b""


class IncidentTable:
    """Incidents with their timelines. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, incident: Incident, entries: Sequence[Entry], plan: Plan) -> Incident:
        """Keep a new one, number it, and put what follows from it, in one transaction: `plan`'s
        keys and subjects may contain "{number}". Raises AlreadyOpen when one of its join key is."""
        now = incident.opened_ms
        try:
            async with self._database.transaction() as connection:
                number = await self._number(connection, now)
                incident = msgspec.structs.replace(incident, number=number, version=1)
                made = INCIDENTS.insert().values(**_row(incident)).returning(INCIDENTS.c.id)
                its_id = int((await connection.execute(made)).scalar_one())
                incident = msgspec.structs.replace(incident, id=its_id)
                content = INCIDENTS.update().where(INCIDENTS.c.id == incident.id)
                await connection.execute(content.values(content=msgspec.json.encode(incident)))
                await _add(connection, incident.id, entries)
                await carry_out(connection, numbered(plan, number), now)
        except IntegrityError as error:
            raise AlreadyOpen(
                f"an incident about {incident.join_key or incident.title} is open already"
            ) from error
        return incident

    async def save(
        self, incident: Incident, entries: Sequence[Entry], plan: Plan, now_ms: int
    ) -> Incident:
        """Keep a changed one with what is new on its timeline and what follows, in one
        transaction; returns it with its new version. Raises Stale when it is not the newest."""
        (kept,) = await self.save_all(((incident, entries, plan),), now_ms)
        return kept

    async def save_all(
        self, changed: Sequence[tuple[Incident, Sequence[Entry], Plan]], now_ms: int
    ) -> list[Incident]:
        """Keep several changed ones, all or none, as `save` keeps one."""
        kept: list[Incident] = []
        try:
            async with self._database.transaction() as connection:
                for incident, entries, plan in changed:
                    kept.append(await self._save(connection, incident, entries))
                    await carry_out(connection, plan, now_ms)
        except IntegrityError as error:
            one = changed[len(kept)][0]
            raise AlreadyOpen(
                f"another incident about {one.join_key} is open: merge {one.number} into it"
            ) from error
        return kept

    async def _save(
        self, connection: AsyncConnection, incident: Incident, entries: Sequence[Entry]
    ) -> Incident:
        was = incident.version
        incident = msgspec.structs.replace(incident, version=was + 1)
        is_newest = and_(INCIDENTS.c.id == incident.id, INCIDENTS.c.version == was)
        change = INCIDENTS.update().where(is_newest).values(**_row(incident))
        if (await connection.execute(change)).rowcount != 1:
            raise Stale(await self._get(connection, INCIDENTS.c.id == incident.id))
        await _add(connection, incident.id, entries)
        return incident

    async def note(self, incident_id: int, entries: Sequence[Entry], plan: Plan = NOTHING) -> None:
        """Add to a timeline without a change of the incident: it makes nobody's version stale."""
        now = max((entry.at_ms for entry in entries), default=0)
        async with self._database.transaction() as connection:
            await _add(connection, incident_id, entries)
            await carry_out(connection, plan, now)

    async def _number(self, connection: AsyncConnection, now_ms: int) -> str:
        year = datetime.fromtimestamp(now_ms / 1000, UTC).year
        if not self._database.is_sqlite:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        key = f"incidents.{year}"
        taken = await connection.scalar(select(SETTINGS.c.value).where(SETTINGS.c.key == key))
        number = int(taken or 0) + 1
        row = {"value": b"%d" % number, "updated_at": now_ms, "updated_by": "tocsin"}
        await upsert(connection, SETTINGS, {"key": key}, row)
        return f"INC-{year}-{number:04d}"

    async def get(self, number: str) -> Incident:
        """By its number, or by its id in digits. Raises NotFound."""
        is_it = INCIDENTS.c.number == number.upper()
        if number.isascii() and number.isdigit() and int(number) < 1 << 31:
            is_it = INCIDENTS.c.id == int(number)
        async with self._database.reading() as connection:
            return await self._get(connection, is_it, number)

    async def _get(
        self, connection: AsyncConnection, is_it: ColumnElement[bool], name: str = ""
    ) -> Incident:
        row = (await connection.execute(select(INCIDENTS.c.content).where(is_it))).first()
        if row is None:
            raise NotFound(f"there is no incident {name or 'of that id'}")
        return _incident(row[0])

    async def of_join_key(self, join_key: str) -> Incident | None:
        """The open one of that key, if there is one."""
        question = select(INCIDENTS.c.content).where(INCIDENTS.c.join_key == join_key)
        async with self._database.reading() as connection:
            row = (await connection.execute(question)).first()
        return None if row is None else _incident(row[0])

    async def find(self, asked: Asked) -> list[Incident]:
        """The newest first."""
        question = select(INCIDENTS.c.content).where(*_conditions(asked))
        question = question.order_by(INCIDENTS.c.id.desc()).limit(asked.limit)
        async with self._database.reading() as connection:
            return [_incident(row[0]) for row in await connection.execute(question)]

    async def counts(self) -> dict[str, int]:
        """How many there are in each status."""
        question = select(INCIDENTS.c.status, func.count()).group_by(INCIDENTS.c.status)
        async with self._database.reading() as connection:
            return {row[0]: int(row[1]) for row in await connection.execute(question)}

    async def timeline(
        self, incident_id: int, *, after_id: int = 0, limit: int = 10_000
    ) -> list[Entry]:
        """What happened, in the order in which it was written down."""
        table = INCIDENT_ENTRIES.c
        question = (
            select(table.id, table.content)
            .where(table.incident_id == incident_id, table.id > after_id)
            .order_by(table.id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [
                msgspec.structs.replace(
                    msgspec.json.decode(row[1], type=Entry), id=row[0], incident_id=incident_id
                )
                for row in await connection.execute(question)
            ]

    async def attach(self, attachment: Attachment, entries: Sequence[Entry]) -> Attachment:
        """Keep a file with what the timeline says of it; `{attachment}` in the entries' data is
        its id."""
        values = msgspec.structs.asdict(attachment)
        del values["id"]
        values["created_at"] = values.pop("created_ms")
        values["size"] = len(attachment.content)
        async with self._database.transaction() as connection:
            made = ATTACHMENTS.insert().values(**values).returning(ATTACHMENTS.c.id)
            its_id = int((await connection.execute(made)).scalar_one())
            told = [
                msgspec.structs.replace(
                    one,
                    data={k: v.replace("{attachment}", str(its_id)) for k, v in one.data.items()},
                )
                for one in entries
            ]
            await _add(connection, attachment.incident_id, told)
        return msgspec.structs.replace(attachment, id=its_id, size=len(attachment.content))

    async def attachments(self, incident_id: int) -> list[Attachment]:
        """Those of an incident, without their contents."""
        columns = [one for one in ATTACHMENTS.c if one.name != "content"]
        question = select(*columns).where(ATTACHMENTS.c.incident_id == incident_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(question.order_by(ATTACHMENTS.c.id))
            return [_attachment(dict(row)) for row in rows.mappings()]

    async def attachment(self, incident_id: int, attachment_id: int) -> Attachment:
        """One, with its content. Raises NotFound."""
        is_it = and_(ATTACHMENTS.c.id == attachment_id, ATTACHMENTS.c.incident_id == incident_id)
        async with self._database.reading() as connection:
            found = await connection.execute(select(ATTACHMENTS).where(is_it))
            row = found.mappings().first()
        if row is None:
            raise NotFound(f"there is no attachment {attachment_id} of that incident")
        return _attachment(dict(row))


def numbered(plan: Plan, number: str) -> Plan:
    """The plan of a new incident, once it has its number."""
    put = tuple(
        msgspec.structs.replace(
            one,
            key=one.key.replace("{number}", number),
            subject=one.subject.replace("{number}", number),
        )
        for one in plan.put
    )
    return msgspec.structs.replace(plan, put=put)


async def _add(connection: AsyncConnection, incident_id: int, entries: Sequence[Entry]) -> None:
    rows = [
        {
            "incident_id": incident_id,
            "at": entry.at_ms,
            "kind": entry.kind,
            "content": msgspec.json.encode(entry),
        }
        for entry in entries
    ]
    if rows:
        await connection.execute(INCIDENT_ENTRIES.insert(), rows)


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    table = INCIDENTS.c
    found: list[ColumnElement[bool]] = []
    if asked.statuses:
        found.append(table.status.in_(asked.statuses))
    if asked.severities:
        found.append(table.severity.in_(asked.severities))
    found += [
        table.words.contains(word, autoescape=True) for word in asked.words.lower().split()[:20]
    ]
    if asked.since_ms:
        is_late = or_(table.resolved_at == 0, table.resolved_at >= asked.since_ms)
        found.append(or_(table.opened_at >= asked.since_ms, is_late))
    if asked.until_ms:
        found.append(table.opened_at < asked.until_ms)
    if asked.before_id:
        found.append(table.id < asked.before_id)
    return found


def _row(incident: Incident) -> dict[str, object]:
    words = (
        incident.number,
        incident.title,
        incident.description,
        *incident.services,
        *incident.tags,
        incident.assignee,
        incident.root_cause,
        incident.resolution,
    )
    return {
        "number": incident.number,
        "version": incident.version,
        "status": incident.status.value,
        "severity": incident.severity,
        "join_key": None if incident.is_over else (incident.join_key or None),
        "opened_at": incident.opened_ms,
        "resolved_at": incident.resolved_ms,
        "words": " ".join(words).lower()[:_WORDS],
        "content": msgspec.json.encode(incident),
    }


def _incident(content: bytes) -> Incident:
    return msgspec.json.decode(bytes(content), type=Incident)


def _attachment(row: Mapping[Any, object]) -> Attachment:  # Any: SQLAlchemy's names of columns
    values = {str(name): value for name, value in row.items()}
    values["created_ms"] = values.pop("created_at")
    return msgspec.convert(values, Attachment)
