"""Where is a write kept the moment it is answered? In the log; the store gets it soon after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.store.errors import DiskFull, LogFull
from tocsin.store.pending import Loose, Pending
from tocsin.store.wal import WriteAheadLog
from tocsin.store.wal_again import Asked
from tocsin.store.wal_flush import FlushConfig, Flusher, replay
from tocsin.store.wal_record import Rows

_ROOM_SECONDS = 10.0
_RETRY_SECONDS = 5.0
_QUICK_BYTES = 256 << 10
"""So much is copied to the page cache in less time than handing it to a thread takes."""

_log = log.get("store.wal")


class Journal:
    """The write-ahead log, what is pending of it, and what brings that into the store.

    `open` first, then `run`; `keep` may be called from then on.
    """

    def __init__(
        self,
        store: Asked,
        folder: Path,
        clock: Clock,
        config: FlushConfig | None = None,
        *,
        fsync: bool = False,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`check_room` raises DiskFull while too little is free."""
        self.pending = Pending(clock)
        self._store = store
        self._clock = clock
        self._config = config or FlushConfig()
        self._fsync = fsync
        self._check_room = check_room
        self._wal = WriteAheadLog(folder, fsync=fsync)
        self._flusher = Flusher(store, self._wal, self.pending, clock, self._config)
        self._turn = asyncio.Lock()
        self._opened = False

    async def open(self) -> int:
        """Hold the log's folder and insert what an earlier process left; how many rows.

        Before anything is read of the store. Raises Permanent when another process holds the
        folder, Temporary when the store is away.
        """
        await asyncio.to_thread(self._wal.open)
        rows = await replay(self._store, self._wal, self._clock, self._config)
        self._opened = True
        return rows

    async def run(self) -> None:
        """Insert what is pending, until `drain`. To be run by one supervised task."""
        await self._flusher.run()

    async def keep(self, rows: Sequence[Rows], samples: Loose) -> None:
        """Return once the rows are in the log and pending; `samples` are those among them.

        Raises DiskFull without room, LogFull when the store was away for too long.
        """
        self._check_room()
        if self._flusher.is_full and not await self._flusher.room(_ROOM_SECONDS):
            raise self._full()
        size = sum(len(one.data) for one in rows)
        # The order in the log is the order in which rows become pending.
        async with self._turn:
            if size <= _QUICK_BYTES and not self._fsync and not self._wal.begins_segment:
                until = self._wal.append(rows)
            else:
                until = await asyncio.to_thread(self._wal.append, rows)
            self.pending.add(rows, samples, until)
        self._flusher.poke()

    async def flush(self, limit_seconds: float) -> bool:
        """Bring what is pending into the store; whether it was there within the limit."""
        return await self._flusher.flush(limit_seconds)

    async def settle(self, table: str) -> None:
        """Before a table is read: bring its pending rows into the store, if that can be now."""
        if table in self.pending.tables():
            await self._flusher.flush(_RETRY_SECONDS)

    async def drain(self, limit_seconds: float) -> None:
        """Insert what is left and delete the log; what cannot be inserted in time stays in it."""
        self._flusher.close()
        if not self._opened:
            # What an earlier process left is in there still.
            await asyncio.to_thread(self._wal.close)
            return
        if await self._flusher.flush(limit_seconds):
            try:
                await asyncio.to_thread(self._wal.forget_all)
            except Temporary as fault:
                _log.warning("log_not_deleted", why=str(fault))
        else:
            _log.warning("left_in_log", rows=self.pending.count, why="inserted at the next start")
        await asyncio.to_thread(self._wal.close)

    def die(self) -> None:
        """Let go of the log as the end of the process does: nothing is inserted any more."""
        self._wal.close()

    def _full(self) -> DiskFull | LogFull:
        fault = self._flusher.fault
        if isinstance(fault, DiskFull):
            return DiskFull(str(fault), fault.retry_after)
        why = f"the store does not take them: {fault}" if fault else "the store is too slow"
        return LogFull(
            f"{self.pending.count:,} rows are pending and {why}; send the data again later",
            _RETRY_SECONDS,
        )
