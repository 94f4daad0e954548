"""Who counts the seconds of each day? Live by the minute, and from stored samples after a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.days import DAY_MS, SHOWN_DAYS, Day, day_of, pieces

_log = log.get("status_page")
_LONGEST_TICK_MS = 330_000
"""A state holds until it is looked at again; after a longer pause it is not known what was."""
_STEP_MS = 60_000
_KEPT_DAYS = 400
_GAPS_AT_ONCE = 40


class DayRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One component's day as it is kept."""

    component: str
    day: int
    content: Day


class DayKeeper(Protocol):
    """Where days survive. Both raise Temporary when that does not answer."""

    async def save(self, records: Sequence[DayRecord]) -> None:
        """Keep them, replacing those of the same component and day."""

    async def since(self, day: int) -> list[DayRecord]:
        """All of that day and later ones."""


class Past(Protocol):
    """What was measured of a component before."""

    async def states(
        self, component: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[ComponentState | None]:
        """Its state at each step from `start_ms` on, before `end_ms`; None where there is no data.
        Raises a Fault when that cannot be said now."""


Then = Callable[[ComponentState | None, int], ComponentState | None]
"""What a component was at a moment, from what its monitor said then."""

AtTheTime = Callable[[str, int, int], Then]
"""How to judge a component within a stretch: by what was announced for it."""


@dataclass(slots=True)
class _Component:
    has_past: bool
    held: ComponentState | None = None
    seen_ms: int = 0


class Recorder:
    """Days of every component, in memory and kept; what cannot be kept now is kept later."""

    def __init__(self, keeper: DayKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._days: dict[tuple[str, int], Day] = {}
        self._unsaved: set[tuple[str, int]] = set()
        self._components: dict[str, _Component] = {}

    async def load(self) -> None:
        """Read the days that are shown."""
        first = day_of(self._clock.now_ms()) - SHOWN_DAYS
        for one in await self._keeper.since(first):
            key = (one.component, one.day)
            if key not in self._unsaved:
                self._days[key] = one.content

    def configure(self, components: Mapping[str, bool]) -> None:
        """Which components there are, and whether each has a monitor whose samples are stored."""
        now = self._clock.now_ms()
        for name, has_past in components.items():
            known = self._components.get(name)
            self._components[name] = known or _Component(has_past)
            self._components[name].has_past = has_past
            if has_past and not any(key[0] == name for key in self._days):
                self._expect_past(name, now)
        for gone in set(self._components) - set(components):
            del self._components[gone]

    def days(self, component: str) -> list[Day | None]:
        """The last 90, the oldest first; None for a day without data."""
        today = day_of(self._clock.now_ms())
        return [
            self._days.get((component, day)) for day in range(today - SHOWN_DAYS + 1, today + 1)
        ]

    def saw(self, states: Mapping[str, ComponentState | None]) -> None:
        """How each component is now; None when that is not known."""
        now = self._clock.now_ms()
        for name, state in states.items():
            known = self._components.setdefault(name, _Component(has_past=False))
            since = known.seen_ms or self._newest(name)
            if since and since < now:
                self._account(name, known, since, now)
            known.held, known.seen_ms = state, now

    async def fill_gaps(self, at_the_time: AtTheTime, past: Past) -> int:
        """Look into stored samples for what was missed, the newest first; how many gaps were
        closed. What fails for now stays open."""
        closed = 0
        wanted = [
            (day, name, gap)
            for (name, day), one in self._days.items()
            if name in self._components
            for gap in one.gaps
        ]
        for day, name, gap in sorted(wanted, reverse=True)[:_GAPS_AT_ONCE]:
            found: list[ComponentState | None]
            try:
                if self._components[name].has_past:
                    found = await past.states(name, *gap, _STEP_MS)
                else:
                    found = [None] * -(-(gap[1] - gap[0]) // _STEP_MS)
            except Temporary as error:
                _log.info("status_past_waits", component=name, error=str(error))
                return closed
            except Fault as error:
                _log.warning("status_past_unknown", component=name, error=str(error))
                found = []
            self._fill(name, day, gap, found, at_the_time)
            closed += 1
        return closed

    async def save(self) -> None:
        """Keep what changed. Raises Temporary; then it is kept the next time."""
        now = day_of(self._clock.now_ms())
        for key in [key for key in self._days if key[1] < now - _KEPT_DAYS]:
            del self._days[key]
        keys = sorted(self._unsaved)
        records = [
            DayRecord(component=name, day=day, content=self._days[name, day])
            for name, day in keys
            if (name, day) in self._days
        ]
        self._unsaved.difference_update(keys)
        try:
            await self._keeper.save(records)
        except Temporary:
            self._unsaved.update(keys)
            raise

    def _expect_past(self, name: str, now: int) -> None:
        """A new component: samples of its monitor may be older than it."""
        today = day_of(now)
        for day in range(today - SHOWN_DAYS + 1, today):
            gap = (day * DAY_MS, (day + 1) * DAY_MS)
            self._put(name, day, Day(gaps=(gap,), until_ms=gap[1]))
        begin = today * DAY_MS
        gaps = ((begin, now),) if begin < now else ()
        self._put(name, today, Day(gaps=gaps, until_ms=now))

    def _newest(self, name: str) -> int:
        return max((one.until_ms for key, one in self._days.items() if key[0] == name), default=0)

    def _account(self, name: str, known: _Component, since: int, now: int) -> None:
        is_live = known.seen_ms > 0 and now - since <= _LONGEST_TICK_MS
        since = max(since, (day_of(now) - SHOWN_DAYS + 1) * DAY_MS)
        for day, start, end in pieces(since, now):
            one = self._days.get((name, day), Day())
            if not is_live:
                one = msgspec.structs.replace(one, gaps=(*one.gaps, (start, end)))
            elif known.held is not None:
                one = one.plus(known.held, (end - start) / 1000)
            elif known.has_past:
                one = msgspec.structs.replace(one, gaps=(*one.gaps, (start, end)))
            gaps = _joined(one.gaps)
            self._put(name, day, msgspec.structs.replace(one, until_ms=end, gaps=gaps))

    def _fill(
        self,
        name: str,
        day: int,
        gap: tuple[int, int],
        states: Sequence[ComponentState | None],
        at_the_time: AtTheTime,
    ) -> None:
        one, then = self._days[name, day], at_the_time(name, *gap)
        found: dict[ComponentState, int] = {}
        for step, measured in enumerate(states):
            start = gap[0] + step * _STEP_MS
            state = then(measured, start)
            if state is not None:
                found[state] = found.get(state, 0) + min(_STEP_MS, gap[1] - start)
        for state, total in found.items():
            one = one.plus(state, total / 1000)
        left = tuple(other for other in one.gaps if other != gap)
        self._put(name, day, msgspec.structs.replace(one, gaps=left))

    def _put(self, name: str, day: int, one: Day) -> None:
        self._days[name, day] = one
        self._unsaved.add((name, day))


def _joined(gaps: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Neighbours as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(gaps):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
