"""Who is told instead when a channel keeps failing?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Channel(NamedTuple):
    """One way of telling one receiver: `("team", "slack[0]")`.

    As a target of a fallback an empty `integration` means every one of the receiver.
    """

    receiver: str
    integration: str = ""

    def __str__(self) -> str:
        return f"{self.receiver}/{self.integration}" if self.integration else self.receiver


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """Which channels are told instead, the nearest first.

    `after` is what a severity's policy says of a channel, or of a whole receiver (a channel
    without integration); `always` are the receivers that are tried when that is exhausted
    (`alerting.fallback`).
    """

    after: Mapping[Channel, tuple[Channel, ...]] = field(default_factory=dict)
    always: tuple[str, ...] = ()

    def of(self, failing: Channel) -> Iterator[Channel]:
        """The targets for this channel in order, none twice. Channels of its own receiver are
        left out: they are told the same message anyway."""
        seen = set()
        named = self.after.get(failing) or self.after.get(Channel(failing.receiver)) or ()
        for target in (*named, *(Channel(receiver) for receiver in self.always)):
            if target.receiver != failing.receiver and target not in seen:
                seen.add(target)
                yield target
