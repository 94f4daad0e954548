"""What do actions need of the rest of the product? Implemented where all of it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tocsin.model.incidents import Incident


class Escalate(Protocol):
    """Pages people by escalation policies."""

    async def start(self, number: str, policy: str) -> str:
        """Begin, unless it goes on already or somebody has taken the incident on; `policy` is empty
        for the one of the severity. Returns what happens, such as "paging by default". Raises
        Rejected when there is no such policy, Temporary."""

    async def next(self, number: str, by: str) -> str:
        """Go on to the next step at once, as `by` asked; says what happens. Raises as `start`."""


class OnCall(Protocol):
    """Knows who is on call."""

    async def now(self, schedule: str = "", incident: Incident | None = None) -> str:
        """A person's name, empty when nobody is: of a schedule, of the one by which the incident
        escalates, else of the usual one. Raises Rejected for a schedule that is not there."""

    async def shifts(self) -> Sequence[tuple[str, str, int]]:
        """Every schedule's name, who is on call, and until when in ms (0: not known)."""


class StatusPosts(Protocol):
    """Tells the public. Every call may be repeated with the same `key` and changes nothing then."""

    async def open(
        self, incident: Incident, title: str, text: str, components: Sequence[str], impact: str
    ) -> str:
        """Returns the post's address, perhaps empty. Without components, those that its services
        and its alerts concern. Raises Rejected for unknown components."""

    async def update(self, incident: Incident, text: str, key: str) -> None:
        """More about it, with the incident's status; nothing when the public was told nothing."""

    async def resolve(self, incident: Incident, text: str) -> None:
        """It is over; nothing when the public was told nothing."""
