"""What does a severity mean: who is reached, how soon, and which ones are shipped?"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

import msgspec

from tocsin.alert.policy.severity import ResponseTime
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

NOBODY = "none"
"""As an escalation: nobody is paged. As the severity of an alert: no incident."""

_DEFAULT_POLICY = "default"


class Promised(Duration):
    """How soon something is promised, in words or not: `15m`, `5 minutes`; 0: not at all."""

    EXPECTED = "a time such as 15m, 5 minutes or 24 hours, or 0 for none"

    @classmethod
    def from_config(cls, text: str) -> Promised:
        """Raises Rejected for anything else."""
        if text.strip().lower() in ("0", "0s", "none"):
            return cls(0)
        try:
            return cls(ResponseTime.from_config(text))
        except Rejected:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}") from None


class SeverityLevel(msgspec.Struct, frozen=True, kw_only=True):
    """One severity. What is not given for P0 to P3 is as shipped."""

    name: str = ""
    """What people call it, such as Critical."""
    description: str = ""
    """What it means, in one sentence."""
    criteria: tuple[str, ...] = ()
    """What an incident of it looks like, to choose by."""
    response_time: Promised | None = None
    """How soon somebody must have acknowledged it; 0: nothing is promised."""
    update_every: Promised | None = None
    """How often those concerned are told how it stands; 0: nothing is promised."""
    urgency: Literal["high", "low"] | None = None
    """By which of their own rules people are reached: `high` (as shipped for P0, P1) or `low`."""
    escalation: str = ""
    """The escalation policy: when none is given the one named like the severity, else `default`, if
    there is one. `none`: nobody is paged."""
    actions: Document | None = None
    """What is done by itself when such an incident opens, in order."""

    @property
    def response_ms(self) -> int:
        """Milliseconds until somebody must have acknowledged it; 0 when nothing is promised."""
        return self.response_time.ms if self.response_time else 0

    @property
    def update_ms(self) -> int:
        """Milliseconds between two updates; 0 when nothing is promised."""
        return self.update_every.ms if self.update_every else 0

    @property
    def is_urgent(self) -> bool:
        """Whether people are reached by their rules for what is urgent."""
        return self.urgency != "low"

    def policy(self, severity: str, known: Container[str]) -> str:
        """The escalation policy among those known for this level, of that severity; empty when
        nobody is paged."""
        if self.escalation:
            return "" if self.escalation == NOBODY else self.escalation
        return next((one for one in (severity, _DEFAULT_POLICY) if one in known), "")


SHIPPED: Mapping[str, SeverityLevel] = {
    "P0": SeverityLevel(
        name="Critical",
        description="Complete service outage",
        criteria=("System completely down", "Data loss or corruption", "Security breach"),
        response_time=Promised(300),
        update_every=Promised(1800),
        urgency="high",
    ),
    "P1": SeverityLevel(
        name="High",
        description="Major feature unavailable",
        criteria=("Major feature unavailable", "Significant performance degradation"),
        response_time=Promised(900),
        update_every=Promised(3600),
        urgency="high",
    ),
    "P2": SeverityLevel(
        name="Medium",
        description="Performance degradation",
        criteria=("Minor feature issues", "Workarounds available"),
        response_time=Promised(3600),
        update_every=Promised(4 * 3600),
        urgency="low",
    ),
    "P3": SeverityLevel(
        name="Low",
        description="Cosmetic issues and requests",
        criteria=("Cosmetic issues", "Enhancement requests"),
        response_time=Promised(86_400),
        update_every=Promised(0),
        urgency="low",
    ),
}
"""The most severe first."""


def completed(given: Mapping[str, SeverityLevel]) -> dict[str, SeverityLevel]:
    """The levels in force, the most severe first: the shipped ones with what is given of them, or,
    when a name is not one of theirs, only those that are given, in their order."""
    names = SHIPPED if set(given) <= set(SHIPPED) else given
    return {name: _over(SHIPPED.get(name), given.get(name)) for name in names}


def _over(shipped: SeverityLevel | None, given: SeverityLevel | None) -> SeverityLevel:
    below = shipped or SeverityLevel()
    if given is None:
        return below
    said = {
        name: value
        for name in SeverityLevel.__struct_fields__
        if (value := getattr(given, name)) not in (None, "", ())
    }
    return msgspec.structs.replace(below, **said)
