"""Which actions follow from a change of an incident? Pure: the errands of one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from tocsin.incident.config import IncidentsConfig
from tocsin.incident.response.actions import Action, Playbook
from tocsin.incident.response.steps import SlackChannel, Telling, Webhook
from tocsin.incident.response.work import CLOSE, Job
from tocsin.incident.words.catalog import Moment
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.model.incidents import Entry, Incident, Status

ACTION, NEXT_UPDATE = "action", "next_update"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the errand "next_update": `promised_ms` 0 asks for a first promise."""

    promised_ms: int = 0
    reminded: int = 0
    since_ms: int = 0


class ResponsePlanner:
    """Asked at each change, with the configuration in force."""

    def __init__(
        self, playbook: Callable[[], Playbook], incidents: Callable[[], IncidentsConfig]
    ) -> None:
        self._playbook = playbook
        self._incidents = incidents

    def __call__(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        """As `incident.book.Planner`."""
        plans = (
            self._actions(before, after, entries),
            self._promises(before, after, entries),
        )
        return Plan(
            put=tuple(one for plan in plans for one in plan.put),
            cancel=tuple(one for plan in plans for one in plan.cancel),
            cancel_subjects=tuple(one for plan in plans for one in plan.cancel_subjects),
        )

    def _actions(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        actions = self._playbook().of(after.severity)
        if before is None:
            return Plan(put=tuple(_beginning(after, actions, after.opened_ms, "")))
        if after.merged_into:
            return _ended(before, after, (), NOTHING)
        if after.is_over and not before.is_over:
            told = _telling(after, actions, Moment.RESOLUTION, _last(entries, after.resolved_ms))
            return _ended(before, after, (("action", after.number),), Plan(put=tuple(told)))
        if after.status is Status.CLOSED and before.status is not Status.CLOSED:
            return Plan(put=tuple(_closing(after, actions)))
        if before.is_over and not after.is_over:
            at = _last(entries, 0)
            again = _beginning(after, actions, at.at_ms, f"/again{after.version}")
            words = msgspec.structs.replace(at, text=at.text or "Opened again")
            told = _telling(after, actions, Moment.UPDATE, words)
            return Plan(put=(*told, *again))
        return self._during(before, after, entries, actions)

    def _during(
        self,
        before: Incident,
        after: Incident,
        entries: Sequence[Entry],
        actions: Sequence[Action],
    ) -> Plan:
        put: list[Errand] = []
        cancel: list[str] = []
        if before.severity != after.severity:
            at = _last(entries, 0)
            put += _beginning(after, actions, at.at_ms, f"/again{after.version}")
            kept = {one.identity for one in actions}
            gone = [one for one in self._playbook().of(before.severity) if one.identity not in kept]
            cancel += [_key(after.number, one.identity) for one in gone]
        for entry in entries:
            if entry.kind == "update":
                put += _telling(after, actions, Moment.UPDATE, entry)
        return Plan(put=tuple(put), cancel=tuple(cancel))

    def _promises(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        number, interval = after.number, self._incidents().level(after.severity).update_ms
        if after.is_over or after.is_drill:
            is_news = before is not None and not before.is_over
            return Plan(cancel_subjects=((NEXT_UPDATE, number),)) if is_news else NOTHING
        was = before.next_update_ms if before else 0
        if after.next_update_ms and after.next_update_ms != was:
            due, content = after.next_update_ms, Promise(promised_ms=after.next_update_ms)
            put = _errand(NEXT_UPDATE, f"next_update/{number}/{due}", number, due, content)
            return Plan(put=(put,), cancel=(f"next_update/{number}/{was}",))
        if was and not after.next_update_ms:
            return Plan(cancel=(f"next_update/{number}/{was}",))
        is_opened = before is None or before.is_over
        is_other = before is not None and before.severity != after.severity
        if interval and (is_opened or is_other):
            at = _last(entries, after.opened_ms).at_ms
            key = f"next_update/{number}/first{after.version}"
            return Plan(put=(_errand(NEXT_UPDATE, key, number, at, Promise(since_ms=at)),))
        return NOTHING


def _ended(
    before: Incident, after: Incident, subjects: tuple[tuple[str, str], ...], plan: Plan
) -> Plan:
    """What is left is not done any more; of one that became part of another nothing is told."""
    if after.merged_into and not before.merged_into:
        subjects = ((ACTION, after.number), (NEXT_UPDATE, after.number))
    return msgspec.structs.replace(plan, cancel_subjects=(*plan.cancel_subjects, *subjects))


def _beginning(
    after: Incident, actions: Iterable[Action], at_ms: int, suffix: str
) -> Iterator[Errand]:
    for one in actions:
        if isinstance(one.step, Webhook) and Moment.INITIAL.value not in one.step.at:
            continue
        job = Job(identity=one.identity, shown=one.shown, moment=Moment.INITIAL.value, at_ms=at_ms)
        key = f"{_key(after.number, one.identity)}{suffix}"
        yield _errand(ACTION, key, after.number, at_ms + one.step.after.ms, job)


def _telling(
    after: Incident, actions: Iterable[Action], moment: Moment, entry: Entry
) -> Iterator[Errand]:
    for one in actions:
        step = one.step
        tells = isinstance(step, Telling) and step.updates
        if not tells and not (isinstance(step, Webhook) and moment.value in step.at):
            continue
        job = Job(
            identity=one.identity,
            shown=one.shown,
            moment=moment.value,
            at_ms=entry.at_ms,
            text="" if moment is Moment.RESOLUTION else entry.text,
            eta=entry.data.get("eta", ""),
            author=entry.author,
            public=entry.data.get("public", ""),
        )
        key = f"{_key(after.number, one.identity)}/{moment.value}/{_named(entry, after)}"
        yield _errand(ACTION, key, after.number, entry.at_ms, job)


def _closing(after: Incident, actions: Iterable[Action]) -> Iterator[Errand]:
    for one in actions:
        if isinstance(one.step, SlackChannel) and one.step.archive:
            at = after.closed_ms
            job = Job(identity=one.identity, shown=one.shown, moment=CLOSE, at_ms=at)
            key = f"{_key(after.number, one.identity)}/close/{at}"
            yield _errand(ACTION, key, after.number, at, job)


def _key(number: str, identity: str) -> str:
    return f"action/{number}/{identity}"


def _errand(kind: str, key: str, number: str, due_ms: int, content: msgspec.Struct) -> Errand:
    encoded = msgspec.json.encode(content)
    return Errand(kind=kind, key=key, subject=number, due_ms=due_ms, content=encoded)


def _named(entry: Entry, after: Incident) -> str:
    """What tells one update from another of the same millisecond."""
    said = f"{entry.author}\0{entry.text}\0{entry.data.get('public', '')}".encode()
    return f"{entry.at_ms}/{after.version}/{hashlib.sha256(said).hexdigest()[:8]}"


def _last(entries: Sequence[Entry], at_ms: int) -> Entry:
    """The entry that tells of the change."""
    if entries:
        return entries[-1]
    return Entry(at_ms=at_ms, kind="", author="tocsin", source="", text="")
