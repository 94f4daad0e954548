"""What must be done later, at least once, whatever crashes, and what came of an attempt?"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tocsin.kit.fault import Fault


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must be done once at a time, whatever crashes: a page, an escalation's next
    step, an action, a reminder.

    `key` names it for ever: putting the same key again changes nothing. `subject` is what it is
    about, usually an incident's number: all of a subject can be listed and cancelled at once.
    `content` means what the handler of its `kind` says.
    """

    id: int = 0
    kind: str
    key: str
    subject: str = ""
    due_ms: int
    content: bytes = b""
    state: str = "waiting"
    """"waiting", "done", "failed" or "cancelled"."""
    attempts: int = 0
    claimed_by: str = ""
    claimed_until_ms: int = 0
    error: str = ""
    """What went wrong last."""
    updated_ms: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What changes among the errands together with something else, in one transaction."""

    put: tuple[Errand, ...] = ()
    cancel: tuple[str, ...] = ()
    """Keys of errands that need not be done any more."""
    cancel_subjects: tuple[tuple[str, str], ...] = ()
    """Kind and subject of those that need not be done any more, all of them."""


NOTHING = Plan()


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It is done; `plan` is carried out in the transaction that says so."""

    plan: Plan = NOTHING


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """It went well and goes on at `due_ms` from `content`; `plan` is carried out at once."""

    due_ms: int
    content: bytes
    plan: Plan = NOTHING


Outcome = Done | Again


class Handler(Protocol):
    """Does the errands of one kind. It must end within 45 s."""

    async def attempt(self, errand: Errand) -> Outcome:
        """Raises Temporary: it is tried again, with growing pauses; another Fault: it failed."""

    def give_up_ms(self, errand: Errand) -> int:
        """How long after its due time what keeps failing is tried again; then it failed."""

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """What follows from that it failed for good; carried out with the note of it."""
