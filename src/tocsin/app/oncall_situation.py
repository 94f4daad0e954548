"""How are things at a change of shift? From incidents, alerts, silences and maintenance."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.deciding.dispatch import AlertState, Dispatcher
from tocsin.alert.deciding.holding import Stage
from tocsin.kit.clock import Clock
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Incident, Status
from tocsin.model.labels import get
from tocsin.oncall.handover import Point, Situation
from tocsin.oncall.wall_clock import DAY_MS
from tocsin.state.incidents import Asked, IncidentTable

_MOST = 500
_AT_ONCE = 50
_OPEN = tuple(one.value for one in Status if not one.is_over)
_RESOLVED = (Status.RESOLVED.value,)
_SUMMARIES = ("summary", "title", "message")
_PASSED = "passed"


class Situations:
    """Looks at everything that whoever goes on call should know."""

    def __init__(
        self,
        incidents: IncidentTable,
        dispatcher: Dispatcher,
        acknowledgements: Acknowledgements,
        maintenance: Maintenance,
        clock: Clock,
    ) -> None:
        self._incidents = incidents
        self._dispatcher = dispatcher
        self._acknowledgements = acknowledgements
        self._maintenance = maintenance
        self._clock = clock

    async def situation(self, from_ms: int, to_ms: int) -> Situation:
        """How things are now, for a shift of that time. Raises Temporary."""
        now = self._clock.now_ms()
        is_open = await self._incidents.find(Asked(statuses=_OPEN, limit=_MOST))
        is_calm = await self._incidents.find(
            Asked(statuses=_RESOLVED, since_ms=now - DAY_MS, limit=_MOST)
        )
        firing: list[Point] = []
        silenced: list[Point] = []
        flapping: list[Point] = []
        for number, state in enumerate(self._dispatcher.states()[:_MOST]):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)  # in a storm others have their turn in between
            if why := self._held_by_people(state, now):
                silenced.append(_alert(state.alert, why))
            elif why := self._flaps(state.alert):
                flapping.append(_alert(state.alert, why))
            elif not state.inhibited_by:
                firing.append(_alert(state.alert, self._taken_by(state.alert, now)))
        return Situation(
            incidents=tuple(_incident(one) for one in is_open),
            firing=tuple(firing),
            silenced=tuple(silenced),
            flapping=tuple(flapping),
            watch=(
                *(_resolved(one) for one in is_calm),
                *self._ending_silences(from_ms, to_ms),
                *self._windows(from_ms, to_ms),
            ),
        )

    def _held_by_people(self, state: AlertState, now_ms: int) -> str:
        """Why, in words; empty when no person holds the alert back."""
        for name in state.silenced_by:
            silence = self._dispatcher.silences.get(name)
            said = f": {silence.comment}" if silence.comment else ""
            return f"silenced by {silence.created_by or 'somebody'}{said}"
        for window in self._maintenance.covering(state.alert.labels, now_ms):
            return f"maintenance {window}"
        return ""

    def _flaps(self, alert: Alert) -> str:
        for decision in self._dispatcher.explain(alert):
            for step in decision.steps:
                if step.stage is Stage.FLAPPING and step.verdict != _PASSED:
                    return step.detail or step.words
        return ""

    def _taken_by(self, alert: Alert, now_ms: int) -> str:
        found = self._acknowledgements.of(alert.fingerprint, now_ms)
        summary = next((t for n in _SUMMARIES if (t := dict(alert.annotations).get(n))), "")
        if found is None:
            return summary
        note = f": {found.note}" if found.note else ""
        return f"{summary}{'; ' if summary else ''}acknowledged by {found.by}{note}"

    def _ending_silences(self, from_ms: int, to_ms: int) -> Sequence[Point]:
        return [
            Point(
                title="a silence ends during this shift",
                detail=one.comment or f"of {one.created_by or 'somebody'}",
                path=f"/silences/{one.id}",
            )
            for one in self._dispatcher.silences.all()
            if max(from_ms, self._clock.now_ms()) < one.ends_ms <= to_ms
        ][:_MOST]

    def _windows(self, from_ms: int, to_ms: int) -> Sequence[Point]:
        found = self._maintenance.between(max(from_ms, self._clock.now_ms()), to_ms)
        return [
            Point(
                title=f"maintenance {one.window.name}",
                detail=one.window.comment,
                path="/silences",
            )
            for one in found[:_AT_ONCE]
        ]


def _incident(one: Incident) -> Point:
    who = f", {one.assignee} works on it" if one.assignee else ", nobody is assigned"
    return Point(
        title=f"{one.number} {one.severity} {one.title}",
        detail=f"{one.status.value}{who}",
        since_ms=one.opened_ms,
        path=f"/incidents/{one.number}",
    )


def _resolved(one: Incident) -> Point:
    return Point(
        title=f"{one.number} {one.title} was resolved; see that it stays so",
        detail=one.resolution,
        since_ms=one.resolved_ms,
        path=f"/incidents/{one.number}",
    )


def _alert(alert: Alert, detail: str) -> Point:
    labels = dict(alert.labels)
    name = labels.pop("alertname", "") or alert.fingerprint
    severity = get(alert.labels, "severity")
    told = " ".join(f"{key}={value}" for key, value in labels.items() if key != "severity")
    return Point(
        title=" ".join(filter(None, (severity, name, told)))[:300],
        detail=detail,
        since_ms=alert.starts_ms,
        path=f"/alerts/{alert.fingerprint}",
    )
