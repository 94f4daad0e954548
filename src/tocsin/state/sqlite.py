"""How is a SQLite file opened so that whoever is interrupted leaves nothing behind?"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiosqlite
from sqlalchemy import Connection

from tocsin.state.transaction import READS

BUSY_SECONDS = 10
"""How long a writer waits for another one."""
_FETCHED_AT_ONCE = 64


class SqliteConnection(aiosqlite.Connection):
    """aiosqlite's, which may be stopped twice: SQLAlchemy does so with one that it gives up, and
    the second future would wait for ever for a thread that the first has ended."""

    _stopped: asyncio.Future[Any] | None = None  # Any: aiosqlite's own, never looked at

    def stop(self) -> asyncio.Future[Any] | None:  # Any: as above
        """End the thread; done when it has closed the file."""
        if self._stopped is None:
            self._stopped = super().stop()
        return None if self._stopped is None else asyncio.shield(self._stopped)


def connect(path: str, **given: Any) -> SqliteConnection:  # Any: what sqlite3.connect takes
    """A connection that is made when it is awaited."""
    connection = SqliteConnection(lambda: sqlite3.connect(path, **given), _FETCHED_AT_ONCE)
    # As SQLAlchemy does with those it makes itself: a thread must not keep a process alive.
    connection._thread.daemon = True
    return connection


def prepare(connection: Any, _record: object) -> None:  # Any: a DB-API connection
    """Every connection: durable, and it waits for other writers."""
    # Python's driver would begin transactions itself, but not around DDL; `begin` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: Connection) -> None:
    """Every transaction."""
    # IMMEDIATE: a transaction that reads first and writes later would fail instead of waiting.
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
