"""How does the program reach its SQL database, and is the schema the one that it knows?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Executable, Table, event, inspect, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import InterfaceError as InterfaceProblem
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.state.transaction import READS, OpenTransactions, Transaction

_MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "0005"
"""The revision that the last file of `migrations/versions` leads to."""

_END_SECONDS = 15.0
"""How long `close` waits for what is being written."""
_ANSWER_SECONDS = 60
_CONNECT_SECONDS = 10
_PASSING = frozenset(("08", "40", "53", "55", "57", "58"))
"""PostgreSQL's classes of errors that do not lie in the statement: a lost connection, a deadlock,
too many connections, a lock, a shutdown, a failing disk.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_NO_SUCH_NUMBER = ("22000", "22003")
"""What the driver, or the server, says to a number that its column cannot hold."""
_TOO_LARGE = "a number in it is too large to be one that is kept"
_READ_ONLY = "25006"
"""What a server says that has become a standby."""
_MIGRATION_LOCK = 7_777_000_001
"""The advisory lock that lets one of several starting nodes migrate at a time."""


class Database:
    """One SQLite file or PostgreSQL database, migrated when it is opened."""

    def __init__(self, url: str) -> None:
        """`url` is `sqlite:///path` or `postgresql://…`; raises Permanent when it is neither."""
        self._url = _with_driver(url)
        self._engine: AsyncEngine | None = None
        self._open = OpenTransactions()
        self._turns: asyncio.Lock | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether everything is in one file of this machine."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def shown_url(self) -> str:
        """The address without its password."""
        return self._url.render_as_string(hide_password=True)

    async def open(self) -> None:
        """Connect and bring the schema up to date, in one transaction.

        Raises Permanent when the database cannot be used as it is, Temporary when it is away.
        """
        self._engine = self._made()
        # SQLite has one writer at a time, and those that wait for it look only now and then.
        self._turns = asyncio.Lock() if self.is_sqlite else None
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.close)
            await self._migrate()
            undo.pop_all()

    async def _migrate(self) -> None:
        try:
            async with self.transaction() as connection:
                if not self.is_sqlite:
                    await connection.exec_driver_sql(
                        f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"
                    )
                await connection.run_sync(_upgrade)
        except DatabaseError as error:
            if "not a database" not in str(error.orig):
                raise
            raise Permanent(
                f"{self._url.database} is not a SQLite database: move it away, or restore a "
                "backup (file is not a database)"
            ) from error

    async def close(self) -> None:
        """Let transactions end, also those whose callers are gone, and give up all connections;
        harmless when it was never opened."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await self._open.drain(_END_SECONDS)
            await engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """All of it or nothing; raises Temporary when the database does not answer, Rejected for a
        number that no column holds.

        Who is interrupted in it has changed nothing, and goes on at once: it ends by itself.
        """
        async with self._begun(self._opened(), self._turns) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """As `transaction`, for statements that change nothing; waits for no writer."""
        async with self._begun(self._opened().execution_options(**{READS: True})) as connection:
            yield connection

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            # What still wants to keep something while Tocsin ends keeps it no more, and says so.
            raise Temporary("the state database is not open: Tocsin is starting or shutting down")
        return self._engine

    @asynccontextmanager
    async def _begun(
        self, engine: AsyncEngine, turns: asyncio.Lock | None = None
    ) -> AsyncIterator[AsyncConnection]:
        connection = Transaction(engine, turns)
        try:
            async with self._open.held(connection):
                await connection.take()
                yield connection
        except OverflowError as error:
            raise Rejected(_TOO_LARGE) from error
        except (DBAPIError, PoolTimeout, OSError) as error:
            if isinstance(error, DBAPIError) and not _passes(error):
                if _state(error) in _NO_SUCH_NUMBER:
                    raise Rejected(_TOO_LARGE) from error
                raise
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise Temporary(
                f"the state database {self.shown_url} cannot be used now: {reason}", 5.0
            ) from error

    def _made(self) -> AsyncEngine:
        if not self.is_sqlite:
            return create_async_engine(
                self._url,
                pool_size=8,
                max_overflow=8,
                pool_timeout=10,
                pool_pre_ping=True,
                connect_args={"timeout": _CONNECT_SECONDS, "command_timeout": _ANSWER_SECONDS},
            )
        from tocsin.state import sqlite as file  # PostgreSQL's users need not have its driver

        if self._url.database and self._url.database != ":memory:":
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(
            self._url,
            pool_size=4,
            pool_timeout=10,
            connect_args={"timeout": file.BUSY_SECONDS, "async_creator_fn": file.connect},
        )
        event.listen(engine.sync_engine, "connect", file.prepare)
        event.listen(engine.sync_engine, "begin", file.begin)
        return engine


def _passes(error: DBAPIError) -> bool:
    """Whether the statement may do well another time."""
    if isinstance(error, OperationalError | InterfaceProblem) or error.connection_invalidated:
        return True
    state = _state(error)
    return state[:2] in _PASSING or state == _READ_ONLY


def _state(error: DBAPIError) -> str:
    """PostgreSQL's code of it; empty when it is none of its errors."""
    return getattr(error.orig, "sqlstate", None) or ""


async def upsert(
    connection: AsyncConnection, table: Table, key: Mapping[str, object], row: Mapping[str, object]
) -> None:
    """Insert the row, or change the one that has the key already."""
    change = replacing(connection.dialect.name, table, tuple(key), tuple(row))
    await connection.execute(change, {**key, **row})


def replacing(dialect: str, table: Table, key: Sequence[str], others: Sequence[str]) -> Executable:
    """An insert that changes the columns `others` of a row that has the key already."""
    if dialect == "postgresql":
        # Imported here: 3 MB, and a tenth of a second, that a SQLite database need not cost.
        from sqlalchemy.dialects import postgresql

        change = postgresql.insert(table)
        return change.on_conflict_do_update(
            index_elements=key, set_={name: change.excluded[name] for name in others}
        )
    other = sqlite.insert(table)
    return other.on_conflict_do_update(
        index_elements=key, set_={name: other.excluded[name] for name in others}
    )


def _with_driver(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise Permanent(
            "state.url is not a URL such as sqlite:///state.db or postgresql://user@host/name"
        ) from error
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    backend = url.drivername.partition("+")[0]
    if backend not in drivers:
        raise Permanent(f"state.url names {backend}; only sqlite and postgresql are supported")
    url = url.set(drivername=drivers[backend])
    try:
        url.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        raise Permanent(
            f"the driver for {backend} is not installed; pip install 'tocsin[{backend}]'"
        ) from error
    return url


def _upgrade(connection: Connection) -> None:
    if inspect(connection).has_table("alembic_version"):
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if found == NEWEST:
            return
    # Imported here: 11 MB and a tenth of a second that an up-to-date database need not cost.
    from alembic import command
    from alembic.config import Config as AlembicConfig
    from alembic.util import CommandError

    config = AlembicConfig()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Permanent(
            f"the state database was written by a newer Tocsin ({error}); start that version, or "
            "restore the backup from before its first start"
        ) from error
