"""How do other tools open incidents? By an event with a key of theirs, in our words or in those of
PagerDuty's Events API v2, which many of them speak.

https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
from msgspec.structs import replace

from tocsin.incident import bounds
from tocsin.incident.auto_resolve import is_quiet
from tocsin.incident.book import Author, Draft, Firing, IncidentBook, Resolution
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.sighting import GroupKeys, Joining, Sighted, judge, keys_of
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected, TooMuch
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Incident, Link
from tocsin.model.labels import from_mapping
from tocsin.state.incidents import AlreadyOpen, Asked

SOURCE = "webhook"
_ATTEMPTS = 4
_USUAL = 2
"""Without a severity: the third, as P2."""
_MOST_INCIDENTS = 2000
_HOUR_MS = 3_600_000
_SAME = {"error": "high", "err": "high", "fatal": "critical"}

Action = Literal["trigger", "acknowledge", "resolve"]


class Payload(msgspec.Struct, frozen=True):
    """PagerDuty's payload."""

    summary: str = ""
    source: str = ""
    severity: str = ""
    component: str = ""
    group: str = ""
    class_: str = msgspec.field(name="class", default="")


class EventLink(msgspec.Struct, frozen=True):
    """PagerDuty's link."""

    href: str = ""
    text: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool says. `dedup_key` names the trouble: later events of the same key are about the
    same; without one, it is the title and the service. `severity` is one of ours or an alert's."""

    title: str = ""
    severity: str = ""
    description: str = ""
    service: str = ""
    url: str = ""
    dedup_key: str = ""
    action: Action = "trigger"
    tags: list[str] = []
    event_action: Action | None = None
    payload: Payload | None = None
    links: list[EventLink] = []
    client_url: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an event; `incident` is empty when there is none."""

    status: str
    """"opened", "joined", "acknowledged", "resolved" or "ignored"."""
    dedup_key: str
    incident: str = ""
    why: str = ""


def settled(event: Event) -> Event:
    """The event in our own words. Raises Rejected for one without a title or a key."""
    payload = event.payload or Payload()
    action = event.event_action or event.action
    links = [link.href for link in event.links if link.href]
    found = replace(
        event,
        title=bounds.cut(event.title or payload.summary, bounds.TITLE),
        severity=(event.severity or payload.severity).strip().lower(),
        service=bounds.cut(event.service or payload.component or payload.source, bounds.WORD),
        url=bounds.address(event.url or next(iter(links), "") or event.client_url),
        action=action,
        dedup_key=event.dedup_key.strip(),
    )
    if not found.title and (action == "trigger" or not found.dedup_key):
        raise Rejected("an event needs a title (or payload.summary), or the dedup_key of another")
    return found if found.dedup_key else replace(found, dedup_key=f"{found.title}|{found.service}")


def ref_of(dedup_key: str) -> str:
    """By what an incident knows the trouble that a key names."""
    return f"{SOURCE}:{hashlib.blake2b(dedup_key.encode(), digest_size=12).hexdigest()}"


def severity_of(event: Event, config: IncidentsConfig) -> str:
    """Of the incident; empty when such an event opens none."""
    names = list(config.severities)
    if not event.severity:
        return names[min(_USUAL, len(names) - 1)]
    for name in names:
        if event.severity == name.lower():
            return name
    said = _SAME.get(event.severity, event.severity)
    labels = {"alertname": event.title, "service": event.service, "severity": said}
    return config.severity_of(from_mapping(labels))


class FromWebhook:
    """Takes events; each is done when this returns."""

    def __init__(self, book: IncidentBook, groups: GroupKeys, clock: Clock) -> None:
        self._book = book
        self._groups = groups
        self._clock = clock

    async def take(self, given: Event, sender: str) -> Told:
        """Do as the event says in the name of the key that sent it. Raises Rejected."""
        event = settled(given)
        author = Author(sender, SOURCE)
        if event.action == "trigger":
            return await self._trigger(event, author)
        one = await self._open_with(ref_of(event.dedup_key))
        if one is None:
            why = "no open incident is about this key"
            return Told(status="ignored", dedup_key=event.dedup_key, why=why)
        if event.action == "acknowledge":
            one = await self._book.acknowledge(one.number, author)
            return Told(status="acknowledged", dedup_key=event.dedup_key, incident=one.number)
        return await self._resolve(event, one, author)

    async def _resolve(self, event: Event, one: Incident, author: Author) -> Told:
        now = self._clock.now_ms()
        one = await self._book.alerts_ended(one.number, {ref_of(event.dedup_key): now}, author)
        if not is_quiet(one) or one.source != SOURCE:
            why = "it goes on for other reasons"
            return Told(status="ignored", dedup_key=event.dedup_key, incident=one.number, why=why)
        how = Resolution(resolution=event.description or f"Resolved by {author.name}.")
        one = await self._book.resolve(one.number, how, author)
        return Told(status="resolved", dedup_key=event.dedup_key, incident=one.number)

    async def _open_with(self, ref: str) -> Incident | None:
        now = self._clock.now_ms()
        for one in await self._book.find(Asked(since_ms=now, limit=_MOST_INCIDENTS)):
            if not one.is_over and any(link.ref == ref for link in one.of_kind("alert")):
                return one
        return None

    async def _trigger(self, event: Event, author: Author) -> Told:
        config = self._book.config
        severity = severity_of(event, config)
        if not severity:
            why = f"incidents.open_on opens none for the severity {event.severity!r}"
            return Told(status="ignored", dedup_key=event.dedup_key, why=why)
        for _ in range(_ATTEMPTS):
            try:
                return await self._triggered(event, severity, author)
            except (AlreadyOpen, NotFound):
                continue  # somebody was faster: it is there now
        raise AlreadyOpen(f"an incident about {event.dedup_key[:100]} is open already")

    async def _triggered(self, event: Event, severity: str, author: Author) -> Told:
        config, now = self._book.config, self._clock.now_ms()
        alert, link = _alert(event, now), _link(event, now)
        keys = (f"{SOURCE} {link.ref}", *keys_of(alert.labels, config, self._groups))
        since = max(1, now - config.join.reopen.ms)
        incidents = await self._book.find(Asked(since_ms=since, limit=_MOST_INCIDENTS))
        known = [_as_judged(one, link, alert) for one in incidents]
        (act,) = judge([Sighted(alert, severity, keys)], known, config, self._groups, now) or (
            None,
        )
        firing = Firing(
            links=(link,),
            severity=severity,
            services=(event.service,) if event.service else (),
            insists=True,
        )
        if isinstance(act, Joining):
            if act.reopens:
                await self._book.reopen(act.number, author, event.title)
            await self._book.alerts_fired(act.number, firing, author)
            return Told(status="joined", dedup_key=event.dedup_key, incident=act.number)
        surplus = await self._surplus(author)
        if surplus is not None:
            await self._book.alerts_fired(surplus.number, firing, author)
            why = f"{author.name} opened many within an hour (incidents.webhook_limit)"
            return Told(
                status="joined", dedup_key=event.dedup_key, incident=surplus.number, why=why
            )
        one = await self._book.open(_draft(event, firing, keys[0]), author)
        return Told(status="opened", dedup_key=event.dedup_key, incident=one.number)

    async def _surplus(self, author: Author) -> Incident | None:
        """What an event joins whose key has opened so many within an hour that it may open no more;
        None when it may. Raises TooMuch when nothing of that is open any more."""
        since = self._clock.now_ms() - _HOUR_MS
        found = await self._book.find(Asked(since_ms=since, limit=_MOST_INCIDENTS))
        own = [
            one
            for one in found
            if (one.source, one.opened_by) == (SOURCE, author.name) and one.opened_ms > since
        ]
        if len(own) < self._book.config.webhook_limit:
            return None
        for one in own:
            if not one.is_over:
                return one
        seconds = max(1.0, (min(one.opened_ms for one in own) - since) / 1000)
        raise TooMuch(
            f"this key opened {len(own)} incidents within an hour; incidents.webhook_limit allows "
            "no more",
            seconds,
        )


def _alert(event: Event, now: int) -> Alert:
    labels = {"alertname": event.title, "service": event.service, "dedup_key": event.dedup_key}
    return Alert(labels=from_mapping(labels), starts_ms=now, source=SOURCE)


def _draft(event: Event, firing: Firing, key: str) -> Draft:
    return Draft(
        severity=firing.severity,
        title=event.title,
        description=event.description,
        services=firing.services,
        tags=tuple(event.tags),
        links=firing.links,
        join_key=key,
    )


def _link(event: Event, now: int) -> Link:
    return Link(
        kind="alert",
        ref=ref_of(event.dedup_key),
        title=event.title,
        url=event.url,
        labels=_alert(event, now).labels,
        starts_ms=now,
    )


def _as_judged(one: Incident, link: Link, alert: Alert) -> Incident:
    """With the event's link named as the judge names alerts: by their labels."""
    if not any(each.ref == link.ref for each in one.links):
        return one
    links = tuple(
        replace(each, ref=alert.fingerprint) if each.ref == link.ref else each for each in one.links
    )
    return replace(one, links=links)
