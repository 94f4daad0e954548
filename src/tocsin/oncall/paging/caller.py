"""What does paging need of the world? Somebody who brings a message, and somebody who knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from tocsin.model.incidents import Incident
from tocsin.model.people import ContactMethod, Person


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one page says. Times in ms since the epoch."""

    subject: str
    """What it is about: an incident's number, `test/…`, `alert/…`; pages of one replace each
    other where a device can do so."""
    title: str
    text: str
    severity: str = ""
    urgency: str = "high"
    since_ms: int = 0
    at_ms: int
    path: str = ""
    """The page that shows it, below our address."""
    person: str = ""
    """Who is called; empty for a channel."""
    can_answer: bool = True
    """Whether it can be acknowledged and escalated by answering."""
    services: tuple[str, ...] = ()
    is_drill: bool = False


class Caller(Protocol):
    """Brings one message to one person by one way, or to a channel (`method.kind` "channel")."""

    async def call(self, method: ContactMethod, message: Message) -> None:
        """Raises Temporary (try again), Rejected or Permanent (it cannot be brought)."""


class Timeline(Protocol):
    """What is known of incidents, and where is told what came of pages."""

    async def incident(self, number: str) -> Incident:
        """Raises NotFound, Temporary."""

    async def tell(
        self, number: str, kind: str, text: str, data: Mapping[str, str], *, is_repeat: bool
    ) -> None:
        """Add an entry. `is_repeat`: this may have been told before a crash, and is not told twice:
        `data["key"]` names it. Raises Temporary."""


class Directory(Protocol):
    """Everybody who can be reached, as they want to be reached at this moment."""

    async def people(self) -> Mapping[str, Person]:
        """By name, with the ways and rules that they set themselves. Raises Temporary."""
