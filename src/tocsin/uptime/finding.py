"""What did asking find? The numbers of one attempt, under the names of blackbox_exporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Literal, Protocol, TypeAlias

from tocsin.kit.clock import Clock
from tocsin.scrape.http_options import TlsConfig
from tocsin.uptime.config import MonitorConfig

Reason: TypeAlias = Literal[
    "timeout", "resolve", "connect", "tls", "status", "content", "answer", "configuration"
]
"""Why something is down, in one word that may be a label."""


class Down(Exception):
    """It does not answer as it should; `words` are for people."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


@dataclass(slots=True)
class Numbers:
    """What was measured so far; also what failed has some."""

    values: dict[str, float] = field(default_factory=dict)
    """By the metric's name."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds by the part of a request."""


class Contexts(Protocol):
    """Makes contexts of TLS, each once."""

    def of(self, tls: TlsConfig) -> SSLContext:
        """Raises Rejected when one of its files is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Around:
    """What all probes share; files of a configuration are relative to `folder`."""

    clock: Clock
    folder: Path
    contexts: Contexts


class Probe(Protocol):
    """One way of asking."""

    async def __call__(self, monitor: MonitorConfig, around: Around, numbers: Numbers) -> None:
        """Ask once; what is measured goes into `numbers`. Raises Down; the caller limits it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the last asking found."""

    is_up: bool
    at_ms: int
    seconds: float
    """How long the attempt that counts took."""
    attempts: int
    reason: Reason | Literal[""] = ""
    words: str = ""
    """Why it is down; empty when it is up."""
    numbers: Numbers = field(default_factory=Numbers)
