"""How does a person hear of what is not urgent, such as a hand-over? By one of their methods."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.model.people import ContactMethod, Person
from tocsin.oncall.paging.caller import Caller, Message
from tocsin.oncall.roster import Roster

_QUIET = ("email", "slack", "telegram", "channel", "push")
"""What wakes nobody, in the order in which it is preferred."""


class CalledTeller:
    """Tells by the first method of a person's rules for what is not urgent; without such, by the
    quietest one that there is."""

    def __init__(
        self, caller: Callable[[], Caller | None], roster: Callable[[], Roster], clock: Clock
    ) -> None:
        self._caller = caller
        self._roster = roster
        self._clock = clock

    async def tell(self, person: str, subject: str, text: str) -> None:
        """Raises Temporary, Rejected, or Permanent when the person has no method."""
        known = self._roster().people.get(person)
        method = quiet_method(known) if known else None
        if method is None:
            raise Permanent(f"{person} has no method that could bring this; add one to oncall")
        caller = self._caller()
        if caller is None:
            raise Permanent("nothing here brings messages to people")
        now = self._clock.now_ms()
        message = Message(
            subject=f"handover/{person}",
            title=subject,
            text=text,
            urgency="low",
            at_ms=now,
            path="/oncall",
            person=person,
            can_answer=False,
        )
        await caller.call(method, message)


def quiet_method(person: Person) -> ContactMethod | None:
    """By which a person hears of what can wait; None when there is none that is quiet."""
    by_name = {one.name: one for one in person.methods}
    if person.low_rules:
        return by_name.get(person.low_rules[0].method)
    by_kind = {one.kind: one for one in reversed(person.methods)}
    return next((by_kind[kind] for kind in _QUIET if kind in by_kind), None)
