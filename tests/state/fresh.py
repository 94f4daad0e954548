"""State databases for tests: migrated once, then copied, as the migrations take far longer."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tocsin.state.database import Database


def state_file(path: Path) -> Database:
    """The SQLite database in that file, not opened yet; an empty one is put there if none is."""
    if not path.exists():
        path.write_bytes(_migrated())
    return _Hurried(f"sqlite:///{path}")


class _Hurried(Database):
    """Waits for no disk: in tests processes are killed, but nobody pulls the plug."""

    def _made(self) -> AsyncEngine:
        engine = super()._made()
        event.listen(engine.sync_engine, "connect", _without_waiting)
        return engine


def _without_waiting(connection: Any, _record: object) -> None:  # Any: a DB-API connection
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as apart:
        file = Path(folder) / "state.db"
        apart.submit(
            asyncio.run, _migrate(Database(f"sqlite:///{file}"))
        ).result()  # the caller's loop is running
        return file.read_bytes()


async def state_on_server(url: str) -> Database:
    """A database of its own on that PostgreSQL, migrated but not opened yet.

    `url` is that of the server's database `postgres`.
    """
    admin = Database(url)
    admin._engine = admin._made()
    if url not in _templates:
        _templates[url] = await _made(admin, "template0")
        await _migrate(_named(url, _templates[url]))
    name = await _made(admin, _templates[url])
    await admin.close()
    return _named(url, name)


_templates: dict[str, str] = {}
"""The migrated database of each server."""


async def _made(admin: Database, template: str) -> str:
    name = f"t{uuid.uuid4().hex}"
    assert admin._engine is not None
    engine = admin._engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _named(url: str, name: str) -> Database:
    return Database(url.replace("/postgres?", f"/{name}?"))


async def _migrate(database: Database) -> None:
    await database.open()
    await database.close()
