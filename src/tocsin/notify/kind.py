"""What is a way of telling? Its part of the configuration, and how a sender is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tocsin.kit.clock import Clock
from tocsin.kit.document import Document
from tocsin.model.notices import Notice
from tocsin.notify.conversation import Conversation
from tocsin.notify.global_config import GlobalConfig
from tocsin.notify.templates import Templates
from tocsin.scrape.fetch import Fetcher


class Sender(Protocol):
    """Brings one message to one receiver, once."""

    async def send(self, notice: Notice) -> None:
        """Raises Temporary (try again), Rejected or Permanent (the same message fails again)."""


@dataclass(frozen=True, slots=True)
class Making:
    """What every sender is made of besides its own configuration."""

    shared: GlobalConfig
    templates: Templates
    fetcher: Fetcher
    clock: Clock
    folder: Path
    """Where relative paths of secrets start."""
    conversation: Conversation = field(default_factory=Conversation)
    """What channels share in which people answer."""
    place: str = ""
    """The channel that is being made: "team/slack[0]"."""
    is_own: bool = False
    """Whether it is one of Tocsin's own channels, not one of an `alertmanager.yml`."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sender, whether it tells of ends too, and what its author should know."""

    sender: Sender
    sends_resolved: bool
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SenderKind:
    """A service. `make` raises ConfigError with the place of a mistake."""

    name: str
    make: Callable[[Document, Making], Made]
