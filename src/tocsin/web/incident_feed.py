"""Who watches which incident, and who must look again because it changed?

A reader is told that something changed, not what: it reads the page anew. So nothing is queued, and
a reader that is slow costs one flag.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from tocsin.incident.request import Change
from tocsin.kit.fault import TooMuch

ALL = ""
"""The name under which every incident is watched."""
_MOST = 200
_MOST_OF_ONE = 20


class IncidentFeed:
    """Tells readers of changes; `heard` is subscribed to the book of incidents."""

    def __init__(self) -> None:
        self._readers: dict[asyncio.Event, tuple[str, str]] = {}

    def heard(self, change: Change) -> None:
        """Something changed."""
        for flag, (number, _) in self._readers.items():
            if number in (ALL, change.after.number):
                flag.set()

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
