"""What is an escalation policy? Who is called, for how long each is waited, and what comes last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from tocsin.model.people import Person, Team

MINUTE_MS = 60_000
PATIENCE_MS: Mapping[str, int] = {"P0": 15 * MINUTE_MS, "P1": 30 * MINUTE_MS}
"""How long an answer is waited for where a step does not say."""
LONGEST_PATIENCE_MS = 60 * MINUTE_MS

Kind = Literal["person", "team", "schedule", "channel"]


class People(Protocol):
    """Who there is, and who is on call: what `oncall.roster.Roster` offers."""

    @property
    def people(self) -> Mapping[str, Person]:
        """By name."""

    @property
    def teams(self) -> Mapping[str, Team]:
        """By name."""

    def on_call(self, schedule: str, at_ms: int, *, rank: int = 0) -> str | None:
        """The person's name; None when nobody is. Raises NotFound for an unknown schedule."""


class Target(msgspec.Struct, frozen=True):
    """Somebody to be told. `rank` counts for schedules: 0 is who is first, 1 who is second."""

    kind: Kind
    name: str
    rank: int = 0

    def __str__(self) -> str:
        place = {0: "", 1: ":secondary"}.get(self.rank, f":{self.rank}")
        return f"{self.kind}:{self.name}{place}"


class Step(msgspec.Struct, frozen=True):
    """Who is told at once, and how long an answer is waited for (ms); 0: as the severity says."""

    notify: tuple[Target, ...]
    timeout_ms: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Steps, gone through `1 + repeat` times. At the end nothing more happens ("stay"), or
    everyone who can be reached is paged, and `fallback` ("everyone")."""

    name: str
    steps: tuple[Step, ...]
    repeat: int = 0
    at_end: Literal["stay", "everyone"] = "everyone"
    fallback: tuple[Target, ...] = ()
    urgency: Literal["", "high", "low"] = ""
    """Empty: as the severity says."""
    description: str = ""

    @property
    def length(self) -> int:
        """How many turns there are before the end."""
        return len(self.steps) * (1 + self.repeat)

    def at(self, position: int) -> tuple[Step, int, int]:
        """The step of that turn, its number, and the number of the round; all from zero."""
        rounds, number = divmod(position, len(self.steps))
        return self.steps[number], number, rounds


def patience_ms(severity: str) -> int:
    """How long somebody has to answer to that severity: 15 min for P0, 30 for P1, else an hour."""
    return PATIENCE_MS.get(severity, LONGEST_PATIENCE_MS)
