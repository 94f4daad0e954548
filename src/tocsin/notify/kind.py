"""What is a way of telling? Its part of the configuration, and how a sender is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tocsin.kit.clock import Clock
from tocsin.kit.document import Document
from tocsin.model.notices import Notice
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
