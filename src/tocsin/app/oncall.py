"""How is on-call wired in: who is on call, who is told of changes of shift, what is counted?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tocsin.app.config import Loaded
from tocsin.app.errands import ErrandRunner
from tocsin.app.oncall_teller import Bring, HandOverTeller
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.kit.tasks import Tasks
from tocsin.model.errands import Plan
from tocsin.oncall.advice import warnings
from tocsin.oncall.calendar_file import CalendarFiles, keep
from tocsin.oncall.handing_over import KIND, HandOvers
from tocsin.oncall.handover import SituationSource
from tocsin.oncall.news import KIND as NEWS
from tocsin.oncall.news import NewsHandler
from tocsin.oncall.override import Override, Swap
from tocsin.oncall.reading import OnCallPlan, read_on_call
from tocsin.oncall.roster import NO_ROSTER, Roster
from tocsin.oncall.rota import Change, Rota
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ONCALL_NOTES

_log = log.get("oncall")
_on_call = gauge.gauge("oncall", "1 for who is on call now.", ("schedule", "person"))
_uncovered = gauge.gauge("oncall_uncovered", "1 while nobody is on call.", ("schedule",))
_stale = gauge.gauge(
    "oncall_calendars_stale", "Imported calendars that are read from their last right copy."
)
_CALENDARS = "calendars"
_LOOK_SECONDS = 5.0
_OTHERS_SECONDS = 15.0
"""How often is read what another node has changed."""
_PLAN_SECONDS = 3600.0
_WARNED_MS = 60_000
_TIDY_SECONDS = 86_400.0


class KeptChanges:
    """Overrides and swaps on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, ONCALL_NOTES, kind="override")

    async def save(self, changes: Iterable[Change], news: Plan, now_ms: int) -> None:
        """Keep all or none of them, replacing those of the same id, together with the errands that
        tell of them."""
        kept = {
            one.id: Kept(content=msgspec.json.encode(one), updated_at=one.made_ms)
            for one in changes
        }
        await self._shelf.save(kept, news, now_ms=now_ms)

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(ids)

    async def all(self) -> list[Change]:
        """Every one."""
        kept = await self._shelf.all()
        return [msgspec.json.decode(one.content, type=Override | Swap) for one in kept]


def on_call_plan(loaded: Loaded, now_ms: int, *, is_strict: bool = False) -> OnCallPlan:
    """What the configuration says of on-call; raises OnCallError with every mistake. Calendars that
    went wrong since they were right are read from the copies in the data folder, unless it is
    strict."""
    kept = None if is_strict else Path(loaded.config.data) / _CALENDARS
    calendars = CalendarFiles(loaded.folder, kept)
    channels = tuple(loaded.config.alerting.channels)
    return read_on_call(loaded.document.get("oncall"), calendars, now_ms, channels)


class OnCall:
    """Who is on call; `load` and `apply`, then `start`."""

    def __init__(
        self,
        database: Database,
        runner: ErrandRunner,
        source: SituationSource,
        clock: Clock,
    ) -> None:
        self.rota = Rota(KeptChanges(database), clock)
        self.source = source
        self._plan = OnCallPlan()
        self._url = ""
        self._runner = runner
        self._clock = clock
        self._shown: set[tuple[str, str]] = set()
        self._counted: set[str] = set()
        self._warned: tuple[Roster, int, Sequence[str]] = (NO_ROSTER, 0, ())
        self._changed = asyncio.Event()
        self._teller = HandOverTeller(clock)
        self.hand_overs = HandOvers(
            lambda: self.roster, source, self._teller, clock, lambda: self._url
        )
        runner.register(KIND, self.hand_overs)
        runner.register(NEWS, NewsHandler(self._teller))
        self.rota.on_change(self._changed.set)
        self.rota.on_change(runner.wake)

    def tell_by(self, bring: Bring) -> None:
        """By what people hear of hand-overs."""
        self._teller.bring = bring

    @property
    def roster(self) -> Roster:
        """Who is on call, overrides included."""
        return self.rota.roster

    @property
    def files(self) -> Sequence[Path]:
        """Calendars that were read with the configuration, to be watched."""
        return self._plan.calendars.files

    @property
    def troubles(self) -> Sequence[str]:
        """What is wrong with calendars that are imported."""
        return self._plan.calendars.troubles

    @property
    def warnings(self) -> Sequence[str]:
        """What authors of schedules should know: about the next four weeks, and about overrides
        that name who is gone."""
        now = self._clock.now_ms()
        if self._warned[0] is self.roster and now - self._warned[1] < _WARNED_MS:
            return self._warned[2]
        gone = (
            f"an override of {one.schedule} names {one.person}, who is not in the configuration "
            "any more; it does not count"
            for one in self.rota.unused
        )
        found = (*self.troubles, *warnings(self.roster, now), *gone)
        self._warned = self.roster, now, found
        return found

    async def load(self) -> None:
        """Read what an earlier process kept."""
        await self.rota.load()

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force; raises OnCallError before anything has changed."""
        plan = await asyncio.to_thread(on_call_plan, loaded, self._clock.now_ms())
        try:
            await asyncio.to_thread(keep, plan.calendars.good)
        except OSError as error:
            _log.warning("calendars_not_kept", error=str(error))
        for trouble in plan.calendars.troubles:
            _log.error("calendar_refused", why=trouble)
        _stale.set(len(plan.calendars.troubles))
        self._plan, self._url = plan, external_url
        self.rota.configure(plan.roster)

    def start(self, tasks: Tasks) -> None:
        """Begin to count who is on call, and to put what must be told at changes of shift."""
        tasks.start("oncall", self._follow)
        tasks.start("oncall_hand_overs", self._plan_hand_overs)
        tasks.start("oncall_tidy", self._tidy)

    async def close(self) -> None:
        """Nothing is open."""

    async def _follow(self) -> None:
        looked = self._clock.monotonic()
        while True:
            self.count()
            await self._clock.sleep(_LOOK_SECONDS)
            if self._clock.monotonic() - looked < _OTHERS_SECONDS:
                continue
            looked = self._clock.monotonic()
            try:
                await self.rota.load()
            except Temporary as error:
                _log.warning("changes_not_read", error=str(error))

    async def _plan_hand_overs(self) -> None:
        """After each change of the roster, and now and then: some changes are far off."""
        while True:
            self._changed.clear()
            wait = _PLAN_SECONDS
            try:
                await self._runner.put(await asyncio.to_thread(self.hand_overs.next_plan))
            except Temporary as error:
                _log.warning("hand_overs_not_planned", error=str(error))
                wait = _OTHERS_SECONDS
            await self._changed_within(wait)

    async def _changed_within(self, seconds: float) -> None:
        waits = (
            asyncio.create_task(self._changed.wait(), name="oncall_changed"),
            asyncio.create_task(_slept(self._clock, seconds), name="oncall_rest"),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(_TIDY_SECONDS)
            try:
                await self.rota.tidy()
            except Temporary as error:
                _log.warning("not_tidied", error=str(error))

    def count(self) -> None:
        """Make the metrics say who is on call now."""
        now, schedules = self._clock.now_ms(), set(self.roster.schedules)
        who = {name: self.roster.on_call(name, now) for name in schedules}
        shown = {(name, person) for name, person in who.items() if person}
        for gone in self._shown - shown:
            _on_call.remove(*gone)
        for one in self._counted - schedules:
            _uncovered.remove(one)
        for pair in shown:
            _on_call.labels(*pair).set(1)
        for name, person in who.items():
            _uncovered.labels(name).set(0 if person else 1)
        self._shown, self._counted = shown, schedules


async def _slept(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
