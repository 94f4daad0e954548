"""What is there to tell about a group at one moment? Nothing is sent here, and nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from tocsin.alert.deciding.chain import flap_words
from tocsin.alert.deciding.circumstances import Circumstances
from tocsin.alert.deciding.decision import Inputs, Outcome, Place, share
from tocsin.alert.deciding.due import Due, Telling, counted, due, heard_of, is_news, told_as
from tocsin.alert.deciding.holding import (
    Basis,
    Facts,
    Hold,
    fires,
    flaps,
    holds,
    is_acknowledged,
    may_tell_end,
)
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog, key_of
from tocsin.alert.deciding.open_group import Group
from tocsin.alert.deciding.turns import in_turns
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.group import told_order
from tocsin.alert.routing.route import why_muted
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice, NoticeAlert


@dataclass(frozen=True, slots=True)
class Seen:
    """One alert of the group and what is true of it. `name` is what the log calls the news."""

    facts: Facts
    reasons: tuple[Hold, ...]
    fingerprint: str
    name: str
    fires: bool
    flaps: bool
    may_owe_end: bool
    """Whether ends are told of what is held back."""
    end_is_told: bool
    """Held back and over: who heard that it fires is told of its end all the same."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What one integration is told, or why it is not; `alerts` are those of the message."""

    one: Integration
    key: str
    telling: Telling
    why: Due
    alerts: tuple[Seen, ...]
    firing: frozenset[str]
    resolved: frozenset[str]
    owed: frozenset[str]
    """Ends that it will have to be told of when the message has gone."""
    owed_now: frozenset[str]
    is_open: bool
    """Something that it heard of is not over, and nothing is told: its log entry is to stay."""
    untold: frozenset[str]


@dataclass(frozen=True, slots=True)
class Look:
    """A group at one moment."""

    group: Group
    basis: Basis
    at_ms: int
    seen: tuple[Seen, ...]
    sayings: tuple[Saying, ...]
    told: dict[str, NoticeAlert] = field(default_factory=dict)
    """Of those that were told: each alert's words, which its messages share."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where it is told, by when the group is looked at next: its alerts share that."""

    def notice(self, saying: Saying) -> Notice:
        """The message; without alerts when its integration is not told of ends and all are over."""
        return Notice(
            receiver=self.group.route.receiver,
            group_key=self.group.key,
            group_labels=self.group.labels,
            alerts=tuple(
                self._told(one)
                for one in saying.alerts
                if one.fires or saying.telling.sends_resolved
            ),
            at_ms=self.at_ms,
        )

    def shares(self, seen: Seen) -> tuple[tuple[str, Outcome], ...]:
        """In whose message the alert is, as what."""
        found = []
        for one in self.sayings:
            got = share(
                one.telling,
                one.why,
                fires=seen.fires,
                is_held=bool(seen.reasons),
                is_owed=seen.fingerprint in one.owed_now,
                is_news=seen.fingerprint in one.untold,
            )
            if got is not None:
                found.append((one.telling.integration, got))
        return tuple(found)

    def inputs(self, seen: Seen, *, due_ms: int = 0) -> Inputs:
        """All that the decision about this alert is made of."""
        name = seen.fingerprint
        return Inputs(
            facts=seen.facts,
            place=self._place(due_ms),
            tellings=tuple(one.telling for one in self.sayings),
            owed_to=frozenset(s.telling.integration for s in self.sayings if name in s.owed_now),
            untold_to=frozenset(s.telling.integration for s in self.sayings if name in s.untold),
        )

    def _place(self, due_ms: int) -> Place:
        if (found := self.places.get(due_ms)) is None:
            found = self.places[due_ms] = Place(
                route=self.group.route.number,
                group_key=self.group.key,
                group_labels=self.group.labels,
                size=len(self.seen),
                due_ms=due_ms,
            )
        return found

    def _told(self, seen: Seen) -> NoticeAlert:
        found = self.told.get(seen.fingerprint)
        if found is None:
            alert = seen.facts.alert
            found = self.told[seen.fingerprint] = NoticeAlert(
                labels=alert.labels,
                annotations=_said(alert.annotations, self.basis, seen),
                starts_ms=alert.starts_ms,
                ends_ms=0 if seen.fires else alert.ends_ms,
                generator_url=alert.generator_url,
                fingerprint=seen.fingerprint,
            )
        return found


def _said(annotations: Labels, basis: Basis, seen: Seen) -> Labels:
    if not seen.flaps:
        return annotations
    return tuple(sorted({**dict(annotations), "flapping": flap_words(basis, seen.facts)}.items()))


def look(
    group: Group,
    around: Circumstances,
    log: NotificationLog,
    integrations: Sequence[Integration],
    now_ms: int,
) -> Look:
    """See what is to be told, by `holding.holds` for each alert and `due.due` for each way."""
    moment = _Moment(group, around, now_ms)
    return _looked(moment, [moment.seen(one) for one in group.in_order()], log, integrations)


async def look_in_turns(
    group: Group,
    around: Circumstances,
    log: NotificationLog,
    integrations: Sequence[Integration],
    now_ms: int,
) -> Look:
    """As `look`; with thousands of alerts others have their turn meanwhile."""
    moment = _Moment(group, around, now_ms)
    alerts = list(group.alerts.values())
    ordered = [(told_order(one.labels), one) async for one in in_turns(alerts)]
    ordered.sort(key=itemgetter(0))
    seen = [moment.seen(one) async for _, one in in_turns(ordered)]
    return _looked(moment, seen, log, integrations)


class _Moment:
    """What is the same for all alerts of a group that is looked at."""

    def __init__(self, group: Group, around: Circumstances, now_ms: int) -> None:
        self.group = group
        self.basis = around.basis
        self.at_ms = now_ms
        self._around = around
        self._muted = why_muted(group.route, self.basis.intervals, now_ms)

    def seen(self, alert: Alert) -> Seen:
        """One alert, and what is true of it."""
        basis, name = self.basis, alert.fingerprint
        facts = self._around.facts(alert, name, self.at_ms)
        reasons = holds(basis, facts, self._muted, escalates=self.group.route.escalates)
        is_flapping = flaps(basis, facts)
        return Seen(
            facts=facts,
            reasons=reasons,
            fingerprint=name,
            name=told_as(name, flaps=is_flapping),
            fires=fires(basis, facts),
            flaps=is_flapping,
            may_owe_end=basis.tells_ends_under_silence,
            end_is_told=may_tell_end(basis, facts, reasons),
        )


def _looked(
    moment: _Moment,
    found: Sequence[Seen],
    log: NotificationLog,
    integrations: Sequence[Integration],
) -> Look:
    group, seen, now_ms = moment.group, tuple(found), moment.at_ms
    sayings = []
    for one in integrations:
        key = key_of(group.key, group.route.receiver, one.kind, one.index)
        sayings.append(_saying(group, one, key, log.get(key), seen, now_ms))
    return Look(group, moment.basis, now_ms, seen, tuple(sayings))


def _saying(
    group: Group,
    one: Integration,
    key: str,
    entry: LogEntry | None,
    seen: Sequence[Seen],
    now_ms: int,
) -> Saying:
    heard = heard_of(entry) if one.sends_resolved else frozenset()
    owed_now = frozenset(s.fingerprint for s in seen if s.end_is_told and s.fingerprint in heard)
    alerts = tuple(s for s in seen if not s.reasons or s.fingerprint in owed_now)
    firing = frozenset(s.name for s in alerts if s.fires)
    resolved = frozenset(s.fingerprint for s in alerts if not s.fires)
    at_rest = sum(s.fires and (s.flaps or is_acknowledged(s.facts)) for s in alerts)
    telling = Telling(
        integration=one.name,
        receiver=one.receiver,
        sends_resolved=one.sends_resolved,
        firing=len(firing),
        resolved=len(resolved),
        restless=len(firing) - at_rest,
        acknowledged=sum(s.fires and is_acknowledged(s.facts) for s in alerts),
        repeat_ms=group.route.repeat_interval_ms,
        at_ms=now_ms,
        **counted(entry, firing, resolved, owed_now),
    )
    mentioned = {s.fingerprint for s in alerts}
    return Saying(
        one=one,
        key=key,
        telling=telling,
        why=due(telling),
        alerts=alerts,
        firing=firing,
        resolved=resolved,
        owed=frozenset(
            s.fingerprint for s in seen if s.fingerprint in heard and s.fingerprint not in mentioned
        ),
        owed_now=owed_now,
        is_open=at_rest > 0
        or any(s.may_owe_end and s.reasons and s.fingerprint in heard for s in seen),
        untold=frozenset(
            s.fingerprint for s in alerts if is_news(entry, s.name, s.fingerprint, fires=s.fires)
        ),
    )
