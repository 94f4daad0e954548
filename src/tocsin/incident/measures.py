"""How fast was it noticed, taken on, mitigated and resolved?"""

from __future__ import annotations

from tocsin.incident.book import Change
from tocsin.incident.config import IncidentsConfig
from tocsin.kit import gauge
from tocsin.model.incident_shown import Measures
from tocsin.model.incidents import Incident

_BUCKETS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200)
_opened = gauge.counter("incidents_opened", "Incidents that were opened.", ("severity", "source"))
_took = gauge.histogram(
    "incident_duration_seconds",
    "How long incidents took until they were detected, acknowledged, mitigated, resolved.",
    ("severity", "phase"),
    _BUCKETS,
)
_now = gauge.gauge("incidents", "Incidents that are not over.", ("status", "severity"))


def measures(one: Incident, config: IncidentsConfig, now: int) -> Measures:
    """Those of an incident by now."""
    first = one.first_acknowledged_ms
    promised = config.level(one.severity).response_ms
    answered = first or (one.resolved_ms if one.is_over else now)
    return Measures(
        detect_ms=max(0, one.opened_ms - one.started_ms),
        acknowledge_ms=_since(one.opened_ms, first),
        mitigate_ms=_since(one.started_ms, one.mitigated_ms),
        resolve_ms=_since(one.started_ms, one.resolved_ms),
        late_ms=max(0, answered - one.opened_ms - promised) if promised else 0,
    )


def _since(start_ms: int, at_ms: int) -> int | None:
    return max(0, at_ms - start_ms) if at_ms else None


def count(change: Change) -> None:
    """Tell our own metrics of a change; of drills nothing."""
    before, after = change.before, change.after
    if after.is_drill:
        return
    if before is None:
        _opened.labels(after.severity, after.source).inc()
        _observe(after, "detect", after.opened_ms - after.started_ms)
        return
    if after.merged_into:
        return
    for phase, name, since_ms in (
        ("acknowledge", "first_acknowledged_ms", after.opened_ms),
        ("mitigate", "mitigated_ms", after.started_ms),
        ("resolve", "resolved_ms", after.started_ms),
    ):
        if not getattr(before, name) and (at_ms := getattr(after, name)):
            _observe(after, phase, at_ms - since_ms)


def _observe(one: Incident, phase: str, took_ms: int) -> None:
    _took.labels(one.severity, phase).observe(max(0, took_ms) / 1000)


class Tally:
    """How many incidents there are, for `tocsin_incidents`; drills are not counted."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def set(self, incidents: list[Incident]) -> None:
        """Of all that are not over."""
        found: dict[tuple[str, str], int] = {}
        for one in incidents:
            if not one.is_drill:
                key = (one.status.value, one.severity)
                found[key] = found.get(key, 0) + 1
        for key in self._known - found.keys():
            _now.labels(*key).set(0)
        for key, number in found.items():
            _now.labels(*key).set(number)
        self._known |= found.keys()
