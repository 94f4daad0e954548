"""A status page of the tests' own: a real database and errands, measurements that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.state.fresh import state_file
from tocsin.app.errands import ErrandRunner
from tocsin.app.status_notes import KeptDays, KeptNotes, KeptPosts
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.yaml import decode, loads
from tocsin.model.labels import Labels
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.subscribers import Subscribers
from tocsin.statuspage.board import Board
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.config import StatusPageConfig
from tocsin.statuspage.judge import OpenWindow
from tocsin.statuspage.letters import Letter
from tocsin.statuspage.notes import Notes
from tocsin.statuspage.posts import PostBook
from tocsin.statuspage.recorder import Recorder
from tocsin.statuspage.snapshot import Look
from tocsin.statuspage.subscriptions import MAIL_KIND, Subscriptions
from tocsin.statuspage.telling import News, StatusMail
from tocsin.statuspage.words import WORDS
from tocsin.web.pages.status_html import SiteMaker

CONFIG = """
title: Example status
components:
  - {name: Website, monitor: web}
  - {name: API, monitor: api, degraded: slow, alerts: 'service="api"', services: [api-svc]}
  - {name: Desk, services: [desk]}
"""
KEY = bytes(range(32))
LOOK = Look(title="Example status", words=dict(WORDS), address="https://status.test", has_host=True)
NOON = 1_700_006_400.0 - 1_700_006_400.0 % 86_400 + 43_200


class Measured:
    """What is measured, as a test says; implements `board.Measured` and `recorder.Past`."""

    def __init__(self) -> None:
        self.values_of: dict[str, list[float]] = {"web": [1.0], "api": [1.0], "slow": [0.0]}
        self.fails: Fault | None = None
        self.alerts: list[Labels] = []
        self.open: list[OpenWindow] = []
        self.past: dict[str, list[ComponentState | None]] = {}
        self.reads = 0

    async def values(self, expression: str, at_ms: int) -> list[float]:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return self.values_of.get(expression, [])

    def firing(self) -> Iterable[Labels]:
        return self.alerts

    def windows(self, after_ms: int, before_ms: int) -> Sequence[OpenWindow]:
        return [one for one in self.open if one.starts_ms < before_ms and one.ends_ms > after_ms]

    async def states(
        self, component: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[ComponentState | None]:
        if self.fails is not None:
            raise self.fails
        steps = -(-(end_ms - start_ms) // step_ms)
        return (self.past.get(component) or [None] * steps)[:steps]


class Disclosed:
    """Incidents by number: whether each is public, or a drill."""

    def __init__(self) -> None:
        self.public: dict[str, bool] = {}
        self.drills: set[str] = set()

    async def disclose(self, number: str, author: str) -> None:
        if number in self.drills:
            raise Rejected("a drill")
        self.public[number] = True

    async def hidden(self, numbers: Sequence[str]) -> Collection[str]:
        return {one for one in numbers if not self.public.get(one)}


class Letters:
    """Takes mails."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.fails: Fault | None = None

    async def send(self, letter: Letter) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent.append(letter)


class World:
    """Everything that a test of the status page touches."""

    def __init__(self, database: Database, clock: FakeClock, folder: Path) -> None:
        self.database, self.clock, self.folder = database, clock, folder
        self.measured, self.disclosed, self.letters = Measured(), Disclosed(), Letters()
        self.runner = ErrandRunner(ErrandTable(database), clock, node="test")
        self.posts = PostBook(KeptPosts(database), clock, self.components_of, self.disclosed)
        self.notes = Notes(KeptNotes(database), clock)
        self.recorder = Recorder(KeptDays(database), clock)
        self.board = Board(
            clock,
            self.posts,
            self.notes,
            self.recorder,
            self.measured,
            SiteMaker(),
            News(clock, self.runner.put),
        )
        self.subscribers = Subscribers(database)
        self.subscriptions = Subscriptions(self.subscribers, clock, self.runner.put)
        self.mail = StatusMail(self.subscribers, clock, lambda: self.board.snapshot)
        self.mail.mailer = self.letters
        self.runner.register(MAIL_KIND, self.mail)
        self.config = StatusPageConfig()

    def components_of(self, names: Iterable[str], is_strict: bool) -> Sequence[str]:
        found = []
        for name in names:
            known = [
                one.key
                for one in self.config.every_component()
                if name in (one.key, one.name, *one.services)
            ]
            if is_strict and not known:
                raise Rejected(f"no component {name}")
            found += known
        return found

    async def show(self, text: str = CONFIG, look: Look = LOOK) -> None:
        """Put a configuration in force and look once."""
        self.config = config_of(text)
        self.subscriptions.configure(self.config.subscriptions, KEY, has_mail=True)
        self.board.configure(self.config, look, self.folder)
        await self.board.look()

    async def after(self, minutes: int) -> None:
        """Look each minute, for so many."""
        for _ in range(minutes):
            await self.clock.advance(60)
            await self.board.look()

    def states(self) -> Mapping[str, str]:
        """Of the snapshot, by component."""
        return {
            one.id: one.state.value if one.state else "unknown"
            for one in self.board.snapshot.components
        }

    def page(self) -> str:
        """The public page."""
        return self.board.site[""].body.decode()


def config_of(text: str) -> StatusPageConfig:
    """What stands under `status_page`."""
    return decode(loads(text, "tocsin.yaml"), StatusPageConfig)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A world over a database of its own, at noon of some day."""
    database = state_file(folder / "state.db")
    await database.open()
    made = World(database, FakeClock(NOON), folder / "status")
    yield made
    await made.mail.outward.close()
    await database.close()
