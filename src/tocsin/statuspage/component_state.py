"""How is a part of the service, in the words that Statuspage has for it?"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class ComponentState(Enum):
    """The states of a component."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"

    @property
    def rank(self) -> int:
        """The larger, the worse."""
        return _ORDER[self]


_ORDER = {state: rank for rank, state in enumerate(ComponentState)}


class Impact(Enum):
    """How bad an incident is for those who use the service."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def state(self) -> ComponentState:
        """What a component is that such an incident affects."""
        return _OF_IMPACT[self]


_OF_IMPACT = {
    Impact.NONE: ComponentState.OPERATIONAL,
    Impact.MINOR: ComponentState.DEGRADED,
    Impact.MAJOR: ComponentState.PARTIAL,
    Impact.CRITICAL: ComponentState.MAJOR,
}

_INDICATORS = {
    ComponentState.OPERATIONAL: "none",
    ComponentState.UNDER_MAINTENANCE: "maintenance",
    ComponentState.DEGRADED: "minor",
    ComponentState.PARTIAL: "major",
    ComponentState.MAJOR: "critical",
}


def worst(states: Iterable[ComponentState]) -> ComponentState:
    """The worst of them; operational when there is none."""
    return max(states, key=lambda one: one.rank, default=ComponentState.OPERATIONAL)


def overall(states: Iterable[ComponentState]) -> ComponentState:
    """How the whole service is: one part that is down among others that are not is a partial
    outage of the whole."""
    known = list(states)
    found = worst(known)
    is_whole = all(one is ComponentState.MAJOR for one in known)
    return ComponentState.PARTIAL if found is ComponentState.MAJOR and not is_whole else found


def indicator(state: ComponentState) -> str:
    """Statuspage's word for the whole: "none", "maintenance", "minor", "major" or "critical"."""
    return _INDICATORS[state]
