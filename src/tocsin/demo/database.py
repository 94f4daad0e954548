"""The shop's database: a real SQLite file, with the metrics that a real service would have."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from tocsin.demo.tracer import CLIENT, below

T = TypeVar("T")

_SCHEMA = """
create table if not exists products(id integer primary key, name text, cents integer);
create table if not exists orders(
  id integer primary key, user text, product integer, state text, created real);
create table if not exists jobs(id integer primary key, order_id integer, state text, created real);
create index if not exists jobs_by_state on jobs(state, id);
"""
_PRODUCTS = ("notebook", "pencil", "lamp", "mug", "poster", "stickers", "backpack", "bottle")
_KEPT_ROWS = 5000
WAIT_SECONDS = 0.25
"""How long a statement waits for a lock before it counts as a failed connection."""


class DatabaseDown(Exception):
    """The database did not let us in."""


class Database:
    """Statements against one file, each timed and counted."""

    def __init__(self, path: Path, registry: CollectorRegistry) -> None:
        self._path = path
        self._seconds = Histogram(
            "database_query_duration_seconds",
            "Duration of database queries in seconds",
            ["query_type", "table"],
            buckets=[0.001, 0.005, 0.01, 0.05, 0.1, 0.3, 0.5, 1, 3, 5],
            registry=registry,
        )
        self._errors = Counter(
            "database_connection_errors", "Failed connections to the database", registry=registry
        )

    def create(self) -> None:
        """Make the tables and the products if they are not there."""
        with sqlite3.connect(self._path) as connection:
            connection.execute("pragma journal_mode = delete")
            connection.executescript(_SCHEMA)
            rows = [(i + 1, name, 300 + 450 * i) for i, name in enumerate(_PRODUCTS)]
            connection.executemany("insert or ignore into products values (?, ?, ?)", rows)

    async def run(self, query_type: str, table: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in one transaction in a thread; raises DatabaseDown when it is locked out."""
        started = time.perf_counter()
        try:
            with below(f"{query_type} {table}", CLIENT, **_about(query_type, table)):
                return await self._tried(work)
        except DatabaseDown:
            self._errors.inc()
            raise
        finally:
            self._seconds.labels(query_type, table).observe(time.perf_counter() - started)

    async def _tried(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.to_thread(self._transaction, work)
        except sqlite3.OperationalError as error:
            raise DatabaseDown(str(error)) from error

    async def trim(self) -> None:
        """Keep the newest rows only, so that the demo can run for weeks."""

        def work(connection: sqlite3.Connection) -> None:
            for table in ("orders", "jobs"):
                connection.execute(
                    f"delete from {table} where id < (select max(id) from {table}) - ?",
                    (_KEPT_ROWS,),
                )

        await self.run("DELETE", "orders", work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = sqlite3.connect(self._path, timeout=WAIT_SECONDS)
        try:
            with connection:
                return work(connection)
        finally:
            connection.close()


def _about(query_type: str, table: str) -> dict[str, str]:
    """What a span says of a statement, by OpenTelemetry's names."""
    return {
        "db__system__name": "sqlite",
        "db__namespace": "shop",
        "db__operation__name": query_type,
        "db__collection__name": table,
    }
