"""How do many small writes share one commit, with an honest answer to each?"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.store.errors import DiskFull, LogFull

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

_log = log.get("store.writer")
_waiting = gauge.gauge("writer_waiting_rows", "Rows that wait for a commit.", ("lane",))
_waiting_bytes = gauge.gauge("writer_waiting_bytes", "Their bytes.", ("lane",))
_seconds = gauge.histogram(
    "writer_commit_seconds", "Time of a commit, retries included.", ("lane",)
)
_sizes = gauge.histogram(
    "writer_commit_rows",
    "Rows in a commit.",
    ("lane",),
    (1, 10, 100, 1000, 5000, 10_000, 20_000, 50_000, 100_000, 500_000),
)
_retries = gauge.counter("writer_retries", "Commits tried again, the store being away.", ("lane",))
_failures = gauge.counter("writer_failures", "Commits given up.", ("lane", "fault"))
_full = gauge.counter("writer_refusals", "Writes refused because too many wait.", ("lane",))


class WriterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How writes are gathered: a commit begins at most every `interval_ms`, or sooner when
    `commit_rows` wait. At most `waiting_rows` and `waiting_bytes` wait, or are being committed,
    for each table; more is refused. A store that is away is tried again for `retry_seconds`.
    With a log a commit is an append, which may begin every `append_ms`."""

    interval_ms: int = 100
    append_ms: int = 2
    commit_rows: int = 20_000
    waiting_rows: int = 1_000_000
    waiting_bytes: int = 64 << 20
    retry_seconds: float = 10.0
    insert_seconds: float = 20.0


class _Group(Generic[T]):
    """What one commit will hold, and who waits for it."""

    def __init__(self) -> None:
        self.items: list[tuple[T, asyncio.Future[Fault | None] | None]] = []
        self.rows = 0
        self.size_bytes = 0

    def answer(self, fault: Fault | None) -> None:
        """Tell everybody who has not been told."""
        for _, told in self.items:
            if told is not None and not told.done():
                told.set_result(fault)


class GroupCommit(Generic[T]):
    """One lane of writes: while a commit runs, the next one gathers.

    `commit` raises a Fault when it failed as a whole. Temporary is tried again; any other fault of
    a shared commit makes each item be tried alone, so that only the one at fault is refused.
    `abandoned` is told of items whose commit was given up: they may be in the store all the same.
    """

    def __init__(
        self,
        lane: str,
        commit: Callable[[list[T]], Awaitable[None]],
        clock: Clock,
        config: WriterConfig,
        abandoned: Callable[[list[T]], None] = lambda _items: None,
    ) -> None:
        self.lane = lane
        self._commit = commit
        self._abandoned = abandoned
        self._clock = clock
        self._config = config
        self._next: _Group[T] = _Group()
        self._flying: _Group[T] = _Group()
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._began_at = clock.monotonic() - config.interval_ms / 1000

    async def put(self, item: T, rows: int, size_bytes: int) -> None:
        """Return once the item is committed; raises Temporary at once when too much waits."""
        told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        self._add(item, rows, size_bytes, told)
        fault = await told
        if fault is not None:
            raise copy.copy(fault) from fault

    def offer(self, item: T, rows: int, size_bytes: int) -> None:
        """Commit it later, without an answer; raises Temporary when too much waits."""
        self._add(item, rows, size_bytes, None)

    def _add(
        self, item: T, rows: int, size_bytes: int, told: asyncio.Future[Fault | None] | None
    ) -> None:
        if self._closed:
            raise Temporary("Tocsin is shutting down and takes no more data; send it again", 5.0)
        held = self._next.rows + self._flying.rows
        held_bytes = self._next.size_bytes + self._flying.size_bytes
        config = self._config
        # One item may be larger than the bound as long as it is alone.
        if held and (
            held + rows > config.waiting_rows or held_bytes + size_bytes > config.waiting_bytes
        ):
            _full.labels(self.lane).inc()
            raise Temporary(
                f"{held:,} rows ({held_bytes >> 20} MiB) wait for the store already; send the "
                "data again later, or raise writer.waiting_rows and writer.waiting_bytes",
                1.0,
            )
        self._next.items.append((item, told))
        self._next.rows += rows
        self._next.size_bytes += size_bytes
        self._idle.clear()
        self._arrived.set()
        if self._next.rows >= config.commit_rows:
            self._enough.set()
        self._report()

    async def run(self) -> None:
        """Commit until `drain` was called and nothing is left."""
        try:
            while not (self._closed and not self._next.items):
                await self._arrived.wait()
                if self._next.items:
                    await self._until_due()
                    await self._commit_next()
        finally:
            if self._closed:
                self._next.answer(Temporary("Tocsin was stopped before this was kept", 5.0))

    async def drain(self, limit_seconds: float) -> bool:
        """Take nothing more and commit what waits; whether all of it was within the limit."""
        self._closed = True
        self._arrived.set()
        self._enough.set()
        try:
            await asyncio.wait_for(self._idle.wait(), limit_seconds)
        except TimeoutError:
            rows = self._next.rows + self._flying.rows
            _log.error("writer_drain_incomplete", lane=self.lane, rows=rows)
            return False
        return True

    async def _until_due(self) -> None:
        left = self._began_at + self._config.interval_ms / 1000 - self._clock.monotonic()
        if left <= 0 or self._enough.is_set():
            return
        waits = [
            asyncio.create_task(self._clock.sleep(left), name=f"{self.lane}_interval"),
            asyncio.create_task(self._enough.wait(), name=f"{self.lane}_enough"),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _commit_next(self) -> None:
        group = self._flying = self._next
        self._next = _Group()
        if not self._closed:
            self._arrived.clear()
            self._enough.clear()
        self._began_at = self._clock.monotonic()
        try:
            group.answer(await self._commit_or_each(group))
        finally:
            # Only a cancelled or crashed commit leaves somebody without an answer.
            group.answer(Temporary("the commit was interrupted; send the data again", 1.0))
            self._flying = _Group()
            if not self._next.items:
                self._idle.set()
            _seconds.labels(self.lane).observe(self._clock.monotonic() - self._began_at)
            _sizes.labels(self.lane).observe(group.rows)
            self._report()

    async def _commit_or_each(self, group: _Group[T]) -> Fault | None:
        fault = await self._attempt([item for item, _ in group.items])
        if fault is None or isinstance(fault, Temporary) or len(group.items) == 1:
            return fault
        for item, told in group.items:
            alone = await self._attempt([item])
            if told is not None and not told.done():
                told.set_result(alone)
        return None

    async def _attempt(self, items: list[T]) -> Fault | None:
        """Commit, and say when that was given up; the fault that remained."""
        fault: Fault | None = Temporary("interrupted")
        try:
            fault = await self._persist(items)
        finally:
            if fault is not None:
                self._abandoned(items)
        if fault is not None:
            _failures.labels(self.lane, type(fault).__name__).inc()
            _log.error("commit_given_up", lane=self.lane, reason=str(fault))
        return fault

    async def _persist(self, items: list[T]) -> Fault | None:
        """Commit, again and again while the store is away."""
        give_up_at = self._clock.monotonic() + self._config.retry_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._commit(items)
            except (DiskFull, LogFull) as fault:
                return fault
            except Temporary as fault:
                if self._clock.monotonic() + pause > give_up_at:
                    return fault
                _retries.labels(self.lane).inc()
                _log.warning("commit_retried", lane=self.lane, reason=str(fault))
            except Fault as fault:
                return fault
            else:
                return None
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _report(self) -> None:
        _waiting.labels(self.lane).set(self._next.rows + self._flying.rows)
        _waiting_bytes.labels(self.lane).set(self._next.size_bytes + self._flying.size_bytes)
