"""How does a person hear of a hand-over? By the quietest of their ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.oncall.paging.caller import Message

Bring = Callable[[str, Message], Awaitable[str]]
"""Brings a message to a person and says by which way; raises as `Teller.tell`."""


class HandOverTeller:
    """Tells as `bring` brings it."""

    def __init__(self, clock: Clock) -> None:
        self.bring: Bring | None = None
        self._clock = clock

    async def tell(self, person: str, subject: str, text: str) -> None:
        """Raises Temporary, Rejected, Permanent."""
        if self.bring is None:
            raise Permanent("nothing here brings messages to people")
        message = Message(
            subject=f"handover/{person}",
            title=subject,
            text=text,
            urgency="low",
            at_ms=self._clock.now_ms(),
            path="/oncall",
            person=person,
            can_answer=False,
        )
        await self.bring(person, message)
