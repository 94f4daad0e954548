"""Which numbers may new rows have, so that no other process gives the same ones?"""

from __future__ import annotations

from sqlalchemy import Table, func, select

from tocsin.state.database import Database, upsert
from tocsin.state.tables import SETTINGS

_LOCK = 7_777_000_002
"""The advisory lock that lets one of several nodes take numbers at a time."""


async def reserve(database: Database, table: Table, count: int, *, after: int = 0) -> int:
    """The first of so many numbers that nobody else gets, larger than `after` and all that are
    there. What is not used of them before an end is left out, except in SQLite, which has one
    process. Raises Temporary when the database does not answer."""
    newest = select(func.max(table.c.id))
    if database.is_sqlite:
        async with database.reading() as connection:
            return max(int(await connection.scalar(newest) or 0), after, 0) + 1
    key = f"numbers.{table.name}"
    async with database.transaction() as connection:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        taken = await connection.scalar(select(SETTINGS.c.value).where(SETTINGS.c.key == key))
        found = int(await connection.scalar(newest) or 0)
        first = max(found, int(taken or 0), after, 0) + 1
        row = {"value": b"%d" % (first + count - 1), "updated_at": 0, "updated_by": "tocsin"}
        await upsert(connection, SETTINGS, {"key": key}, row)
    return first
