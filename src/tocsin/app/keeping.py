"""How is what is kept opened: the engine with its telemetry, and the SQL database?"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tocsin.app.settings_tree import Config
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.kit.tasks import ended
from tocsin.state.database import Database
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.disk import DiskWatch
from tocsin.store.endpoint import Endpoint, EngineOptions
from tocsin.store.migrate import migrate
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal

_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Both stores, open and migrated. `child` is None when a ClickHouse elsewhere is used."""

    child: EngineChild | None
    store: Store
    database: Database

    async def close(self, *, limit_seconds: float = 8.0) -> None:
        """Close both, the engine's process last; what of that does not end in time is killed."""
        await asyncio.gather(
            ended("store_client", self.store.close(), limit_seconds=_CLOSE_SECONDS),
            ended("database", self.database.close(), limit_seconds=_CLOSE_SECONDS),
        )
        if self.child is not None:
            await self.child.stop(limit_seconds=max(0.5, limit_seconds - _CLOSE_SECONDS))


def telemetry_folder(config: Config) -> Path:
    """Where the embedded engine keeps its files."""
    return Path(config.data) / "telemetry"


def log_folder(config: Config) -> Path:
    """Where the write-ahead log lies, wherever the store is."""
    return Path(config.data) / "log"


def log_folders(config: Config) -> list[Path]:
    """Every write-ahead log: of samples, lines, spans and errors."""
    top = log_folder(config)
    return [top, *(top / name for name in ("lines", "spans", "errors"))]


def signal_log(
    config: Config, store: Store, clock: Clock, name: str, *, rows: int, size_bytes: int
) -> Journal:
    """Where a signal that is not samples is kept when it is answered: one of `log_folders`. It goes
    to the store in pieces of at most so many rows and bytes."""
    disk = DiskWatch(Path(config.data), int(config.store.min_free_bytes), clock)
    return Journal(
        store,
        log_folder(config) / name,
        clock,
        FlushConfig(seconds=config.store.flush_seconds, rows=rows, bytes=size_bytes),
        fsync=config.store.fsync,
        check_room=disk.check,
    )


def database_url(config: Config) -> str:
    """The SQL database's address; by default a file in the data folder."""
    return config.state.url or f"sqlite:///{Path(config.data) / 'state.db'}"


async def open_kept(config: Config, clock: Clock) -> Kept:
    """Open and migrate both at once.

    Raises Permanent when another process holds the folder or the databases cannot be used.
    """
    folder = Path(config.data)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    database = Database(database_url(config))
    child = telemetry_child(config, clock)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(database.close)
        if child is not None:
            undo.push_async_callback(child.stop)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(database.open())
                opening = both.create_task(_open_migrated(config, clock, child))
        except* Fault as group:
            raise group.exceptions[0] from None
        undo.pop_all()
    return Kept(child, opening.result(), database)


def telemetry_child(config: Config, clock: Clock) -> EngineChild | None:
    """The embedded engine, not started yet; None when a ClickHouse elsewhere is used."""
    if config.store.url:
        return None
    return EngineChild(telemetry_folder(config), clock, options=_options(config))


def _options(config: Config) -> EngineOptions:
    store = config.store
    return EngineOptions(
        memory_limit=int(store.memory_limit),
        query_memory_limit=int(store.query_memory_limit),
        query_seconds=store.query_seconds,
        query_threads=store.query_threads,
        fsync=store.fsync,
    )


async def _open_migrated(config: Config, clock: Clock, child: EngineChild | None) -> Store:
    async with AsyncExitStack() as undo:
        store = await open_store(config, clock, child)
        undo.push_async_callback(store.close)
        await migrate(store, cluster=config.store.cluster)
        undo.pop_all()
    return store


async def open_store(config: Config, clock: Clock, child: EngineChild | None) -> Store:
    """Start the engine and connect to it; the schema stays as it is.

    Raises Permanent when another process holds the folder, Temporary when the store is away.
    """
    if child is not None:
        endpoint = await child.start()
    else:
        endpoint = Endpoint(
            url=config.store.url or "",
            user=config.store.user,
            password=config.store.read_password(),
        )
    disk = None
    if child is not None:
        disk = DiskWatch(telemetry_folder(config), int(config.store.min_free_bytes), clock)
    return await Store.connect(
        endpoint,
        database=config.store.database,
        clock=clock,
        cluster=config.store.cluster,
        disk=disk,
    )
