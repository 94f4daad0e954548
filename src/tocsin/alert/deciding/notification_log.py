"""Who was told what already? Recorded before a message goes out, marked when it has gone.

A message that was recorded and not marked may or may not have arrived: it is sent again, and what
it told counts as told when the end of it is to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.kit import log
from tocsin.kit.fault import Temporary

_log = log.get("notification_log")
_KEPT_MS = 120 * 3_600_000
_RECORD_SECONDS = 2.0
_GO_ON_AT_ONCE = 10


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one integration was last told of one group: the fingerprints of the alerts.

    `sent_ms` 0 means that nothing has been sent for sure. `pending` is what was recorded before
    sending and not marked since. `owed` was told to fire earlier, and its end not told.
    """

    key: str
    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    sent_ms: int = 0
    pending: frozenset[str] = frozenset()
    owed: frozenset[str] = frozenset()
    expires_ms: int = 0


class LogKeeper(Protocol):
    """Where the log survives a restart."""

    async def save(self, entries: Iterable[LogEntry]) -> None:
        """Keep them, replacing those of the same key."""

    async def forget(self, keys: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[LogEntry]:
        """Every one."""


def key_of(group_key: str, receiver: str, kind: str, index: int) -> str:
    """What an entry is about."""
    return f"{group_key}|{receiver}/{kind}/{index}"


class NotificationLog:
    """The log, in memory and kept. When it cannot be kept, messages go out all the same.

    While some entries are written the next ones gather, so that thousands of groups cost tens of
    transactions; each waits until its own is kept, or writing takes more than 2 s.
    """

    def __init__(self, keeper: LogKeeper) -> None:
        self._keeper = keeper
        self._entries: dict[str, LogEntry] = {}
        self._unkept: dict[str, LogEntry] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read what an earlier process kept."""
        self._entries = {entry.key: entry for entry in await self._keeper.all()}

    def get(self, key: str) -> LogEntry | None:
        """What was told; None when nothing was."""
        return self._entries.get(key)

    async def begin(self, key: str, firing: frozenset[str], now_ms: int) -> None:
        """A message about these is about to go out."""
        entry = self._entries.get(key) or LogEntry(key=key)
        expires = max(entry.expires_ms, now_ms + _KEPT_MS)
        pending = firing | entry.pending
        await self._save(msgspec.structs.replace(entry, pending=pending, expires_ms=expires))

    async def sent(
        self,
        key: str,
        firing: frozenset[str],
        resolved: frozenset[str],
        now_ms: int,
        repeat_ms: int,
        *,
        owed: frozenset[str] = frozenset(),
    ) -> None:
        """It has gone; `owed` are alerts whose end is still to be told."""
        expires = now_ms + min(_KEPT_MS, 2 * repeat_ms)
        await self._save(
            LogEntry(
                key=key,
                firing=firing,
                resolved=resolved,
                owed=owed,
                sent_ms=now_ms,
                expires_ms=expires,
            )
        )

    async def prolong(self, key: str, now_ms: int, repeat_ms: int) -> None:
        """What was told still matters, though nothing is told: it is not forgotten yet."""
        entry, kept_ms = self._entries.get(key), min(_KEPT_MS, 2 * repeat_ms)
        if entry is not None and entry.expires_ms < now_ms + kept_ms // 2:
            await self._save(msgspec.structs.replace(entry, expires_ms=now_ms + kept_ms))

    async def tidy(self, now_ms: int) -> None:
        """Forget what is too old to matter."""
        gone = [entry.key for entry in self._entries.values() if entry.expires_ms < now_ms]
        for key in gone:
            del self._entries[key]
            self._unkept.pop(key, None)
        if gone:
            await self._keeper.forget(gone)

    async def flush(self) -> None:
        """Wait until all that waits has been tried; for an end."""
        if self._writer is not None and not self._writer.done():
            await asyncio.wait((self._writer,))

    async def _save(self, entry: LogEntry) -> None:
        """Returns once it is kept, with others of the same moment, or cannot be kept."""
        self._entries[entry.key] = entry
        self._unkept[entry.key] = entry
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(tried)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="notification_log")
        writer = self._writer
        await asyncio.wait((tried, writer), return_when=asyncio.FIRST_COMPLETED)
        if writer.done() and not writer.cancelled():
            writer.result()  # a bug is the caller's too

    async def _write(self) -> None:
        while self._waiting:
            entries, waiting = self._unkept, self._waiting
            self._unkept, self._waiting = {}, []
            saving = asyncio.ensure_future(self._keeper.save(entries.values()))
            await asyncio.wait((saving,), timeout=_RECORD_SECONDS)
            if not saving.done():
                # A page that comes twice after a crash is better than one that never comes.
                _log.error("notifications_not_recorded_yet", entries=len(entries))
                waiting += self._waiting
                self._waiting = []
                await _release(waiting)
                await asyncio.wait((saving,))
            try:
                saving.result()
            except Temporary as error:
                # They go out all the same, and are kept with the next ones.
                self._unkept = {**entries, **self._unkept}
                _log.error("notifications_not_recorded", entries=len(entries), error=str(error))
            await _release(waiting)


async def _release(waiting: list[asyncio.Future[None]]) -> None:
    """Let them go on, some in each turn of the loop: each has a message to make."""
    for number, one in enumerate(waiting, 1):
        if not one.done():
            one.set_result(None)
            if number % _GO_ON_AT_ONCE == 0:
                await asyncio.sleep(0)
