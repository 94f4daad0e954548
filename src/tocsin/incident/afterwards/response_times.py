"""How long did it take to detect, acknowledge, mitigate and resolve an incident?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tocsin.model.incidents import Incident


class ResponseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In ms; None for what has not happened or is not known. None is below zero."""

    detect_ms: int | None = None
    """From the beginning of the trouble to the opening of the incident."""
    acknowledge_ms: int | None = None
    """From the opening to the first acknowledgement."""
    mitigate_ms: int | None = None
    """From the beginning of the trouble until users were helped."""
    resolve_ms: int | None = None
    """From the beginning of the trouble to the resolution."""


DEFINITIONS = {
    "detect": "from when the trouble began to when the incident was opened",
    "acknowledge": "from when the incident was opened to when somebody first acknowledged it",
    "mitigate": "from when the trouble began to when users were helped",
    "resolve": "from when the trouble began to when it was resolved",
}
"""What each of them means, in words."""


def times_of(incident: Incident) -> ResponseTimes:
    """Of one incident. Without a known beginning, trouble began when it was opened, and how long
    it went undetected is not known."""
    began = incident.started_ms or incident.opened_ms
    return ResponseTimes(
        detect_ms=_between(incident.started_ms, incident.opened_ms),
        acknowledge_ms=_between(
            incident.opened_ms, incident.first_acknowledged_ms or incident.acknowledged_ms
        ),
        mitigate_ms=_between(began, incident.mitigated_ms),
        resolve_ms=_between(began, incident.resolved_ms),
    )


MEASURES: dict[str, Callable[[ResponseTimes], int | None]] = {
    "detect": lambda times: times.detect_ms,
    "acknowledge": lambda times: times.acknowledge_ms,
    "mitigate": lambda times: times.mitigate_ms,
    "resolve": lambda times: times.resolve_ms,
}


def _between(first_ms: int, then_ms: int) -> int | None:
    return max(0, then_ms - first_ms) if first_ms and then_ms else None
