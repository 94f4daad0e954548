"""Where do messages survive a restart that are changed in place or answered elsewhere?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.notify.conversation import KeptMessage
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import CHANNEL_MESSAGES

_log = log.get("messages")
_KEPT_MS = 120 * 3_600_000
_MOST = 50_000


class KeptMessages:
    """The last message of each channel about each group, for five days after its last word; in
    memory and on its shelf. What cannot be kept is lost by a restart, and logged."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._shelf = Shelf(database, CHANNEL_MESSAGES)
        self._clock = clock
        self._messages: dict[str, KeptMessage] = {}
        self._by_group: defaultdict[str, set[str]] = defaultdict(set)
        self._by_alert: defaultdict[str, set[str]] = defaultdict(set)

    async def load(self) -> None:
        """Read what an earlier process kept."""
        for kept in await self._shelf.all():
            self._place(msgspec.json.decode(kept.content, type=KeptMessage))

    def get(self, key: str) -> KeptMessage | None:
        """The message of a channel about a group; None when there is none."""
        return self._messages.get(key)

    async def put(self, message: KeptMessage) -> None:
        """Keep it instead of the one before."""
        self._place(message)
        if len(self._messages) > _MOST:
            await self.forget(next(iter(self._messages)))
        content = msgspec.json.encode(message)
        try:
            await self._shelf.save({message.key: Kept(content=content, updated_at=message.told_ms)})
        except Temporary as error:
            _log.error("message_not_kept", channel=message.place, error=str(error))

    async def forget(self, key: str) -> None:
        """Keep it no longer."""
        self._displace(key)
        try:
            await self._shelf.forget([key])
        except Temporary as error:
            _log.error("message_not_forgotten", key=key, error=str(error))

    def of_group(self, group_id: str) -> list[KeptMessage]:
        """Every channel's message about a group."""
        return [self._messages[key] for key in sorted(self._by_group.get(group_id, ()))]

    def about(self, fingerprints: Iterable[str]) -> list[KeptMessage]:
        """Every message that tells of one of these alerts as firing."""
        keys = {key for one in fingerprints for key in self._by_alert.get(one, ())}
        return [self._messages[key] for key in sorted(keys)]

    def fingerprints(self, group_id: str) -> set[str]:
        """The alerts that were told as firing in a group."""
        return {one for message in self.of_group(group_id) for one in message.firing}

    async def tidy(self) -> None:
        """Forget what nobody will answer any more."""
        before = self._clock.now_ms() - _KEPT_MS
        for key in [key for key, one in self._messages.items() if one.told_ms < before]:
            await self.forget(key)

    def _place(self, message: KeptMessage) -> None:
        self._displace(message.key)
        self._messages[message.key] = message
        self._by_group[message.group_id].add(message.key)
        for fingerprint in message.firing:
            self._by_alert[fingerprint].add(message.key)

    def _displace(self, key: str) -> None:
        old = self._messages.pop(key, None)
        if old is None:
            return
        _without(self._by_group, old.group_id, key)
        for fingerprint in old.firing:
            _without(self._by_alert, fingerprint, key)


def _without(index: defaultdict[str, set[str]], name: str, key: str) -> None:
    index[name].discard(key)
    if not index[name]:
        del index[name]
