"""What must be known of a channel after a restart: what waits there, what it was told instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.alert.routing.fallback import Channel
from tocsin.model.notices import Notice


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag_field="channel_note", tag="waiting"):
    """Messages of one group that wait for a channel's digest, as their newest state."""

    receiver: str
    integration: str
    notice: Notice
    count: int = 1
    since_ms: int
    records: tuple[int, ...] = ()
    """The ids of what was recorded of them."""

    @property
    def channel(self) -> Channel:
        """Where it waits."""
        return Channel(self.receiver, self.integration)

    @property
    def key(self) -> str:
        """What names it."""
        return f"waiting|{self.receiver}/{self.integration}|{self.notice.group_key}"


class Instead(msgspec.Struct, frozen=True, kw_only=True, tag_field="channel_note", tag="instead"):
    """What others were told of a group because a channel did not take it."""

    receiver: str
    integration: str
    group_key: str
    firing: frozenset[str]
    at_ms: int

    @property
    def key(self) -> str:
        """What names it."""
        return f"instead|{self.receiver}/{self.integration}|{self.group_key}"


class CanaryNote(msgspec.Struct, frozen=True, kw_only=True, tag_field="channel_note", tag="canary"):
    """The latest test message of one channel; times in ms, 0 while it has not happened."""

    id: str
    receiver: str
    integration: str
    due_ms: int
    sent_ms: int = 0
    took_ms: int = 0
    error: str = ""
    acknowledged_ms: int = 0
    acknowledged_by: str = ""

    @property
    def channel(self) -> Channel:
        """Through which it goes."""
        return Channel(self.receiver, self.integration)

    @property
    def key(self) -> str:
        """What names it."""
        return f"canary|{self.receiver}/{self.integration}"


ChannelNote = Waiting | Instead | CanaryNote


class ChannelNotes(Protocol):
    """Where these survive a restart. All raise Temporary when that cannot be now."""

    async def save(self, notes: Iterable[ChannelNote]) -> None:
        """Keep them, replacing those of the same key."""

    async def forget(self, keys: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[ChannelNote]:
        """Every one."""


class NoNotes:
    """Keeps nothing: for routes that are only tried out."""

    async def save(self, notes: Iterable[ChannelNote]) -> None:
        """Nothing."""

    async def forget(self, keys: Iterable[str]) -> None:
        """Nothing."""

    async def all(self) -> list[ChannelNote]:
        """None."""
        return []
