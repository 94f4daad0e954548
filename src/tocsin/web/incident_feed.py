"""Who watches which incident, and who must look again because it changed?

A reader is told that something changed, not what: it reads the page anew. So nothing is queued, and
a reader that is slow costs one flag.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from tocsin.incident.book import IncidentBook
from tocsin.incident.request import Change
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary, TooMuch
from tocsin.model.incidents import Incident, Status
from tocsin.state.incidents import Asked

ALL = ""
"""The name under which every incident is watched."""
_MOST = 200
_MOST_OF_ONE = 20
_LOOK_SECONDS = 10.0
_OPEN = tuple(status.value for status in Status if not status.is_over)

_log = log.get("incidents")


class IncidentFeed:
    """Tells readers of changes, and knows the incidents that are open.

    `heard` is subscribed to the book of incidents; `run` looks now and then for what another node
    has changed.
    """

    def __init__(self) -> None:
        self._readers: dict[asyncio.Event, tuple[str, str]] = {}
        self._open: dict[str, Incident] = {}

    @property
    def open(self) -> list[Incident]:
        """Those that are not over, the oldest first."""
        return sorted(self._open.values(), key=lambda one: one.opened_ms)

    def heard(self, change: Change) -> None:
        """Something changed."""
        one = change.after
        if one.is_over:
            self._open.pop(one.number, None)
        elif one.number not in self._open or self._open[one.number].version <= one.version:
            self._open[one.number] = one
        self._wake(one.number)

    def _wake(self, changed: str) -> None:
        for flag, (number, _) in self._readers.items():
            if number in (ALL, changed):
                flag.set()

    async def look(self, book: IncidentBook) -> None:
        """Read which are open now. Raises Temporary when the database does not answer."""
        found = {one.number: one for one in await book.find(Asked(statuses=_OPEN, limit=1000))}
        before = self._open
        for number, one in before.items():
            if number in found and found[number].version < one.version:
                found[number] = one  # heard of while the others were read
        self._open = found
        for number in before.keys() | found.keys():
            if before.get(number) != found.get(number):
                self._wake(number)

    async def run(self, book: IncidentBook, clock: Clock) -> None:
        """Look again and again, for ever."""
        while True:
            try:
                await self.look(book)
            except Temporary as error:
                _log.warning("open_incidents_not_read", error=str(error))
            await clock.sleep(_LOOK_SECONDS)

    @contextmanager
    def reading(self, number: str, caller: str) -> Iterator[asyncio.Event]:
        """A flag that is set by each change. Raises TooMuch when too many watch."""
        of_one = sum(who == caller for _, who in self._readers.values())
        if len(self._readers) >= _MOST or of_one >= _MOST_OF_ONE:
            raise TooMuch("too many pages watch incidents live; close some, or reload this one", 60)
        flag = asyncio.Event()
        self._readers[flag] = number, caller
        try:
            yield flag
        finally:
            del self._readers[flag]


async def turns(flag: asyncio.Event, idle_seconds: float) -> AsyncIterator[bool]:
    """True for each change, several at once as one; False when nothing has changed so long."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                await flag.wait()
        except TimeoutError:
            yield False
            continue
        flag.clear()
        yield True
