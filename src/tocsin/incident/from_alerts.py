"""How do alerts become incidents by themselves? What fires joins one or opens one; what ends is
noted there. It looks at what is new at once, and at all there is every 15 s: so it finds what fired
while it was away, and what a silence held back that is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from tocsin.alert.deciding.standing import Standing
from tocsin.alert.deciding.turns import in_turns
from tocsin.incident.book import TOCSIN, Author, Change, IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.sighting import (
    Joining,
    Opening,
    Sighted,
    draft_of,
    firing_of,
    judge,
    keys_of,
    severity_of,
)
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.alerts import Alert
from tocsin.model.incidents import Incident, Link, Status
from tocsin.model.labels import Labels, get
from tocsin.state.incidents import AlreadyOpen, Asked

_log = log.get("incidents")
_lost = gauge.counter("incident_alerts_postponed", "Looks at alerts that failed for now.")
_AUTHOR = Author(TOCSIN, "alerts")
_GATHER_SECONDS = 0.25
_LOOK_SECONDS = 15.0
_AGAIN_SECONDS = 5.0
_MOST_HEARD = 20_000
_MOST_INCIDENTS = 2000
_ATTEMPTS = 4
_COMPARED = 100
_START_MS = 180_000
"""How long after the start it is only believed that an alert is over when somebody says so: rules
have to be evaluated first."""
_NOISY = 6
"""After so many times the timeline does not tell any more that an alert fires and ends."""
OPEN = tuple(one.value for one in Status if not one.is_over)


class Alerts(Protocol):
    """Who knows the alerts (`alert.deciding.dispatch.Dispatcher`)."""

    def alerts(self) -> list[Alert]:
        """Every alert that is not over."""

    def standing(self, alert: Alert) -> Standing:
        """Whether it fires now, and what holds it back."""

    def group_keys(self, labels: Labels) -> tuple[str, ...]:
        """The groups that such an alert belongs to."""


class KeptAlert(Protocol):
    """An alert as some node keeps it."""

    @property
    def alert(self) -> Alert: ...


class AlertsElsewhere(Protocol):
    """What every node has kept of alerts."""

    async def of(self, labels: Iterable[Labels]) -> Mapping[Labels, KeptAlert]:
        """Those of these labels that are kept."""


class FromAlerts:
    """Opens incidents, joins alerts to them, and notes their ends. `heard` only puts in a queue."""

    def __init__(
        self,
        book: IncidentBook,
        alerts: Alerts,
        kept: AlertsElsewhere,
        clock: Clock,
        *,
        taken: Callable[[Alert], Author | None] = lambda alert: None,
    ) -> None:
        self._book = book
        self._taken = taken
        self._alerts = alerts
        self._kept = kept
        self._clock = clock
        self._wake = asyncio.Event()
        self._heard: dict[Labels, Alert] = {}
        self._linked: dict[str, tuple[str, Link]] = {}
        self._left: dict[str, int] = {}
        self._surplus: dict[str, dict[str, int]] = {}
        self._noise: dict[tuple[str, str], int] = {}
        self._started_ms = clock.now_ms()
        book.subscribe(self._changed)

    def heard(self, alerts: Sequence[Alert]) -> None:
        """Alerts were told; returns at once."""
        for one in alerts:
            if len(self._heard) < _MOST_HEARD:  # the others are found with the next look at all
                self._heard[one.labels] = one
        self._wake.set()

    async def run(self) -> None:
        """Look, for ever."""
        pause = 0.0
        while True:
            is_whole = not await self._woken(pause)
            try:
                await self.turn(is_whole=is_whole)
                pause = _LOOK_SECONDS
            except Temporary as error:
                _lost.inc()
                _log.warning("alerts_wait_for_incidents", error=str(error))
                pause = _AGAIN_SECONDS
                await self._clock.sleep(1.0)

    async def _woken(self, seconds: float) -> bool:
        alarm = asyncio.create_task(self._clock.sleep(seconds), name="incidents_alarm")
        woken = asyncio.create_task(self._wake.wait(), name="incidents_woken")
        try:
            await asyncio.wait((alarm, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            woken.cancel()
        if alarm.done() and not alarm.cancelled():
            return False
        await self._clock.sleep(_GATHER_SECONDS)
        return True

    async def turn(self, *, is_whole: bool) -> None:
        """One look, at what was heard since the last, or at all there is. Raises Temporary."""
        self._wake.clear()
        heard, self._heard = self._heard, {}
        now = self._clock.now_ms()
        try:
            if is_whole:
                await self._remember()
            firing = [one for one in heard.values() if not one.is_resolved(now)]
            gone = {one.fingerprint: one.ends_ms for one in heard.values() if one.is_resolved(now)}
            if is_whole:
                firing = self._alerts.alerts()
                gone |= await self._silently_gone({one.fingerprint for one in firing}, now)
            sighted = await self._sighted(firing)
            if sighted:
                await self._take(sighted)
            await self._note_ends(gone)
        except Temporary:
            self._heard = heard | self._heard
            raise

    async def _remember(self) -> None:
        """Which alerts open incidents have, whoever opened them, on whichever node."""
        found = await self._book.find(Asked(statuses=OPEN, limit=_MOST_INCIDENTS))
        self._linked = {
            link.ref: (one.number, link) for one in reversed(found) for link in one.of_kind("alert")
        }
        known = {one.number for one in found}
        self._surplus = {n: those for n, those in self._surplus.items() if n in known}
        self._noise = {key: n for key, n in self._noise.items() if key[0] in known}

    def _changed(self, change: Change) -> None:
        after = change.after
        kept = {link.ref for link in after.of_kind("alert")}
        for link in change.before.of_kind("alert") if change.before else ():
            if link.ref not in kept:  # somebody found that it does not belong there
                self._linked.pop(link.ref, None)
                self._left[link.ref] = link.starts_ms
        for link in after.of_kind("alert"):
            if not after.is_over:
                self._linked[link.ref] = (after.number, link)
            elif self._linked.get(link.ref, ("",))[0] == after.number:
                del self._linked[link.ref]

    async def _sighted(self, alerts: Sequence[Alert]) -> list[Sighted]:
        """Those that concern an incident and are not part of an open one as firing yet."""
        config, found = self._book.config, []
        if not config.enabled:
            return []
        waiting = {**self._left}
        for surplus in self._surplus.values():
            waiting |= surplus
        async for one in in_turns(alerts):
            name = one.fingerprint
            _, link = self._linked.get(name, ("", None))
            is_known = link is not None and not link.ends_ms
            if is_known or waiting.get(name) == one.starts_ms:
                continue
            severity = severity_of(one.labels, config)
            if not severity:
                continue
            standing = self._alerts.standing(one)
            if not standing.fires or (link is None and standing.is_held(config.even_when)):
                continue
            keys = keys_of(one.labels, config, self._alerts.group_keys)
            taken = self._taken(one)
            found.append(Sighted(one, severity, keys, is_quiet=standing.flaps, taken=taken))
        return found

    async def _take(self, sighted: Sequence[Sighted]) -> None:
        config, now = self._book.config, self._clock.now_ms()
        since = min(min(one.alert.starts_ms for one in sighted), now - config.join.reopen.ms)
        incidents = await self._book.find(Asked(since_ms=max(1, since), limit=_MOST_INCIDENTS))
        groups = self._alerts.group_keys
        acts = await asyncio.to_thread(judge, sighted, incidents, config, groups, now)
        taken = {one.ref for act in acts for one in act.alerts}
        # People resolved their incident while they went on: they are not looked at again.
        self._left = {
            **dict(list(self._left.items())[-_MOST_HEARD:]),
            **{one.ref: one.alert.starts_ms for one in sighted if one.ref not in taken},
        }
        for act in acts:
            await self._done(act)

    async def _done(self, act: Joining | Opening) -> None:
        for _ in range(_ATTEMPTS):
            try:
                await self._do(act)
            except AlreadyOpen:
                act = await self._after_all(act)
            except Rejected as error:
                _log.error("incident_not_changed", error=str(error))
                return
            else:
                return
        self._wake.set()

    async def _do(self, act: Joining | Opening) -> None:
        config = self._book.config
        if isinstance(act, Opening):
            opened = await self._book.open(draft_of(act.alerts, config), _AUTHOR)
            self._note_surplus(opened.number, act.alerts)
            await self._only_one(opened)
            return
        if act.reopens:
            await self._book.reopen(act.number, _AUTHOR, f"{_names(act.alerts)} fires again")
        noise = max(self._count(act.number, one.ref) for one in act.alerts)
        firing = firing_of(act.alerts, config)
        if noise == _NOISY:
            words = f"{_names(act.alerts)} fires and ends again and again: this is told no more"
            await self._book.told(act.number, "alert_fired", words, _AUTHOR)
        is_quiet = firing.is_quiet or noise >= _NOISY
        await self._book.alerts_fired(act.number, replace(firing, is_quiet=is_quiet), _AUTHOR)
        self._note_surplus(act.number, act.alerts)

    def _note_surplus(self, number: str, alerts: Sequence[Sighted]) -> None:
        """What an incident has no room for is not offered again until one of its alerts ends."""
        rest = {one.ref: one.alert.starts_ms for one in alerts if one.ref not in self._linked}
        if rest:
            self._surplus[number] = {**self._surplus.get(number, {}), **rest}
            _log.warning("incident_is_full", number=number, alerts_without_room=len(rest))

    def _count(self, number: str, ref: str) -> int:
        key = (number, ref)
        self._noise[key] = found = self._noise.get(key, 0) + 1
        return found

    async def _after_all(self, act: Joining | Opening) -> Joining | Opening:
        """What to do instead: another node was faster, or an older one that takes no more alerts
        has the key."""
        config, now = self._book.config, self._clock.now_ms()
        if isinstance(act, Joining):
            wanted = await self._book.get(act.number)
            other = await self._book.table.of_join_key(wanted.join_key)
            return act if other is None else Joining(other.number, act.alerts)
        other = await self._book.table.of_join_key(draft_of(act.alerts, config).join_key)
        if other is None:
            return act
        for found in judge(act.alerts, [other], config, self._alerts.group_keys, now):
            if isinstance(found, Joining):
                return found
        await self._book.change(other.number, _without_key)
        return act

    async def _only_one(self, opened: Incident) -> None:
        """Two nodes that opened one about the same by different keys make one of both."""
        config, now = self._book.config, self._clock.now_ms()
        others = await self._book.find(Asked(statuses=OPEN, limit=_MOST_INCIDENTS))
        older = [one for one in others if one.id < opened.id and one.source == "alerts"]
        if not older:
            return
        acts = await asyncio.to_thread(self._belongs_to, opened, older, config, now)
        for act in acts:
            if isinstance(act, Joining):
                await self._book.merge(opened.number, act.number, _AUTHOR)
                return

    def _belongs_to(
        self, opened: Incident, older: Sequence[Incident], config: IncidentsConfig, now: int
    ) -> list[Joining | Opening]:
        groups = self._alerts.group_keys
        again = [
            Sighted(
                Alert(labels=link.labels, starts_ms=now),
                opened.severity,
                keys_of(link.labels, config, groups),
            )
            for link in opened.of_kind("alert")[:_COMPARED]
        ]
        return judge(again, older, config, groups, now)

    async def _silently_gone(self, firing: set[str], now: int) -> dict[str, int]:
        """Since when alerts of open incidents are over that nobody told of as resolved; what other
        tools told (`webhook:…`) they also end."""
        missing = {
            name: link
            for name, (_, link) in self._linked.items()
            if not link.ends_ms and name not in firing and ":" not in name
        }
        if not missing or now - self._started_ms < _START_MS:
            return {}
        kept = await self._kept.of(link.labels for link in missing.values())
        found: dict[str, int] = {}
        for name, link in missing.items():
            other = kept.get(link.labels)
            if other is None:
                found[name] = now
            elif other.alert.is_resolved(now):
                found[name] = other.alert.ends_ms
        return found

    async def _note_ends(self, gone: Mapping[str, int]) -> None:
        ended: dict[str, dict[str, int]] = {}
        for name, ends_ms in gone.items():
            number, link = self._linked.get(name, ("", None))
            if link is not None and not link.ends_ms:
                ended.setdefault(number, {})[name] = ends_ms
        for number, ends in ended.items():
            self._surplus.pop(number, None)
            noise = max(self._noise.get((number, name), 0) for name in ends)
            await self._book.alerts_ended(number, ends, _AUTHOR, is_quiet=noise >= _NOISY)


def _without_key(one: Incident, _now: int) -> tuple[Incident, tuple[()]]:
    return replace(one, join_key=""), ()


def _names(alerts: Sequence[Sighted]) -> str:
    found = dict.fromkeys(get(one.alert.labels, "alertname") or "An alert" for one in alerts)
    return ", ".join(list(found)[:3])
