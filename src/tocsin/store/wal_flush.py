"""How do logged rows get into the store? Many at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
import secrets

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Permanent, Temporary
from tocsin.store.errors import blames_the_data
from tocsin.store.pending import Group, Pending
from tocsin.store.wal import WriteAheadLog
from tocsin.store.wal_again import Asked, insert_again
from tocsin.store.wal_apart import separated
from tocsin.store.wal_insert import insert_all
from tocsin.store.wal_mark import Position
from tocsin.store.wal_record import Rows

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_TRIES_ALONE = 3
_TRIES_UNCLEAR = 60
"""Some five minutes: too many open files, a file system that went read-only, a table on its way."""
_TRIES_AT_START = 10
"""Some nine seconds: then it is better to begin without those rows than not at all."""
_REPLAY_BYTES = 16 << 20
_log = log.get("store.flush")
_seconds = gauge.histogram("wal_flush_seconds", "Time to insert a group of logged rows.")
_flushed = gauge.counter("wal_flushed_rows", "Logged rows that the store has taken.")
_replayed = gauge.counter("wal_replayed_rows", "Rows inserted from the log at the start.")
_failures = gauge.counter("wal_flush_failures", "Groups that the store did not take.", ("fault",))


class FlushConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When logged rows are inserted: after `seconds`, or sooner when there are `rows` or `bytes`
    of them; and how much may be pending while the store is away."""

    seconds: float = 2.0
    rows: int = 200_000
    bytes: int = 16 << 20
    pending_rows: int = 2_000_000
    pending_bytes: int = 64 << 20
    insert_seconds: float = 30.0


class Flusher:
    """Inserts what is pending: one group at a time, again and again until the store has it."""

    def __init__(
        self,
        store: Asked,
        wal: WriteAheadLog,
        pending: Pending,
        clock: Clock,
        config: FlushConfig,
    ) -> None:
        self._store = store
        self._wal = wal
        self._pending = pending
        self._clock = clock
        self._config = config
        self._wanted = asyncio.Event()
        self._moved = asyncio.Event()
        self._closed = False
        self._token = ""
        self.fault: Fault | None = None
        """Why the last insert failed; None when it did not."""

    async def run(self) -> None:
        """Insert for ever, or until `close` was called and nothing is left."""
        while not (self._closed and not self._pending.count):
            await self._until_due()
            if self._pending.count:
                await self._insert_group()

    def poke(self) -> None:
        """Rows have been added: begin if there are enough."""
        gathered, config = self._pending.gathered, self._config
        if gathered.count >= config.rows or gathered.size_bytes >= config.bytes:
            self._wanted.set()

    def close(self) -> None:
        """Insert what is left and end."""
        self._closed = True
        self._wanted.set()

    async def flush(self, limit_seconds: float) -> bool:
        """Insert what is pending now; whether the store had it within the limit."""
        last = self._pending.last_number
        try:
            async with asyncio.timeout(limit_seconds):
                while self._pending.done_through < last:
                    self._wanted.set()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def room(self, limit_seconds: float) -> bool:
        """Wait until more may become pending; False at once while the store is away."""
        try:
            async with asyncio.timeout(limit_seconds):
                while self.is_full:
                    if self.fault is not None:
                        return False
                    self._wanted.set()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    @property
    def is_full(self) -> bool:
        """Whether as much is pending as may be."""
        config, pending = self._config, self._pending
        return pending.count >= config.pending_rows or pending.size_bytes >= config.pending_bytes

    async def _until_due(self) -> None:
        if self._closed:
            return
        if not self._wanted.is_set():
            waiting = asyncio.create_task(self._wanted.wait(), name="flush_wanted")
            sleeping = asyncio.create_task(
                self._clock.sleep(self._config.seconds), name="flush_interval"
            )
            try:
                await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                sleeping.cancel()
        self._wanted.clear()

    async def _insert_group(self) -> None:
        group = self._pending.take()
        began = self._clock.monotonic()
        pause, tries = _FIRST_PAUSE, 0
        while (fault := await self._attempt(group)) is not None:
            self.fault = fault
            self._tell()
            tries += 1
            _failures.labels(type(fault).__name__).inc()
            _log.warning("flush_failed", reason=str(fault), rows=group.count, tries=tries)
            if not isinstance(fault, Temporary | Permanent) and tries >= _patience(fault):
                await self._set_apart(group)
                tries = 0
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self.fault = None
        self._token = ""
        self._pending.done()
        _flushed.inc(group.count)
        _seconds.observe(self._clock.monotonic() - began)
        self._tell()

    async def _attempt(self, group: Group) -> Fault | None:
        # Nobody knows what of an insert that failed, or was given up, the store has taken.
        insert = insert_again if self._token else insert_all
        self._token = self._token or secrets.token_hex(8)
        try:
            await asyncio.to_thread(self._wal.begin, group.until, self._token)
            await insert(
                self._store,
                group.rows,
                token=self._token,
                timeout_seconds=self._config.insert_seconds,
            )
            await asyncio.to_thread(self._wal.applied, group.until)
        except Fault as fault:
            return fault
        return None

    async def _set_apart(self, group: Group) -> None:
        """The store refuses the group: keep each row that it refuses alone in a file."""
        limit = self._config.insert_seconds
        if await separated(self._store, self._wal, group.rows, self._token, limit):
            group.rows = []

    def _tell(self) -> None:
        """Wake whoever waits for room or for a group."""
        self._moved.set()
        self._moved = asyncio.Event()
        self._pending.report()


def _patience(fault: Fault) -> int:
    """After how many tries rows are set aside: soon, when they are at fault for certain."""
    return _TRIES_ALONE if blames_the_data(fault) else _TRIES_UNCLEAR


async def replay(
    store: Asked, wal: WriteAheadLog, clock: Clock, config: FlushConfig | None = None
) -> int:
    """Insert what an earlier process acknowledged and did not insert; how many rows.

    To be done after `wal.open` and before anything is read or written. Raises Temporary when the
    store is away: the log then stays as it is.
    """
    config = config or FlushConfig()
    interrupted = wal.interrupted
    rows: list[Rows] = []
    size = total = 0
    end: Position | None = None
    for record in wal.unapplied():
        beyond = interrupted is not None and record.end > interrupted.until
        if end is not None and rows and (beyond or (interrupted is None and size > _REPLAY_BYTES)):
            token = interrupted.token if interrupted else ""
            total += await _replay_group(store, wal, clock, rows, end, token, config)
            rows, size, interrupted = [], 0, None
        elif beyond:
            interrupted = None
        rows.append(record.rows)
        size += len(record.rows.data)
        end = record.end
    if end is not None and rows:
        token = interrupted.token if interrupted else ""
        total += await _replay_group(store, wal, clock, rows, end, token, config)
    await asyncio.to_thread(wal.forget_all)
    if total:
        _log.info("log_replayed", rows=total)
    _replayed.inc(total)
    return total


async def _replay_group(  # noqa: PLR0913  what `replay` has, and what it gathered
    store: Asked,
    wal: WriteAheadLog,
    clock: Clock,
    rows: list[Rows],
    until: Position,
    token: str,
    config: FlushConfig,
) -> int:
    insert = insert_again if token else insert_all
    token = token or secrets.token_hex(8)
    await asyncio.to_thread(wal.begin, until, token)
    tries = 0
    while True:
        try:
            await insert(store, rows, token=token, timeout_seconds=config.insert_seconds)
            break
        except (Temporary, Permanent):
            raise
        except Fault as fault:
            tries += 1
            _log.warning("replay_refused", reason=str(fault), tries=tries)
            if not blames_the_data(fault) and tries < _TRIES_AT_START:
                insert = insert_again
                await clock.sleep(tries / 5)
                continue
            if not await separated(store, wal, rows, token, config.insert_seconds):
                raise Temporary("the store went away while the log was replayed", 5.0) from fault
            break
    await asyncio.to_thread(wal.applied, until)
    return sum(one.count for one in rows)
