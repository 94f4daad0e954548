"""What is being worked on now? Windows, once or again and again, that hold alerts back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from tocsin.alert.attention.held_copy import HeldCopy, Mark
from tocsin.alert.attention.recurrence import wall
from tocsin.alert.attention.window import EVER_MS, Occurrence, Schedule, Window
from tocsin.alert.routing.matchers import matches_all
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import Labels

_active = gauge.gauge("maintenance_windows_active", "Maintenance windows that are open now.")
_MOST = 2_000
_KEPT_AFTER_MS = 30 * 86_400_000


class WindowKeeper(Protocol):
    """Where windows survive a restart."""

    async def save(self, windows: Iterable[Window]) -> None:
        """Keep them, replacing those of the same id."""

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[Window]:
        """Every one."""

    async def mark(self) -> Mark:
        """What differs as soon as any of them does."""


class Maintenance:
    """All windows: those of the configuration, and those that people made, kept before they
    count."""

    def __init__(self, keeper: WindowKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._copy = HeldCopy(keeper)
        self._made: dict[str, Schedule] = {}
        self._configured: dict[str, Schedule] = {}
        self._open: tuple[Schedule, ...] = ()
        self._open_from_ms = 0
        self._open_until_ms = 0
        _active.set_function(lambda: float(len(self.open(clock.now_ms()))))

    async def load(self) -> None:
        """Read what an earlier process kept."""
        windows = await self._keeper.all()
        self._made = await asyncio.to_thread(_scheduled, windows, self._clock.now_ms())
        self._forget_open()

    async def take_over(self) -> None:
        """What another process of the same database has changed counts here too. Raises
        Temporary when it cannot be read."""
        now = self._clock.now_ms()
        found = await self._copy.news(lambda windows: _scheduled(windows, now))
        if found is not None:
            self._made = found
            self._forget_open()

    async def configure(self, windows: Sequence[Window]) -> None:
        """Put the configuration's windows in force, instead of those before."""
        self._configured = await asyncio.to_thread(_scheduled, windows, self._clock.now_ms())
        self._forget_open()

    def covering(self, labels: Labels, now_ms: int) -> Sequence[str]:
        """The names of the open windows that hold such an alert back, sorted."""
        held = {one.name for one in self.windows_covering(labels, now_ms)}
        return sorted(held) if held else ()

    def windows_covering(self, labels: Labels, now_ms: int) -> list[Window]:
        """The open windows that hold such an alert back."""
        return [one.window for one in self.open(now_ms) if matches_all(one.conditions, labels)]

    def open(self, now_ms: int) -> tuple[Schedule, ...]:
        """Every window that is open at that moment."""
        if not self._open_from_ms <= now_ms < self._open_until_ms:
            self._open_from_ms, self._open_until_ms = now_ms, EVER_MS
            self._open = tuple(one for one in self._all() if one.is_open(now_ms))
            ends = [
                occurrence.ends_ms
                for one in self._open
                for occurrence in one.between(now_ms, now_ms + 1)
            ]
            ahead = [found.starts_ms for one in self._all() if (found := one.following(now_ms))]
            self._open_until_ms = min((*ends, *ahead), default=EVER_MS)
        return self._open

    def all(self) -> list[Schedule]:
        """Every window: open ones first, then those to come by their beginning, then past ones."""
        now = self._clock.now_ms()
        return sorted(self._all(), key=lambda one: _order(one, now))

    def get(self, window_id: str) -> Schedule:
        """Raises NotFound."""
        found = self._made.get(window_id) or self._configured.get(window_id)
        if found is None:
            raise NotFound(f"there is no maintenance window {window_id}")
        return found

    def between(self, after_ms: int, before_ms: int) -> list[Occurrence]:
        """Every time that a window is open in that range, by their beginning."""
        found = [occ for one in self._all() for occ in one.between(after_ms, before_ms)]
        return sorted(found, key=lambda one: (one.starts_ms, one.window.name, one.window.id))

    async def put(self, window: Window) -> Window:
        """Make one, or change the one whose id is given; returns it as it counts now.

        Raises Rejected for one that makes no sense, for one of the configuration, and NotFound.
        """
        return (await self.put_all([window]))[0]

    async def put_all(self, windows: Sequence[Window]) -> list[Window]:
        """Make or change several, all or none; raises as `put`."""
        now = self._clock.now_ms()
        fresh = []
        for window in windows:
            if window.id:
                self._refuse_configured(window.id)
                self.get(window.id)
            one = msgspec.structs.replace(window, id=window.id or str(uuid.uuid4()), updated_ms=now)
            fresh.append(one)
        if len(self._made.keys() | {one.id for one in fresh}) > _MOST:
            raise Rejected(f"there are {_MOST} maintenance windows already; remove some first")
        schedules = await asyncio.to_thread(_scheduled, fresh, now)
        for schedule in schedules.values():
            if schedule.state(now) == "expired":
                raise Rejected(f"the window {schedule.window.name!r} would be over already")
        await self._keep(fresh, schedules)
        return fresh

    async def import_all(self, windows: Sequence[Window]) -> list[Window]:
        """Keep windows of a calendar, instead of those that its events (`uid`) were before."""
        uids = {window.uid for window in windows}
        before: dict[str, list[str]] = {}
        for key, one in self._made.items():
            if one.window.source == "ical" and one.window.uid in uids:
                before.setdefault(one.window.uid, []).append(key)
        named = []
        for window in windows:
            known = before.get(window.uid)
            named.append(msgspec.structs.replace(window, id=known.pop(0) if known else ""))
        kept = await self.put_all(named)
        gone = [key for keys in before.values() for key in keys]
        await self._forget(gone)
        return kept

    async def remove(self, window_id: str) -> Window:
        """Remove one for good. Raises NotFound, and Rejected for one of the configuration."""
        self._refuse_configured(window_id)
        window = self.get(window_id).window
        await self._forget([window_id])
        return window

    async def end_now(self, window_id: str) -> Window:
        """End what is open: a window that comes once ends now, one that recurs leaves this time
        out. Raises NotFound, and Rejected when it is not open."""
        self._refuse_configured(window_id)
        schedule, now = self.get(window_id), self._clock.now_ms()
        window = schedule.window
        current = schedule.between(now, now + 1)
        if not current:
            raise Rejected(f"the window {window.name!r} is not open now")
        if window.rule:
            begun = tuple(wall(one.starts_ms, window.time_zone).isoformat() for one in current)
            ended = msgspec.structs.replace(window, excluded=(*window.excluded, *begun))
        else:
            ended = msgspec.structs.replace(window, ends_ms=max(now, window.starts_ms + 1))
        ended = msgspec.structs.replace(ended, updated_ms=now)
        schedules = await asyncio.to_thread(_scheduled, [ended], now)
        await self._keep([ended], schedules)
        return ended

    async def tidy(self) -> None:
        """Forget windows whose last time was a month ago."""
        before = self._clock.now_ms() - _KEPT_AFTER_MS
        gone = [
            key
            for key, one in self._made.items()
            if one.window.updated_ms < before
            and not one.between(before, before + 1)
            and one.following(before) is None
        ]
        await self._forget(gone)

    async def _keep(self, windows: Sequence[Window], schedules: dict[str, Schedule]) -> None:
        with self._copy.changing():
            await self._keeper.save(windows)
            self._made.update(schedules)
        self._forget_open()

    async def _forget(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        with self._copy.changing():
            await self._keeper.forget(ids)
            for one in ids:
                self._made.pop(one, None)
        self._forget_open()

    def _all(self) -> list[Schedule]:
        return [*self._configured.values(), *self._made.values()]

    def _forget_open(self) -> None:
        self._open_from_ms = self._open_until_ms = 0

    def _refuse_configured(self, window_id: str) -> None:
        if window_id in self._configured:
            raise Rejected(
                f"the window {window_id} stands in the configuration; change it there "
                "(alerting.maintenance) and reload"
            )


def _scheduled(windows: Iterable[Window], now_ms: int) -> dict[str, Schedule]:
    """By id, followed up to now already; may take a while for rules with many occurrences."""
    found = {}
    for window in windows:
        schedule = found[window.id] = Schedule(window)
        schedule.is_open(now_ms)
    return found


def _order(schedule: Schedule, now_ms: int) -> tuple[int, int, str]:
    if schedule.is_open(now_ms):
        return 0, schedule.between(now_ms, now_ms + 1)[0].ends_ms, schedule.window.name
    ahead = schedule.following(now_ms)
    if ahead is not None:
        return 1, ahead.starts_ms, schedule.window.name
    return 2, -schedule.window.ends_ms, schedule.window.name
