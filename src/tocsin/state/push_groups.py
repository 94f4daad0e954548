"""Which groups of metrics were pushed and are to be shown until somebody deletes them?"""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from tocsin.state.database import Database, upsert
from tocsin.state.sessions import hash_of
from tocsin.state.tables import PUSH_GROUPS


class PushGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group of the Pushgateway: its grouping labels as a text, and its metrics as bytes."""

    key: str
    content: bytes
    updated_at: int


class PushGroups:
    """The table of pushed groups; key and content mean what their writer says they mean."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, key: str, content: bytes, updated_at: int) -> None:
        """Keep a group, replacing the one before. `updated_at` in milliseconds."""
        row = {"key": key, "content": content, "updated_at": updated_at}
        async with self._database.transaction() as connection:
            await upsert(connection, PUSH_GROUPS, {"hash": hash_of(key)}, row)

    async def delete(self, key: str) -> None:
        """Forget a group; harmless when it is not there."""
        async with self._database.transaction() as connection:
            is_it = PUSH_GROUPS.c.hash == hash_of(key)
            await connection.execute(PUSH_GROUPS.delete().where(is_it))

    async def clear(self) -> None:
        """Forget all groups."""
        async with self._database.transaction() as connection:
            await connection.execute(PUSH_GROUPS.delete())

    async def all(self) -> list[PushGroup]:
        """Every group, by key."""
        question = select(PUSH_GROUPS).order_by(PUSH_GROUPS.c.key)
        async with self._database.reading() as connection:
            return [
                PushGroup(key=row.key, content=bytes(row.content), updated_at=row.updated_at)
                for row in await connection.execute(question)
            ]
