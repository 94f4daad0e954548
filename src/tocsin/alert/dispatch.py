"""When is whom told of what? Alerts are grouped, held back, de-duplicated and repeated.

Timing and order are Alertmanager's (dispatch.Dispatcher and notify.RoutingStage).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.alert.alertmanager_config import RESOLVE_TIMEOUT_MS, RoutingPlan
from tocsin.alert.book import AlertBook, AlertKeeper, Known, told
from tocsin.alert.delivery import Integration
from tocsin.alert.group import group_key, group_labels, told_order
from tocsin.alert.inhibit import Inhibitor
from tocsin.alert.notification_log import NotificationLog, is_due, key_of
from tocsin.alert.route import Route, matching, why_muted
from tocsin.alert.silence import Silences
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice, NoticeAlert, fingerprint

_log = log.get("dispatch")
_groups_open = gauge.gauge("alert_groups", "Groups of alerts that are open.")
_alerts_known = gauge.gauge("alerts_known", "Alerts that are known, resolved ones for a while.")
_crashes = gauge.counter("notification_crashes", "Messages that a bug kept from going out.")
_received = gauge.counter("alerts_received", "Alerts that were told.", ("source",))
_TIDY_MS = 30_000
_IDLE_MS = 600_000
_LEAST_TIME_MS = 10_000


@dataclass(slots=True)
class Group:
    """Alerts that are told together; `due_ms` is when they are looked at next."""

    route: Route
    labels: Labels
    key: str
    due_ms: int
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    was_told: bool = False
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class AlertState:
    """An alert as people see it."""

    alert: Alert
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]


class Dispatcher:
    """Takes alerts and sees to it that who should hear of them does.

    Without a plan alerts are kept and listed, and nobody is told.
    """

    def __init__(
        self, clock: Clock, alerts: AlertKeeper, notified: NotificationLog, silences: Silences
    ) -> None:
        self.silences = silences
        self._clock = clock
        self._keeper = alerts
        self._log = notified
        self._book = AlertBook()
        self._plan: RoutingPlan | None = None
        self._integrations: Mapping[str, Sequence[Integration]] = {}
        self._inhibitor = Inhibitor(())
        self._groups: dict[tuple[int, Labels], Group] = {}
        self._order = itertools.count()
        self._due: list[tuple[int, int, Group]] = []
        self._wake = asyncio.Event()
        self._tidied_ms = clock.now_ms()
        self._flushing: set[asyncio.Task[None]] = set()

    @property
    def plan(self) -> RoutingPlan | None:
        """The configuration in force."""
        return self._plan

    @property
    def integrations(self) -> Mapping[str, Sequence[Integration]]:
        """The ways in which each receiver is told."""
        return self._integrations

    @property
    def groups(self) -> list[Group]:
        """Every open group."""
        return list(self._groups.values())

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before `configure`."""
        await self.silences.load()
        await self._log.load()
        now = self._clock.now_ms()
        for known in await self._keeper.all():
            self._book.put(known, now)

    def configure(
        self, plan: RoutingPlan | None, integrations: Mapping[str, Sequence[Integration]]
    ) -> None:
        """Put a configuration in force; known alerts are grouped anew by it."""
        for task in self._flushing:
            task.cancel()
        self._plan, self._integrations = plan, integrations
        self._inhibitor = Inhibitor(plan.inhibit_rules if plan else ())
        self._groups.clear()
        self._due.clear()
        for alert in self._book.all():
            self._arrange(alert)
        self._wake.set()

    async def put(self, alerts: Sequence[Alert]) -> None:
        """Take alerts; they are kept when this returns. Raises Temporary when they cannot be."""
        now = self._clock.now_ms()
        timeout = self._plan.resolve_timeout_ms if self._plan else RESOLVE_TIMEOUT_MS
        if now >= self._tidied_ms + _TIDY_MS:
            self._drop_empty()
        changed: list[Known] = []
        for alert in alerts:
            known = self._book.put(told(alert, now, timeout), now)
            changed.append(known)
            self._arrange(known.alert)
            _received.labels(alert.source if alert.source == "rules" else "outside").inc()
        _alerts_known.set(len(self._book))
        self._wake.set()
        await self._keeper.save(changed)

    async def run(self) -> None:
        """Tell whoever is to be told, for ever."""
        for group in self._groups.values():
            group.is_busy = False
            self._schedule(group, group.due_ms)
        try:
            while True:
                self._wake.clear()
                for group in self._take_due():
                    self._begin(group)
                now = self._clock.now_ms()
                if now >= self._tidied_ms + _TIDY_MS:
                    await self._tidy(now)
                alarm = asyncio.create_task(self._ring(now), name="dispatch_alarm")
                try:
                    await self._wake.wait()
                finally:
                    alarm.cancel()
        finally:
            for task in self._flushing:
                task.cancel()

    async def drain(self, limit_seconds: float) -> None:
        """Let messages that are on their way arrive."""
        if self._flushing:
            await asyncio.wait(list(self._flushing), timeout=limit_seconds)

    def states(self) -> list[AlertState]:
        """Every alert that is not over, and what becomes of it now."""
        now = self._clock.now_ms()
        return [self.state_of(alert) for alert in self._book.all() if not alert.is_resolved(now)]

    def state_of(self, alert: Alert) -> AlertState:
        """What becomes of an alert now."""
        now = self._clock.now_ms()
        source = self._inhibitor.inhibited_by(alert.labels, now)
        routes = matching(self._plan.root, alert.labels) if self._plan else []
        return AlertState(
            alert=alert,
            receivers=tuple(dict.fromkeys(route.receiver for route in routes)),
            silenced_by=tuple(self.silences.silenced_by(alert.labels, now)),
            inhibited_by=(fingerprint(source.labels),) if source else (),
        )

    def _arrange(self, alert: Alert) -> None:
        """Into the groups of every route that it matches."""
        self._inhibitor.saw(alert)
        if self._plan is None:
            return
        now = self._clock.now_ms()
        for route in matching(self._plan.root, alert.labels):
            labels = group_labels(route, alert.labels)
            group = self._groups.get((route.number, labels))
            if group is None:
                if alert.is_resolved(now) and not self._was_told(route, labels):
                    continue
                group = Group(route, labels, group_key(route, labels), now + route.group_wait_ms)
                self._groups[route.number, labels] = group
                _groups_open.set(len(self._groups))
                self._schedule(group, group.due_ms)
            group.alerts[alert.labels] = alert
            is_old = alert.starts_ms + route.group_wait_ms < now
            if not group.was_told and is_old and group.due_ms > now:
                self._schedule(group, now)

    def _was_told(self, route: Route, labels: Labels) -> bool:
        key = group_key(route, labels)
        return any(
            self._log.get(key_of(key, route.receiver, one.kind, one.index)) is not None
            for one in self._integrations.get(route.receiver, ())
        )

    def _schedule(self, group: Group, due_ms: int) -> None:
        group.due_ms = due_ms
        heapq.heappush(self._due, (due_ms, next(self._order), group))

    def _take_due(self) -> Iterable[Group]:
        now = self._clock.now_ms()
        while self._due and self._due[0][0] <= now:
            due_ms, _, group = heapq.heappop(self._due)
            is_current = self._groups.get((group.route.number, group.labels)) is group
            if not is_current or due_ms != group.due_ms or group.is_busy:
                continue
            group.is_busy = True
            group.was_told = True
            yield group

    def _begin(self, group: Group) -> None:
        """Each group is told by a task of its own: a bug in one must not silence the others."""
        task = asyncio.create_task(self._flush(group), name=f"tell {group.key}")
        self._flushing.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._flushing.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _crashes.inc()
            _log.error("telling_crashed", task=task.get_name(), error=repr(error), exc_info=error)

    async def _ring(self, now_ms: int) -> None:
        """Wake the loop when the next group is due, or to tidy when none is for long."""
        due_ms = self._due[0][0] if self._due else now_ms + _IDLE_MS
        await self._clock.sleep(max(1, min(due_ms - now_ms, _IDLE_MS)) / 1000)
        self._wake.set()

    async def _flush(self, group: Group) -> None:
        route, now = group.route, self._clock.now_ms()
        alerts = sorted(group.alerts.values(), key=lambda alert: told_order(alert.labels))
        try:
            allowed = self._allowed(route, alerts, now)
            is_told = await self._tell(group, allowed, now)
            if is_told:
                for alert in alerts:
                    if alert.is_resolved(now) and group.alerts.get(alert.labels) is alert:
                        del group.alerts[alert.labels]
        finally:
            group.is_busy = False
            due = max(now + route.group_interval_ms, self._clock.now_ms())
            self._schedule(group, due)
            self._wake.set()

    def _allowed(self, route: Route, alerts: Sequence[Alert], now_ms: int) -> list[Alert]:
        """What neither inhibition nor the time of day nor a silence holds back."""
        if self._plan is None or why_muted(route, self._plan.intervals, now_ms):
            return []
        return [
            alert
            for alert in alerts
            if self._inhibitor.inhibited_by(alert.labels, now_ms) is None
            and not self.silences.silenced_by(alert.labels, now_ms)
        ]

    async def _tell(self, group: Group, alerts: Sequence[Alert], now_ms: int) -> bool:
        """Tell every integration of the group's receiver; whether all of them took it."""
        if not alerts:
            return True
        notice = Notice(
            receiver=group.route.receiver,
            group_key=group.key,
            group_labels=group.labels,
            alerts=tuple(_told(alert, now_ms) for alert in alerts),
            at_ms=now_ms,
        )
        integrations = self._integrations.get(group.route.receiver, ())
        answers = await asyncio.gather(
            *(self._tell_one(one, group.route, notice) for one in integrations),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer  # once the others have been told
        return all(answers)

    async def _tell_one(self, one: Integration, route: Route, notice: Notice) -> bool:
        firing = frozenset(alert.fingerprint for alert in notice.firing)
        resolved = frozenset(alert.fingerprint for alert in notice.resolved)
        key = key_of(notice.group_key, notice.receiver, one.kind, one.index)
        now, repeat = notice.at_ms, route.repeat_interval_ms
        is_news = is_due(
            self._log.get(key),
            firing,
            resolved,
            sends_resolved=one.sends_resolved,
            now_ms=now,
            repeat_ms=repeat,
        )
        if not is_news:
            return True
        if not one.sends_resolved:
            notice = _firing_only(notice)
        if notice.alerts:
            await self._log.begin(key, firing, now)
            limit = max(route.group_interval_ms, _LEAST_TIME_MS) / 1000
            if not await one.deliver(notice, self._clock, limit):
                return False
        await self._log.sent(key, firing, resolved, now, repeat)
        return True

    def _drop_empty(self) -> None:
        """A group whose alerts are all over and told is gone; the next alert begins another."""
        for place, group in list(self._groups.items()):
            if not group.alerts and not group.is_busy:
                del self._groups[place]
        _groups_open.set(len(self._groups))

    async def _tidy(self, now_ms: int) -> None:
        self._tidied_ms = now_ms
        self._drop_empty()
        waiting = {labels for group in self._groups.values() for labels in group.alerts}
        gone = self._book.forget_resolved(now_ms, waiting)
        for labels in gone:
            self._inhibitor.forget(labels)
        _alerts_known.set(len(self._book))
        try:
            if gone:
                await self._keeper.forget(gone)
            await self._log.tidy(now_ms)
            await self.silences.tidy()
        except Temporary as error:
            _log.warning("not_tidied", error=str(error))


def _told(alert: Alert, now_ms: int) -> NoticeAlert:
    return NoticeAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        starts_ms=alert.starts_ms,
        ends_ms=alert.ends_ms if alert.is_resolved(now_ms) else 0,
        generator_url=alert.generator_url,
        fingerprint=fingerprint(alert.labels),
    )


def _firing_only(notice: Notice) -> Notice:
    return Notice(
        receiver=notice.receiver,
        group_key=notice.group_key,
        group_labels=notice.group_labels,
        alerts=notice.firing,
        at_ms=notice.at_ms,
    )
