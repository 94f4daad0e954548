"""Where is it kept what became of each message? Rows whose content only their owner understands."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Select, bindparam, select

from tocsin.state.database import Database
from tocsin.state.ids import reserve
from tocsin.state.tables import NOTIFICATION_ALERTS, NOTIFICATIONS

_AT_ONCE = 500


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One message; `content` means what its writer says it means. Times in ms."""

    id: int
    at: int
    receiver: str
    integration: str
    state: str
    content: bytes
    updated_at: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; what is empty or 0 does not matter."""

    receiver: str = ""
    states: tuple[str, ...] = ()
    fingerprint: str = ""
    since: int = 0
    until: int = 0
    before_id: int = 0
    limit: int = 100


class Batch(msgspec.Struct, kw_only=True):
    """What is written in one transaction."""

    new: list[tuple[Row, tuple[str, ...]]] = []
    """With the fingerprints of its alerts."""
    changed: dict[int, Row] = {}
    settled: list[tuple[tuple[int, ...], str]] = []


class NotificationTable:
    """The rows. Everything raises Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def numbers(self, count: int, *, after: int) -> int:
        """The first of so many ids that nobody else gives."""
        return await reserve(self._database, NOTIFICATIONS, count, after=after)

    async def write(self, batch: Batch) -> None:
        """All of it or nothing."""
        async with self._database.transaction() as connection:
            if batch.new:
                rows = [msgspec.structs.asdict(row) for row, _ in batch.new]
                await connection.execute(NOTIFICATIONS.insert(), rows)
                alerts = [
                    {"notification_id": row.id, "fingerprint": one}
                    for row, prints in batch.new
                    for one in prints
                ]
                if alerts:
                    await connection.execute(NOTIFICATION_ALERTS.insert(), alerts)
            if batch.changed:
                change = (
                    NOTIFICATIONS.update()
                    .where(NOTIFICATIONS.c.id == bindparam("its_id"))
                    .values(
                        state=bindparam("its_state"),
                        content=bindparam("its_content"),
                        updated_at=bindparam("its_time"),
                    )
                )
                await connection.execute(
                    change,
                    [
                        {
                            "its_id": row.id,
                            "its_state": row.state,
                            "its_content": row.content,
                            "its_time": row.updated_at,
                        }
                        for row in batch.changed.values()
                    ],
                )
            for ids, state in batch.settled:
                for start in range(0, len(ids), _AT_ONCE):
                    is_it = NOTIFICATIONS.c.id.in_(ids[start : start + _AT_ONCE])
                    await connection.execute(
                        NOTIFICATIONS.update().where(is_it).values(state=state)
                    )

    async def interrupted(self, states: Sequence[str], becomes: str) -> None:
        """What an earlier process did not finish has come to this state."""
        is_it = NOTIFICATIONS.c.state.in_(states)
        async with self._database.transaction() as connection:
            await connection.execute(NOTIFICATIONS.update().where(is_it).values(state=becomes))

    async def find(self, asked: Asked) -> list[Row]:
        """The newest first."""
        question = _narrowed(select(NOTIFICATIONS), asked).order_by(NOTIFICATIONS.c.id.desc())
        async with self._database.reading() as connection:
            return [_row(row) for row in await connection.execute(question.limit(asked.limit))]

    async def get(self, row_id: int) -> Row | None:
        """One; None when it is not there."""
        question = select(NOTIFICATIONS).where(NOTIFICATIONS.c.id == row_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(question)).first()
        return None if found is None else _row(found)

    async def arrived(self, since: int, state: str) -> list[tuple[str, str, int]]:
        """Receiver, integration and time of what came to that state since then, oldest first."""
        table = NOTIFICATIONS.c
        question = (
            select(table.receiver, table.integration, table.at)
            .where(table.at >= since, table.state == state)
            .order_by(table.at)
        )
        async with self._database.reading() as connection:
            return [(row[0], row[1], row[2]) for row in await connection.execute(question)]

    async def drop(self, *, before: int, keep: int) -> int:
        """Forget what is older than `before`, and all but the newest `keep`; how many went."""
        table = NOTIFICATIONS.c
        async with self._database.transaction() as connection:
            edge = await connection.scalar(
                select(table.id).order_by(table.id.desc()).offset(keep).limit(1)
            )
            gone = (table.at < before) | (table.id <= (edge or 0))
            ids = select(table.id).where(gone)
            await connection.execute(
                NOTIFICATION_ALERTS.delete().where(NOTIFICATION_ALERTS.c.notification_id.in_(ids))
            )
            return int((await connection.execute(NOTIFICATIONS.delete().where(gone))).rowcount)


def _narrowed(question: Select[tuple[object, ...]], asked: Asked) -> Select[tuple[object, ...]]:
    table = NOTIFICATIONS.c
    if asked.receiver:
        question = question.where(table.receiver == asked.receiver)
    if asked.states:
        question = question.where(table.state.in_(asked.states))
    if asked.since:
        question = question.where(table.at >= asked.since)
    if asked.until:
        question = question.where(table.at < asked.until)
    if asked.before_id:
        question = question.where(table.id < asked.before_id)
    if asked.fingerprint:
        of_it = select(NOTIFICATION_ALERTS.c.notification_id).where(
            NOTIFICATION_ALERTS.c.fingerprint == asked.fingerprint
        )
        question = question.where(table.id.in_(of_it))
    return question


def _row(found: object) -> Row:
    return msgspec.convert(found, Row, from_attributes=True)
