"""Who was told what already? Recorded before a message goes out, marked when it has gone.

A message that was recorded and not marked may or may not have arrived: it is sent again, and what
it told counts as told when the end of it is to be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.kit import log
from tocsin.kit.fault import Temporary

_log = log.get("notification_log")
_KEPT_MS = 120 * 3_600_000


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
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
    """The log, in memory and kept. When it cannot be kept, messages go out all the same."""

    def __init__(self, keeper: LogKeeper) -> None:
        self._keeper = keeper
        self._entries: dict[str, LogEntry] = {}

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
        if gone:
            await self._keeper.forget(gone)

    async def _save(self, entry: LogEntry) -> None:
        self._entries[entry.key] = entry
        try:
            await self._keeper.save([entry])
        except Temporary as error:
            # A page that comes twice after a crash is better than one that never comes.
            _log.error("notification_not_recorded", key=entry.key, error=str(error))
