"""When is whom told of what? Alerts are grouped, held back, de-duplicated and repeated.

Timing and order are Alertmanager's (dispatch.Dispatcher and notify.RoutingStage).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tocsin.alert.attention.silence import Silences
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.book import AlertBook, AlertKeeper, Known, told
from tocsin.alert.deciding.circumstances import Beyond, Circumstances
from tocsin.alert.deciding.decision import Decision, Inputs, decide
from tocsin.alert.deciding.holding import Facts
from tocsin.alert.deciding.look import Look
from tocsin.alert.deciding.notification_log import NotificationLog
from tocsin.alert.deciding.open_group import Group
from tocsin.alert.deciding.receipt import Receipts
from tocsin.alert.deciding.standing import Standing, group_keys, standing
from tocsin.alert.deciding.teller import Teller
from tocsin.alert.deciding.turns import in_turns
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RESOLVE_TIMEOUT_MS, RoutingPlan
from tocsin.alert.routing.group import group_key, group_labels
from tocsin.alert.routing.route import Route, matching
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, get
from tocsin.model.notices import fingerprint, name_many

_log = log.get("dispatch")
_groups_open = gauge.gauge("alert_groups", "Groups of alerts that are open.")
_alerts_known = gauge.gauge("alerts_known", "Alerts that are known, resolved ones for a while.")
_crashes = gauge.counter("notification_crashes", "Messages that a bug kept from going out.")
_received = gauge.counter("alerts_received", "Alerts that were told.", ("source",))
_TIDY_MS = 30_000
_IDLE_MS = 600_000
_SET_BACK_MS = 1000
"""What corrections of a running clock do not reach."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """An alert as people see it. `inhibited_by` names what it `follows_from` too, which is no rule
    of inhibition but holds it back likewise."""

    alert: Alert
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    follows_from: tuple[str, ...] = ()


class Dispatcher:
    """Takes alerts and sees to it that who should hear of them does.

    Without a plan alerts are kept and listed, and nobody is told.
    """

    def __init__(
        self,
        clock: Clock,
        alerts: AlertKeeper,
        notified: NotificationLog,
        silences: Silences,
        beyond: Beyond | None = None,
    ) -> None:
        """`beyond` is what Alertmanager does not have."""
        beyond = beyond or Beyond()
        self.silences = silences
        self.receipts = Receipts(beyond.receipts)
        self._clock = clock
        self._keeper = alerts
        self._log = notified
        self._around = Circumstances(silences, beyond)
        self._teller = Teller(clock, notified, self._around, self.receipts)
        self._book = AlertBook()
        self._plan: RoutingPlan | None = None
        self._config: AlertingConfig | None = None
        self._groups: dict[tuple[int, Labels], Group] = {}
        self._order = itertools.count()
        self._due: list[tuple[int, int, Group]] = []
        self._wake = asyncio.Event()
        self._tidied_ms = clock.now_ms()
        self._ahead_ms = clock.now_ms() - round(clock.monotonic() * 1000)
        self._flushing: set[asyncio.Task[None]] = set()
        self._watchers: list[Callable[[Sequence[Alert]], None]] = []

    @property
    def plan(self) -> RoutingPlan | None:
        """The configuration in force."""
        return self._plan

    @property
    def config(self) -> AlertingConfig | None:
        """What is in force beyond Alertmanager's; None is nothing."""
        return self._config

    @property
    def integrations(self) -> Mapping[str, Sequence[Integration]]:
        """The ways in which each receiver is told."""
        return self._teller.integrations

    @property
    def groups(self) -> list[Group]:
        """Every open group."""
        return list(self._groups.values())

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before `configure`."""
        await self.silences.load()
        await self._log.load()
        await self._around.flaps.load()
        await self.receipts.number()
        now = self._clock.now_ms()
        for known in await self._keeper.all():
            self._book.put(known, now)

    def configure(
        self,
        plan: RoutingPlan | None,
        integrations: Mapping[str, Sequence[Integration]],
        config: AlertingConfig | None = None,
    ) -> None:
        """Put a configuration in force; known alerts are grouped anew by it. Without `config`
        nothing is told or held back that Alertmanager would not."""
        for task in self._flushing:
            task.cancel()
        self._plan, self._teller.integrations = plan, integrations
        self._config = config
        self._around.configure(plan, config)
        self.receipts.configure(self._around.basis)
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
        name_many(alert.labels for alert in alerts)
        async for alert in in_turns(alerts):
            known = self._book.put(told(alert, now, timeout), now)
            changed.append(known)
            self._arrange(known.alert)
            _received.labels(alert.source if alert.source == "rules" else "outside").inc()
        _alerts_known.set(len(self._book))
        self._wake.set()
        await self._keeper.save(changed)
        await self._around.flaps.keep()
        for hear in self._watchers:
            hear([known.alert for known in changed])

    def watched_by(self, hear: Callable[[Sequence[Alert]], None]) -> None:
        """Have it told of alerts that were put, once they are kept; it must not fail or wait."""
        self._watchers.append(hear)

    async def run(self) -> None:
        """Tell whoever is to be told, for ever."""
        for group in self._groups.values():
            group.is_busy = False
            self._schedule(group, group.due_ms)
        try:
            while True:
                self._wake.clear()
                self._look_at_clock()
                async for group in in_turns(self._take_due()):
                    self._begin(group)
                now = self._clock.now_ms()
                if now >= self._tidied_ms + _TIDY_MS:
                    await self._tidy(now)
                alarm = asyncio.create_task(self._ring(), name="dispatch_alarm")
                try:
                    await self._wake.wait()
                finally:
                    alarm.cancel()
        finally:
            for task in self._flushing:
                task.cancel()

    async def drain(self, limit_seconds: float) -> None:
        """Let messages that are on their way arrive, and what is noted of them be kept."""
        if self._flushing:
            await asyncio.wait(list(self._flushing), timeout=limit_seconds)
        await self._log.flush()

    def alerts(self) -> list[Alert]:
        """Every alert that is not over."""
        now = self._clock.now_ms()
        return [alert for alert in self._book.all() if not alert.is_resolved(now)]

    def states(self) -> list[AlertState]:
        """Every alert that is not over, and what becomes of it now."""
        return [self.state_of(alert) for alert in self.alerts()]

    def state_of(self, alert: Alert) -> AlertState:
        """What becomes of an alert now."""
        now = self._clock.now_ms()
        source = self._around.inhibited_by(alert, now)
        cause = None if source else self._around.follows_from(alert, now)
        held_by = source or cause
        routes = matching(self._plan.root, alert.labels) if self._plan else []
        return AlertState(
            alert=alert,
            receivers=tuple(dict.fromkeys(route.receiver for route in routes)),
            silenced_by=tuple(self.silences.silenced_by(alert.labels, now)),
            inhibited_by=(fingerprint(held_by.labels),) if held_by else (),
            follows_from=(fingerprint(cause.labels),) if cause else (),
        )

    def standing(self, alert: Alert) -> Standing:
        """Whether it fires now, and what holds it back."""
        return standing(alert, self._plan, self._around, self._clock.now_ms())

    def group_keys(self, labels: Labels) -> tuple[str, ...]:
        """The groups that an alert of these labels belongs to, but for those of all alerts."""
        return group_keys(self._plan, labels)

    def explain(self, alert: Alert) -> list[Decision]:
        """What becomes of an alert now, on each of its routes; nothing is told or kept.

        It may be one that is not known: then it is what would become of it.
        """
        now, name = self._clock.now_ms(), alert.fingerprint
        if self._plan is None:
            return [decide(self._around.basis, _unrouted(alert, now))]
        found: list[Decision] = []
        for route in matching(self._plan.root, alert.labels):
            group = self._group_of(route, alert.labels, now)
            if alert.labels not in group.alerts:
                group = replace(group, alerts={**group.alerts, alert.labels: alert})
            found += self._teller.explain(group, name, now)
        return found

    def known(self, fingerprint: str) -> Alert | None:
        """The alert of that fingerprint, also one that was over a moment ago."""
        return next((one for one in self._book.all() if one.fingerprint == fingerprint), None)

    def named(self, name: str) -> list[Alert]:
        """The alerts of that `alertname`."""
        return [one for one in self._book.all() if get(one.labels, "alertname") == name]

    def _group_of(self, route: Route, labels: Labels, now_ms: int) -> Group:
        """The open group of such an alert, or one as it would be opened."""
        by = group_labels(route, labels)
        found = self._groups.get((route.number, by))
        return found or Group(route, by, group_key(route, by), now_ms + route.group_wait_ms)

    def _arrange(self, alert: Alert) -> None:
        """Into the groups of every route that it matches."""
        now = self._clock.now_ms()
        self._around.saw(alert, now)
        if self._plan is None:
            if self.receipts.is_kept:
                self._teller.record_unrouted(_unrouted(alert, now), alert.fingerprint)
            return
        for route in matching(self._plan.root, alert.labels):
            group = self._group_of(route, alert.labels, now)
            place = (route.number, group.labels)
            if place not in self._groups:
                if alert.is_resolved(now) and not self._teller.was_told(group):
                    continue
                self._groups[place] = group
                _groups_open.set(len(self._groups))
                self._schedule(group, group.due_ms)
            group.alerts[alert.labels] = alert
            is_old = alert.starts_ms + route.group_wait_ms < now
            if not group.was_told and is_old and group.due_ms > now:
                self._schedule(group, now)

    def _look_at_clock(self) -> None:
        """A clock that was set back must not keep groups waiting, nor let what is over fire."""
        now = self._clock.now_ms()
        ahead_ms = now - round(self._clock.monotonic() * 1000)
        back_ms, self._ahead_ms = self._ahead_ms - ahead_ms, ahead_ms
        if back_ms < _SET_BACK_MS:
            return
        _log.warning("clock_set_back", seconds=back_ms / 1000)
        self._tidied_ms = min(self._tidied_ms, now)
        for alert in self._book.set_back(now + back_ms, now):
            self._arrange(alert)
        for group in self._groups.values():
            self._schedule(group, max(now, group.due_ms - back_ms))

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

    async def _ring(self) -> None:
        """Wake the loop when the next group is due, or to tidy when none is for long."""
        now_ms = self._clock.now_ms()
        due_ms = self._due[0][0] if self._due else now_ms + _IDLE_MS
        await self._clock.sleep(max(1, min(due_ms - now_ms, _IDLE_MS)) / 1000)
        self._wake.set()

    async def _flush(self, group: Group) -> None:
        route, now = group.route, self._clock.now_ms()
        try:
            seen = await self._teller.flush(group)
            if seen is not None:
                await self._over(group, seen)
        finally:
            group.is_busy = False
            after = self._clock.now_ms()
            self._schedule(group, max(min(now, after) + route.group_interval_ms, after))
            self._wake.set()

    async def _over(self, group: Group, seen: Look) -> None:
        """What is over, and was told, leaves the group."""
        over = []
        for one in seen.seen:
            alert = one.facts.alert
            if not one.fires and group.alerts.get(alert.labels) is alert:
                del group.alerts[alert.labels]
                over.append(one.fingerprint)
        await self._unacknowledge(over)

    async def _unacknowledge(self, over: Sequence[str]) -> None:
        known = self._around.acknowledgements
        if known is None or not over:
            return
        try:
            await known.forget(over)
        except Temporary as error:
            _log.warning("acknowledgements_not_forgotten", error=str(error))

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
            self._around.forget(labels)
        _alerts_known.set(len(self._book))
        names = [fingerprint(labels) for labels in gone]
        self.receipts.forget(names)
        await self._unacknowledge(names)
        try:
            await self.receipts.number()
            if gone:
                await self._keeper.forget(gone)
            await self._log.tidy(now_ms)
            await self.silences.tidy()
            await self._around.flaps.tidy(now_ms)
        except Temporary as error:
            _log.warning("not_tidied", error=str(error))


def _unrouted(alert: Alert, now_ms: int) -> Inputs:
    return Inputs(facts=Facts(alert=alert, at_ms=now_ms))
