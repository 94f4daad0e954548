"""Which escalation follows from a change of an incident? Pure, and kept with the change itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.model.errands import NOTHING, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.oncall.escalation.policy import Policy
from tocsin.oncall.escalation.state import Event, State, step
from tocsin.oncall.roster import NO_ROSTER


@dataclass(frozen=True, slots=True)
class Choice:
    """How an incident escalates; `urgency` is "high" or "low"."""

    policy: Policy
    urgency: str


_NEW = "new"
Choose = Callable[[Incident], Choice | None]
"""None: nobody is paged."""


class EscalationPlanner:
    """Starts an escalation with an incident, again when it is given back, opened again or of
    another severity, and ends it when somebody takes it on or it is over.

    One that somebody has taken on and that becomes more severe is told once to those who come
    first. `rank` is 0 for the most severe.
    """

    def __init__(self, choose: Choose, rank: Callable[[str], int]) -> None:
        self._choose = choose
        self._rank = rank

    def __call__(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        """As `IncidentBook.follow` wants it."""
        now_ms = max((one.at_ms for one in entries), default=after.opened_ms)
        if before is None:
            return NOTHING if _is_taken(after) else self._start(after, _NEW, now_ms)
        epoch = _epoch(after, now_ms)
        if _is_taken(after):
            if not _is_taken(before):
                return _stopped(after)
            worse = self._rank(after.severity) < self._rank(before.severity)
            return self._news(after, epoch, now_ms) if worse and not after.is_over else NOTHING
        if _is_taken(before) or before.severity != after.severity:
            return self._start(after, epoch, now_ms)
        return NOTHING

    def _start(self, incident: Incident, epoch: str, now_ms: int) -> Plan:
        state = self._state(incident, epoch)
        is_new = epoch == _NEW
        if state is None:
            return NOTHING if is_new else _stopped(incident)
        plan = step(state, Event.START, now_ms, NO_ROSTER).plan
        return msgspec.structs.replace(plan, cancel_subjects=()) if is_new else plan

    def _news(self, incident: Incident, epoch: str, now_ms: int) -> Plan:
        state = self._state(incident, epoch)
        if state is None:
            return NOTHING
        news = msgspec.structs.replace(state, is_news=True)
        return step(news, Event.START, now_ms, NO_ROSTER).plan

    def _state(self, incident: Incident, epoch: str) -> State | None:
        found = self._choose(incident)
        if found is None:
            return None
        urgency = found.policy.urgency or found.urgency
        return State(
            number=incident.number,
            epoch=epoch if epoch == _NEW else f"{epoch}-{_short(found.policy.name)}",
            severity=incident.severity,
            urgency="low" if urgency == "low" else "high",
            policy=found.policy,
        )


def _epoch(incident: Incident, now_ms: int) -> str:
    """Names a start of its own: what was put for another start keeps none of this one's turns from
    being put, also where both belong to one version of the incident."""
    return f"v{incident.version}-{_short(f'{incident.severity}/{now_ms}')}"


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _is_taken(incident: Incident) -> bool:
    return incident.is_over or incident.acknowledged_ms > 0


def _stopped(incident: Incident) -> Plan:
    return Plan(cancel_subjects=(("escalation", incident.number), ("page", incident.number)))
