"""Migrated databases, which tests use one after another: the tables are made once, then emptied."""

from __future__ import annotations

import uuid

from tocsin.kit.clock import SystemClock
from tocsin.store.client import Store
from tocsin.store.migrate import migrate

_EXPIRING = """
SELECT name FROM system.tables
WHERE database = {name:String} AND create_table_query LIKE '% TTL %'
"""
_FILLED = "SELECT DISTINCT table FROM system.parts WHERE database = {name:String}"
_KEPT = "schema_migrations"
_SHAPE = """
SELECT sum(cityHash64(name, replaceAll(create_table_query, {name:String}, '')))
FROM system.tables WHERE database = {name:String}
"""
_BUSY = "SELECT count() FROM system.processes WHERE current_database = {name:String}"


class Shelf:
    """The databases of one engine that are migrated, empty and nobody's. Nothing expires in them.

    One whose tables a test has changed, or in which something still runs, is thrown away instead.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._idle: list[str] = []
        self._shape = ""

    async def take(self) -> str:
        """The name of a database that is the caller's until it is put back."""
        return self._idle.pop() if self._idle else await self._made()

    async def put_back(self, name: str) -> None:
        """Empty it for the next, or throw it away."""
        if await self._asked(_SHAPE, name) != self._shape or await self._asked(_BUSY, name) != "0":
            await self._store.command(f"DROP DATABASE IF EXISTS {name}")
            return
        for table in (await self._asked(_FILLED, name)).split():
            if table != _KEPT:
                await self._store.command(f"TRUNCATE TABLE {name}.{table}")
        self._idle.append(name)

    async def _made(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        fresh = await Store.connect(self._store.endpoint, database=name, clock=SystemClock())
        await migrate(fresh)
        await fresh.close()
        for table in (await self._asked(_EXPIRING, name)).split():
            await self._store.command(f"ALTER TABLE {name}.{table} REMOVE TTL")
        self._shape = await self._asked(_SHAPE, name)
        return name

    async def _asked(self, sql: str, name: str) -> str:
        return (await self._store.fetch_bytes(sql, {"name": name}, fmt="TSV")).decode().strip()
