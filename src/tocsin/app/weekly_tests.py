"""Do pages still arrive? Once a week everybody on call gets a test page, by one node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tocsin.app.errands import ErrandRunner
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.oncall.paging.address_book import AddressBook
from tocsin.oncall.paging.config import weekly_at
from tocsin.oncall.paging.testing import PageTests
from tocsin.oncall.roster import Roster

_log = log.get("paging")
_KIND = "test_page"
_LOOK_SECONDS = 600.0
_GIVE_UP_MS = 3_600_000


class WeeklyTests:
    """Puts the test of each week as an errand, so that of several nodes one does it."""

    def __init__(
        self,
        tests: PageTests,
        book: AddressBook,
        roster: Callable[[], Roster],
        runner: ErrandRunner,
        clock: Clock,
    ) -> None:
        self._tests = tests
        self._book = book
        self._roster = roster
        self._runner = runner
        self._clock = clock
        self._at: tuple[int, int] | None = None
        runner.register(_KIND, self)

    def configure(self, text: str) -> None:
        """When; raises Rejected for a text that is no time."""
        self._at = weekly_at(text)

    async def run(self) -> None:
        """Put the next one again and again, for ever."""
        while True:
            if self._at is not None:
                await self._put()
            await self._clock.sleep(_LOOK_SECONDS)

    async def _put(self) -> None:
        due_ms = self.next_ms(self._clock.now_ms())
        key = f"test_page/{due_ms // 60_000}"
        errand = Errand(kind=_KIND, key=key, subject="test pages", due_ms=due_ms)
        try:
            await self._runner.put(Plan(put=(errand,)))
        except Fault as error:
            _log.warning("test_page_not_planned", error=str(error))

    def next_ms(self, now_ms: int) -> int:
        """When the next one is due."""
        day, minute = self._at or (0, 0)
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        start = now.replace(hour=0, minute=0, second=0, microsecond=0)
        at = start + timedelta(days=(day - now.weekday()) % 7, minutes=minute)
        if at <= now:
            at += timedelta(days=7)
        return round(at.timestamp() * 1000)

    async def attempt(self, errand: Errand) -> Outcome:
        """Everybody who is first on call now, each once."""
        roster, now = self._roster(), self._clock.now_ms()
        if self._at is None:
            return Done()
        names = {roster.on_call(name, now) for name in roster.schedules}
        people = await self._book.people()
        for name in sorted(one for one in names if one and one in people):
            try:
                await self._tests.run(people[name], "the weekly test")
            except Rejected as error:
                _log.error("test_page_impossible", person=name, error=str(error))
        await self._tests.tidy()
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """An hour: the next week has another one."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """The next week has another one."""
        return NOTHING
