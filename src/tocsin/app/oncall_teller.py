"""How does a person hear of a hand-over? By the quietest of their ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.model.people import ContactMethod, Person
from tocsin.oncall.paging.caller import Message

Bring = Callable[[str, Message], Awaitable[str]]
"""Brings a message to a person and says by which way; raises as `Teller.tell`."""


_QUIET = ("email", "slack", "telegram", "channel", "push")
"""What wakes nobody, in the order in which it is preferred."""


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


def quiet_method(person: Person) -> ContactMethod | None:
    """By which a person hears of what can wait: the first of their rules for that, else the
    quietest; None when there is none that is quiet."""
    by_name = {one.name: one for one in person.methods}
    if person.low_rules:
        return by_name.get(person.low_rules[0].method)
    by_kind = {one.kind: one for one in reversed(person.methods)}
    return next((by_kind[kind] for kind in _QUIET if kind in by_kind), None)
