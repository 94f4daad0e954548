"""What does a channel remember in which people answer, and whom does it ask?

A message that is changed in place, answered by a button or acknowledged elsewhere must be found
again, after a restart too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

import msgspec

from tocsin.kit.signed_link import LinkMaker
from tocsin.model.notices import Notice, group_id


class KeptMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The last word of one channel about one group; times in ms since the epoch.

    `place` names the channel ("team/slack[0]"). `firing` has the alerts that were told as firing,
    fingerprint to start; it is empty when all are over. `acknowledged` says who had taken on which
    of them when the channel last said so. `channel`, `ts` and `content` mean what the channel
    wants them to mean.
    """

    place: str
    group_key: str
    firing: dict[str, int]
    opened_ms: int
    told_ms: int
    acknowledged: dict[str, str] = {}
    channel: str = ""
    ts: str = ""
    content: bytes = b""

    @property
    def key(self) -> str:
        """What names the message: the channel and the group."""
        return f"{self.place}|{self.group_key}"

    @property
    def group_id(self) -> str:
        """The group's short name, as buttons, links and PagerDuty's keys carry it."""
        return group_id(self.group_key)

    def continues(self, notice: Notice, *, hears_of_ends: bool) -> bool:
        """Whether the notice goes on with what this message told, not with something new. A channel
        that is not told of ends takes an alert with another start for a new one."""
        starts = ((self.firing.get(one.fingerprint), one.starts_ms) for one in notice.alerts)
        return any(old is not None and (hears_of_ends or old == new) for old, new in starts)


class MessageMemory(Protocol):
    """Where messages are found again. Its owner sees to what cannot be kept; nothing is raised."""

    def get(self, key: str) -> KeptMessage | None:
        """The message of a channel about a group; None when there is none."""

    async def put(self, message: KeptMessage) -> None:
        """Keep it instead of the one before."""

    async def forget(self, key: str) -> None:
        """Keep it no longer."""


class MemoryOnly:
    """Messages that are forgotten with the process."""

    def __init__(self) -> None:
        self._messages: dict[str, KeptMessage] = {}

    def get(self, key: str) -> KeptMessage | None:
        return self._messages.get(key)

    async def put(self, message: KeptMessage) -> None:
        self._messages[message.key] = message

    async def forget(self, key: str) -> None:
        self._messages.pop(key, None)


class TakenOn(Protocol):
    """An acknowledgement as channels tell it."""

    @property
    def by(self) -> str:
        """Whose it is."""

    @property
    def note(self) -> str:
        """What they said to it; may be empty."""


@runtime_checkable
class Answering(Protocol):
    """A sender whose messages follow what people answer elsewhere."""

    async def refresh(self, message: KeptMessage) -> None:
        """Tell the channel who has acknowledged by now; raises as `Sender.send`."""

    async def say(self, message: KeptMessage, words: str) -> None:
        """Say this below the message, where the channel has a place for it; raises likewise."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What every channel that is answered in shares."""

    memory: MessageMemory = field(default_factory=MemoryOnly)
    taken_on: Callable[[str], TakenOn | None] = lambda _: None
    """Who has taken on the alert of a fingerprint just now; None when nobody has."""
    links: LinkMaker | None = None
    """Makes the links of mails; None where nobody could follow them."""
    link_seconds: float = 86_400.0
    """How long such a link works."""
    has_buttons: bool = False
    """Whether Slack's buttons reach us: its signing secret is known."""
    locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def turn(self, key: str) -> asyncio.Lock:
        """One at a time may write a message."""
        return self.locks.setdefault(key, asyncio.Lock())

    def acknowledged(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Who has taken on which of these; those that nobody has are left out."""
        found = ((one, self.taken_on(one)) for one in fingerprints)
        return {one: taken.by for one, taken in found if taken is not None}
