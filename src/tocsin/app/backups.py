"""How does everything that is kept get out into a backup, and back into a fresh data folder?"""

from __future__ import annotations

import asyncio
import copy
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from tocsin.app.config import Loaded
from tocsin.app.keeping import (
    Kept,
    database_url,
    log_folders,
    open_kept,
    open_store,
    telemetry_child,
)
from tocsin.app.settings_tree import Config
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary
from tocsin.kit.tasks import Tasks
from tocsin.store.backup import Manifest, backup, restore
from tocsin.store.backup_target import Folder, Target
from tocsin.store.migrate import migrate
from tocsin.store.usage import usage
from tocsin.store.wal_journal import Journal
from tocsin.web.services import BackupState

_log = log.get("backup")
_last = gauge.gauge("backup_last_success_timestamp_seconds", "When a backup was last complete.")
_failures = gauge.counter("backup_failures", "Backups that failed.")
_RETRY_SECONDS = 30.0
_FLUSH_SECONDS = 30.0
_BUSY_SECONDS = 30.0
_STATE = "state.db"
_TELEMETRY = "telemetry"


class Backups:
    """Makes backups of the running product, one at a time, and tells how far each is."""

    def __init__(
        self,
        kept: Kept,
        loaded: Callable[[], Loaded],
        clock: Clock,
        flush: Callable[[float], Awaitable[bool]],
    ) -> None:
        """`flush` brings what was answered into the store, and says whether it did in time."""
        self._flush = flush
        self._kept = kept
        self._loaded = loaded
        self._clock = clock
        self._tasks = Tasks(clock)
        self._watched: Path | None = None
        self._state = BackupState()

    def start(self, target: Target) -> None:
        """Begin a backup; `state` tells what becomes of it. Raises Temporary while one runs."""
        if self._state.state == "running":
            raise Temporary(f"a backup to {self._state.target} is running", _RETRY_SECONDS)
        self._state = BackupState(
            state="running", target=str(target), phase="telemetry", started_at=self._clock.now()
        )
        self._tasks.start("backup", lambda: self._run(target))

    async def state(self) -> BackupState:
        """How the last backup is, as far as it got."""
        found, watched = self._state, self._watched
        if found.state == "running" and found.phase == "telemetry" and watched is not None:
            found.bytes_done = await asyncio.to_thread(_size, watched)
        return copy.copy(found)

    async def stop(self) -> None:
        """Give up a running backup; its target then holds none."""
        await self._tasks.stop_all()

    async def _run(self, target: Target) -> None:
        began, state = self._clock.monotonic(), self._state
        try:
            manifest = await self._make(target, state)
        except Fault as error:
            _failures.inc()
            _log.error("backup_failed", target=str(target), error=str(error))
            state.state, state.error = "failed", str(error)
        else:
            _last.set(self._clock.now())
            state.state, state.rows = "done", manifest.rows
            state.files = [file.name for file in manifest.files]
        finally:
            if state.state == "running":
                state.state, state.error = "failed", "Tocsin was stopped"
            state.took_seconds = round(self._clock.monotonic() - began, 3)
            self._watched = None

    async def _make(self, target: Target, state: BackupState) -> Manifest:
        loaded = self._loaded()
        if not await self._flush(_FLUSH_SECONDS):
            raise Temporary("the store does not take what waits in the log", _RETRY_SECONDS)
        state.bytes_total = sum(each.bytes_on_disk for each in await usage(self._kept.store))

        def moved(size_bytes: int) -> None:
            if state.phase != "sending":
                state.phase, state.bytes_done, self._watched = "sending", 0, None
            state.bytes_done += size_bytes

        async with _staging(Path(loaded.config.data)) as folder:
            files = await asyncio.to_thread(_files_beside, loaded, folder)
            room = folder / "staged"
            self._watched = target.path / _TELEMETRY if isinstance(target, Folder) else room
            await asyncio.to_thread(room.mkdir)
            return await backup(
                self._kept.store, target, self._clock, files, staging=room, moved=moved
            )


async def backup_at_rest(
    loaded: Loaded, target: Target, clock: Clock, told: Callable[[BackupState], None]
) -> BackupState:
    """Back up a folder that no Tocsin runs on; `told` hears how far it is, now and then.

    Raises Permanent when a Tocsin holds the folder, NotFound when nothing is kept there.
    """
    if not loaded.config.store.url and not (Path(loaded.config.data) / _TELEMETRY).is_dir():
        raise NotFound(f"{loaded.config.data} holds nothing that Tocsin keeps")
    kept = await open_kept(loaded.config, clock)
    journals = [Journal(kept.store, one, clock) for one in log_folders(loaded.config)]

    async def flush(limit_seconds: float) -> bool:
        return all([await journal.flush(limit_seconds) for journal in journals])

    backups = Backups(kept, lambda: loaded, clock, flush)
    try:
        # What a killed process answered may wait in the logs still.
        for journal in journals:
            await journal.open()
        backups.start(target)
        while (state := await backups.state()).state == "running":
            told(state)
            await clock.sleep(0.2)
        return state
    finally:
        await backups.stop()
        for journal in journals:
            await journal.drain(_FLUSH_SECONDS)
        await kept.close()


async def restore_into(
    config: Config, target: Target, clock: Clock, moved: Callable[[int], None]
) -> tuple[Manifest, dict[str, int]]:
    """Bring a backup back into a data folder that is empty; also the rows that each table has now.

    Raises Rejected when the folder is not empty, NotFound when there is no backup, Permanent when
    it is damaged.
    """
    folder = Path(config.data)
    await asyncio.to_thread(_make_fresh, folder)
    async with AsyncExitStack() as undo:
        # Half a restore must not pass for a data folder.
        undo.push_async_callback(asyncio.to_thread, _empty, folder)
        restored = await _restored(config, target, clock, moved)
        undo.pop_all()
    return restored


async def _restored(
    config: Config, target: Target, clock: Clock, moved: Callable[[int], None]
) -> tuple[Manifest, dict[str, int]]:
    folder, child = Path(config.data), telemetry_child(config, clock)
    try:
        store = await open_store(config, clock, child)
        try:
            async with _staging(folder) as staging:
                manifest = await restore(store, target, clock, folder, staging=staging, moved=moved)
            rows = {each.table: each.rows for each in await usage(store)}
            await migrate(store, cluster=config.store.cluster)
        finally:
            await store.close()
    finally:
        if child is not None:
            await child.stop()
    return manifest, rows


@asynccontextmanager
async def _staging(data: Path) -> AsyncIterator[Path]:
    """A folder for what is on its way; on the data's own disk, where there is room for it."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, "", ".staging-", data))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _files_beside(loaded: Loaded, folder: Path) -> Mapping[str, Path]:
    """The state database as it is at one moment, and the configuration's files."""
    files: dict[str, Path] = {}
    url = database_url(loaded.config)
    if url.startswith("sqlite:///"):
        files[_STATE] = folder / _STATE
        _copy_database(Path(url.removeprefix("sqlite:///")), files[_STATE])
    for source in loaded.sources:
        name, number = f"config-{source.name}", 1
        while name in files:
            number += 1
            name = f"config-{number}-{source.name}"
        files[name] = source
    return files


def _copy_database(source: Path, to: Path) -> None:
    """SQLite's own backup: whole, while others write."""
    with (
        closing(
            sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        ) as kept,
        closing(sqlite3.connect(to)) as taken,
    ):
        kept.backup(taken)
        # The copy is one file: a restored database must not wait for a log that is not there.
        taken.execute("PRAGMA journal_mode=DELETE")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _make_fresh(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Rejected(f"{folder} is not empty; restore into a fresh folder with --data")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
