"""Where are dashboards kept, and every version of them?"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, and_, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tocsin.kit.fault import NotFound, Rejected
from tocsin.state.database import Database
from tocsin.state.tables import DASHBOARD_VERSIONS, DASHBOARDS

VERSIONS_KEPT = 100
"""Of each dashboard; the oldest go first."""
_MOST = 2000


class UidTaken(Rejected):
    """Another dashboard has that uid."""


class DashboardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard as it is now; `content` is what its writer says it means."""

    uid: str
    version: int
    title: str
    updated_ms: int
    updated_by: str
    content: bytes = b""


class DashboardVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version; `content` is empty in lists."""

    version: int
    at_ms: int
    author: str
    note: str
    content: bytes = b""


class DashboardTable:
    """Dashboards by uid. Everything raises Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, row: DashboardRow, note: str) -> None:
        """The first version. Raises UidTaken."""
        try:
            async with self._database.transaction() as connection:
                made = DASHBOARDS.insert().values(**_values(row)).returning(DASHBOARDS.c.id)
                its_id = int((await connection.execute(made)).scalar_one())
                await _keep_version(connection, its_id, row, note)
        except IntegrityError as error:
            raise UidTaken(f"there is a dashboard {row.uid} already") from error

    async def save(self, row: DashboardRow, was: int, note: str) -> bool:
        """Replace version `was`; False when it is not the newest any more."""
        is_it = and_(DASHBOARDS.c.uid == row.uid, DASHBOARDS.c.version == was)
        async with self._database.transaction() as connection:
            change = DASHBOARDS.update().where(is_it).values(**_values(row))
            if (await connection.execute(change)).rowcount != 1:
                return False
            named = select(DASHBOARDS.c.id).where(DASHBOARDS.c.uid == row.uid)
            its_id = (await connection.execute(named)).scalar_one()
            await _keep_version(connection, int(its_id), row, note)
        return True

    async def get(self, uid: str) -> DashboardRow | None:
        """None when there is none."""
        question = select(DASHBOARDS).where(DASHBOARDS.c.uid == uid)
        async with self._database.reading() as connection:
            found = (await connection.execute(question)).first()
        return None if found is None else _row(found)

    async def all(self) -> list[DashboardRow]:
        """Every one with its content, by title; 2000 at most."""
        question = select(DASHBOARDS).order_by(DASHBOARDS.c.title, DASHBOARDS.c.uid).limit(_MOST)
        async with self._database.reading() as connection:
            return [_row(found) for found in await connection.execute(question)]

    async def remove(self, uid: str) -> None:
        """Forget one with all its versions; harmless when it is not there."""
        async with self._database.transaction() as connection:
            its_id = await connection.scalar(select(DASHBOARDS.c.id).where(DASHBOARDS.c.uid == uid))
            if its_id is None:
                return
            of_it = DASHBOARD_VERSIONS.c.dashboard_id == its_id
            await connection.execute(delete(DASHBOARD_VERSIONS).where(of_it))
            await connection.execute(delete(DASHBOARDS).where(DASHBOARDS.c.id == its_id))

    async def versions(self, uid: str) -> list[DashboardVersion]:
        """Every version that is kept without its content, the newest first."""
        table = DASHBOARD_VERSIONS.c
        question = (
            select(table.version, table.at, table.author, table.note)
            .join(DASHBOARDS, DASHBOARDS.c.id == table.dashboard_id)
            .where(DASHBOARDS.c.uid == uid)
            .order_by(table.version.desc())
        )
        async with self._database.reading() as connection:
            return [
                DashboardVersion(version=row[0], at_ms=row[1], author=row[2], note=row[3])
                for row in await connection.execute(question)
            ]

    async def version(self, uid: str, version: int) -> DashboardVersion:
        """One with its content. Raises NotFound."""
        table = DASHBOARD_VERSIONS.c
        question = (
            select(DASHBOARD_VERSIONS)
            .join(DASHBOARDS, DASHBOARDS.c.id == table.dashboard_id)
            .where(DASHBOARDS.c.uid == uid, table.version == version)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(question)).first()
        if row is None:
            raise NotFound(f"there is no version {version} of the dashboard {uid}")
        return DashboardVersion(
            version=row.version,
            at_ms=row.at,
            author=row.author,
            note=row.note,
            content=bytes(row.content),
        )


def _values(row: DashboardRow) -> dict[str, object]:
    return {
        "uid": row.uid,
        "version": row.version,
        "title": row.title[:200],
        "updated_at": row.updated_ms,
        "updated_by": row.updated_by[:200],
        "content": row.content,
    }


def _row(found: Row[Any]) -> DashboardRow:  # Any: the whole row
    return DashboardRow(
        uid=found.uid,
        version=found.version,
        title=found.title,
        updated_ms=found.updated_at,
        updated_by=found.updated_by,
        content=bytes(found.content),
    )


async def _keep_version(
    connection: AsyncConnection, its_id: int, row: DashboardRow, note: str
) -> None:
    table = DASHBOARD_VERSIONS.c
    await connection.execute(
        DASHBOARD_VERSIONS.insert().values(
            dashboard_id=its_id,
            version=row.version,
            at=row.updated_ms,
            author=row.updated_by[:200],
            note=note[:500],
            content=row.content,
        )
    )
    too_old = and_(table.dashboard_id == its_id, table.version <= row.version - VERSIONS_KEPT)
    await connection.execute(delete(DASHBOARD_VERSIONS).where(too_old))
