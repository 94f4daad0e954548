"""Would this version of a rule have noticed what really happened? A trial beside the incidents.

An incident concerns a rule when an alert of the rule was part of it, or when a version that is
tried fires in it about one of its services. A version catches it when it fires between the
incident's start and end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.alert.trying.trial_report import AgainstIncidents, Firing, Judged, Outcome

_SERVICE = "service"
_NAMED = 5


class RealIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One that happened; seconds since the epoch, `ended` 0 while it lasts. `alerts` are the labels
    of those that were part of it."""

    number: str
    title: str
    severity: str
    started: float
    ended: float = 0.0
    services: tuple[str, ...] = ()
    alerts: tuple[Mapping[str, str], ...] = ()


def against_incidents(
    before: Outcome | None, tried: Outcome, incidents: Sequence[RealIncident]
) -> AgainstIncidents:
    """Both versions beside what happened in the time that was looked at."""
    judged = [
        found
        for one in sorted(incidents, key=lambda one: one.started)
        if one.started < tried.until
        and (one.ended or tried.until) > tried.since
        and (found := _judged(before, tried, one)) is not None
    ]
    missed = [one.number for one in judged if one.tried is None]
    return AgainstIncidents(sentence=_sentence(before, tried, judged), judged=judged, missed=missed)


def _judged(before: Outcome | None, tried: Outcome, one: RealIncident) -> Judged | None:
    first = None if before is None else _caught(before, one)
    second = _caught(tried, one)
    is_ours = any(labels.get("alertname") == tried.name for labels in one.alerts)
    if not is_ours and first is None and second is None:
        return None
    return Judged(
        number=one.number,
        title=one.title,
        severity=one.severity,
        started=one.started,
        ended=one.ended,
        before=first,
        tried=second,
    )


def _caught(outcome: Outcome, one: RealIncident) -> float | None:
    """How long after its start the version fires in it; None when it does not."""
    end = one.ended or outcome.until
    fired = [
        firing.fired
        for firing in outcome.firings
        if firing.fired < end
        and (firing.ended or outcome.until) > one.started
        and _is_about(outcome.name, firing, one)
    ]
    return max(0.0, min(fired) - one.started) if fired else None


def _is_about(name: str, firing: Firing, one: RealIncident) -> bool:
    """Whether what fires is what was wrong: the same alert, or one about the same service."""
    ours = [labels for labels in one.alerts if labels.get("alertname") == name]
    known = {*one.services, *(labels.get(_SERVICE, "") for labels in one.alerts)} - {""}
    service = firing.labels.get(_SERVICE, "")
    if service:
        return service in known or (bool(ours) and not known)
    return bool(ours)


def _sentence(before: Outcome | None, tried: Outcome, judged: Sequence[Judged]) -> str:
    if not judged:
        return "No incident of that time concerns this rule."
    missed = [one for one in judged if one.tried is None]
    count = f"{len(judged)} incident{'' if len(judged) == 1 else 's'}"
    if not missed:
        found = f"{tried.title} catches {'it' if len(judged) == 1 else 'them all'}"
    elif len(missed) == len(judged):
        found = f"{tried.title} misses {_numbers(missed)}"
    else:
        found = f"{tried.title} catches {len(judged) - len(missed)} and misses {_numbers(missed)}"
    text = f"{count} of that time: {found}"
    if before is None:
        return f"{text}."
    gone = [one for one in missed if one.before is not None]
    new = [one for one in judged if one.before is None and one.tried is not None]
    if gone:
        which = "which" if len(gone) == len(missed) else f"of which {_numbers(gone)}"
        text += f", {which} {before.title} caught"
    if new:
        text += f"; {before.title} missed {_numbers(new)}"
    return f"{text}."


def misses(found: AgainstIncidents) -> str:
    """What is to be said after the numbers of pages: "and it misses INC-2026-0012"."""
    gone = [one for one in found.judged if one.tried is None]
    return f", and it misses {_numbers(gone)}" if gone else ""


def _numbers(judged: Sequence[Judged]) -> str:
    listed = ", ".join(one.number for one in judged[:_NAMED])
    more = len(judged) - _NAMED
    return f"{listed} and {more} more" if more > 0 else listed
