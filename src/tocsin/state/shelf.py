"""Where do things survive that only their owner understands? Bytes under a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite

from tocsin.state.database import Database
from tocsin.state.sessions import hash_of

_AT_ONCE = 500


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing: its content means what its writer says it means."""

    content: bytes
    updated_at: int


class Shelf:
    """One table of a key (hashed), a content and a time; a second `save` replaces the first."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table

    async def save(self, things: Mapping[str, Kept]) -> None:
        """Keep all or none of these. Raises Temporary when the database does not answer."""
        rows = [
            {"hash": hash_of(key), "content": kept.content, "updated_at": kept.updated_at}
            for key, kept in things.items()
        ]
        if not rows:
            return
        async with self._database.transaction() as connection:
            is_postgresql = connection.dialect.name == "postgresql"
            insert = (postgresql if is_postgresql else sqlite).insert(self._table)
            change = insert.on_conflict_do_update(
                index_elements=["hash"],
                set_={"content": insert.excluded.content, "updated_at": insert.excluded.updated_at},
            )
            for start in range(0, len(rows), _AT_ONCE):
                await connection.execute(change, rows[start : start + _AT_ONCE])

    async def forget(self, keys: Iterable[str]) -> None:
        """Keep these no longer; harmless when they are not there."""
        hashes = [hash_of(key) for key in keys]
        async with self._database.transaction() as connection:
            for start in range(0, len(hashes), _AT_ONCE):
                is_it = self._table.c.hash.in_(hashes[start : start + _AT_ONCE])
                await connection.execute(self._table.delete().where(is_it))

    async def all(self) -> list[Kept]:
        """Everything, the oldest first."""
        question = select(self._table).order_by(self._table.c.updated_at)
        async with self._database.reading() as connection:
            return [
                Kept(content=bytes(row.content), updated_at=row.updated_at)
                for row in await connection.execute(question)
            ]
