"""Errors on real databases: what tests of this room share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.incident.alert_world import database_in
from tocsin.errortracking.answers import IssueChange, ReleaseHealth
from tocsin.errortracking.book import IssueBook, Shelves
from tocsin.errortracking.config import ErrorsConfig, ProjectConfig
from tocsin.errortracking.counting import Counting
from tocsin.errortracking.event_search import EventSearch
from tocsin.errortracking.healing import heal
from tocsin.errortracking.intake import ErrorIntake
from tocsin.errortracking.projects import Projects
from tocsin.errortracking.sentry_event import report
from tocsin.ingest.logs.scrub import ScrubConfig
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.state.database import Database
from tocsin.state.error_issues import ErrorIssueTable
from tocsin.state.projects import ProjectTable
from tocsin.store.client import Store
from tocsin.store.error_writer import ErrorWriter
from tocsin.store.errors import DiskFull
from tocsin.store.wal_journal import Journal

DAY_SECONDS = 86_400.0


class NoSessions:
    """Nobody counted any."""

    async def releases(self, project: str, days: int) -> list[ReleaseHealth]:
        return []


class ErrorDesk:
    """An intake and a book."""

    def __init__(
        self, database: Database, store: Store, folder: Path, config: ErrorsConfig
    ) -> None:
        self.clock = SystemClock()
        self.table = ErrorIssueTable(database)
        self.full = False
        self.journal = Journal(store, folder, self.clock, check_room=self._check_room)
        self.writer = ErrorWriter(store, self.clock, self.journal)
        self.counting = Counting(self.table, self.clock)
        self.search = EventSearch(store, self.writer)
        shop = {"shop": ProjectConfig(services=("api",))}
        self.projects = Projects(ProjectTable(database, self.clock), shop)
        self.intake = ErrorIntake(
            self.writer,
            self.counting,
            self.clock,
            config,
            scrub=ScrubConfig(),
            retention_seconds=90 * DAY_SECONDS,
        )
        shelves = Shelves(self.table, self.writer, self.search, self.projects, NoSessions())
        self.hands = FakeClock(self.clock.now())
        self.book = IssueBook(shelves, self.hands)
        self.changes: list[IssueChange] = []
        self.intake.subscribe(self.changes.append)
        self.book.subscribe(self.changes.append)

    def _check_room(self) -> None:
        if self.full:
            raise DiskFull("the disk is full")

    async def open(self) -> int:
        """Ready; of how many prints an earlier desk had not counted something."""
        self.intake.remember(await self.writer.open())
        await self.projects.load()
        await self.counting.load()
        return await heal(await self.writer.lately(), self.table, self.counting, self.search)

    async def take(self, *events: dict[str, Any], project: str = "shop") -> int:
        """Take events of an SDK in."""
        now_ns = self.clock.now_ms() * 1_000_000
        return await self.intake.take([report(one, project, now_ns) for one in events])

    @property
    def told(self) -> list[str]:
        """The kinds of changes, in order."""
        return [one.kind for one in self.changes]


@asynccontextmanager
async def desk_in(
    store: Store, folder: Path, config: ErrorsConfig | None = None
) -> AsyncIterator[ErrorDesk]:
    """A desk that is drained in the end."""
    async with database_in(folder) as database:
        desk = ErrorDesk(database, store, folder / "wal", config or ErrorsConfig())
        await desk.open()
        task = asyncio.create_task(desk.intake.run())
        yield desk
        assert await desk.intake.drain()
        await task


def frame(function: str, *, file: str = "app/shop.py", **more: Any) -> dict[str, Any]:
    """One call, as SDKs send it."""
    return {"function": function, "filename": file, "in_app": True, "lineno": 3, **more}


def event(
    kind: str = "ValueError",
    value: str = "no card",
    *,
    calls: Sequence[str] = ("main", "charge"),
    **more: Any,
) -> dict[str, Any]:
    """An error as SDKs send it."""
    frames = [frame(name) for name in calls]
    thrown = {"type": kind, "value": value, "stacktrace": {"frames": frames}}
    return {"platform": "python", "exception": {"values": [thrown]}, **more}
