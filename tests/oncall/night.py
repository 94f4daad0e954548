"""A night on call on virtual time: the real tables, book, runner and handlers; phones that note."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.state.fresh import state_file
from tocsin.app.errands import ErrandRunner
from tocsin.incident.book import Author, Draft, IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault
from tocsin.model.incidents import Entry, Incident
from tocsin.model.people import ContactMethod, NotifyStep, Person, Team
from tocsin.oncall.escalation.handler import EscalationHandler
from tocsin.oncall.escalation.planner import Choice, EscalationPlanner
from tocsin.oncall.escalation.policy import Policy, Step, Target
from tocsin.oncall.escalation.state import ESCALATION
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.paging.handler import PageHandler
from tocsin.oncall.paging.page import PAGE
from tocsin.oncall.roster import Roster
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import IncidentTable

BO = Author("bo", "page")
TOCSIN = Author("tocsin", "alerts")


def person(name: str, *methods: str, rules: Sequence[tuple[str, int]] = ()) -> Person:
    """Somebody with these ways; `rules` are (way, minutes)."""
    steps = tuple(NotifyStep(method=way, after_ms=minutes * 60_000) for way, minutes in rules)
    ways = tuple(ContactMethod(name=one, kind=one, address=f"{name}-{one}") for one in methods)
    return Person(name=name, methods=ways, rules=steps)


class FixedRoster:
    """The same people on call at any time."""

    default_schedule = "primary"

    def __init__(self, people: Mapping[str, Person], ranks: tuple[str, str]) -> None:
        self.people = dict(people)
        self.teams: dict[str, Team] = {"all": Team(name="all", members=tuple(people))}
        self.schedules: dict[str, object] = {"primary": None}
        self.ranks = ranks

    def on_call(self, schedule: str, at_ms: int, *, rank: int = 0) -> str | None:
        """Who is, None for nobody."""
        return self.ranks[rank] or None


def roster(people: Sequence[Person], first: str = "", second: str = "") -> FixedRoster:
    """A roster in which always the same are on call."""
    return FixedRoster({one.name: one for one in people}, (first, second))


def policy(*steps: str, minutes: int = 15, repeat: int = 0, at_end: str = "everyone") -> Policy:
    """Steps as `schedule:primary`, `person:ana`, several in one with `+`."""
    made = []
    for words in steps:
        targets = []
        for word in words.split("+"):
            kind, name, *rank = word.split(":")
            targets.append(Target(kind, name, int(rank[0]) if rank else 0))  # type: ignore[arg-type]  # a test's own word
        made.append(Step(tuple(targets), minutes * 60_000))
    return Policy(name="p", steps=tuple(made), repeat=repeat, at_end=at_end)  # type: ignore[arg-type]  # as above


class Phones:
    """Every phone: notes who was called when and by what; some do not work."""

    def __init__(self, clock: FakeClock) -> None:
        self.calls: list[tuple[float, str, str]] = []
        self.broken: dict[str, Fault] = {}
        self.answer: Callable[[str], object] | None = None
        self._clock = clock
        self._began = clock.now()

    async def call(self, method: ContactMethod, message: Message) -> None:
        """As `Caller`."""
        fault = self.broken.get(f"{message.person}/{method.name}") or self.broken.get(method.name)
        if fault is not None:
            raise fault
        minutes = round((self._clock.now() - self._began) / 60, 2)
        self.calls.append((minutes, message.person or method.address, method.name))

    def people(self) -> list[str]:
        """Who was called, in order."""
        return [name for _, name, _ in self.calls]


class Known:
    """What handlers know of incidents, over the book."""

    def __init__(self, book: IncidentBook) -> None:
        self.book = book

    async def incident(self, number: str) -> Incident:
        return await self.book.get(number)

    async def tell(
        self, number: str, kind: str, text: str, data: Mapping[str, str], *, is_repeat: bool
    ) -> None:
        if is_repeat:
            found = await self.book.get(number)
            timeline = await self.book.timeline(found.id)
            if any(one.data.get("key") == data["key"] for one in timeline):
                return
        await self.book.told(number, kind, text, TOCSIN, data)


class Phonebook:
    """Everybody as configured."""

    def __init__(self, people: FixedRoster) -> None:
        self._people = people

    async def people(self) -> Mapping[str, Person]:
        """As `Directory`."""
        return self._people.people


class Night:
    """Everything of one node; several nodes share a database, a clock and the phones."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        phones: Phones,
        people: FixedRoster,
        policies: Mapping[str, Policy],
        *,
        node: str = "n1",
    ) -> None:
        self.clock, self.phones, self.people = clock, phones, people
        self.policies = dict(policies)
        self.table = ErrandTable(database)
        self.runner = ErrandRunner(self.table, clock, node=node)
        self.config = IncidentsConfig()
        self.book = IncidentBook(
            IncidentTable(database), lambda: self.config, clock, wake=self.runner.wake
        )
        self.book.follow(EscalationPlanner(self.choose, self.config.rank))
        known = Known(self.book)
        book = Phonebook(people)
        self.escalation = EscalationHandler(self.table, known, book, self.roster, clock)
        self.runner.register(ESCALATION, self.escalation)
        self.runner.register(PAGE, PageHandler(self.table, known, book, phones, clock))

    def roster(self) -> Roster:
        return self.people  # type: ignore[return-value]  # what is asked of it is there

    def choose(self, incident: Incident) -> Choice | None:
        found = self.policies.get(incident.severity)
        return Choice(found, "high") if found else None

    async def open(self, severity: str = "P0") -> Incident:
        """An incident."""
        return await self.book.open(Draft(severity=severity, title="Database down"), TOCSIN)

    async def passes(self, minutes: float) -> None:
        """Let the time pass from one due errand to the next."""
        end = round(self.clock.now_ms() + minutes * 60_000)
        while 0 < (due := await self.runner.turn()) <= end:
            self.clock.jump(max(0.0, due / 1000 - self.clock.now()))
        self.clock.jump(max(0.0, end / 1000 - self.clock.now()))

    async def said(self, number: str) -> list[Entry]:
        """The timeline."""
        return await self.book.timeline((await self.book.get(number)).id)


@asynccontextmanager
async def night(folder: Path, people: FixedRoster, **policies: Policy) -> AsyncIterator[Night]:
    """One node on a database of its own."""
    database = state_file(folder / "state.db")
    await database.open()
    clock = FakeClock()
    yield Night(database, clock, Phones(clock), people, policies)
    await database.close()
