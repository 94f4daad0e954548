"""Do pages arrive, and how soon does somebody answer? Test pages, measured."""

from __future__ import annotations

import asyncio
import secrets

import msgspec

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.model.people import ContactMethod, Person
from tocsin.oncall.paging.caller import Caller, Message
from tocsin.oncall.paging.rules import methods_of
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ONCALL_NOTES

_answered = gauge.histogram(
    "test_page_answer_seconds",
    "From a test page to its answer.",
    buckets=(5, 15, 30, 60, 120, 300, 600, 1800, 3600),
)
_tests = gauge.counter("test_pages", "Test pages by way and outcome.", ("kind", "state"))
_KEPT_MS = 400 * 86_400_000


class WayTried(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a test: `error` is empty when the message was taken."""

    method: str
    kind: str
    took_ms: int = 0
    error: str = ""


class TestPage(msgspec.Struct, frozen=True, kw_only=True):
    """One test of all ways of one person."""

    __test__ = False

    id: str
    person: str
    by: str
    at_ms: int
    ways: tuple[WayTried, ...] = ()
    answered_ms: int = 0
    """When the person answered; 0: not yet."""

    @property
    def arrived(self) -> bool:
        """Whether any way took it."""
        return any(not one.error for one in self.ways)


class PageTests:
    """Sends test pages and keeps what came of them."""

    def __init__(self, database: Database, caller: Caller, clock: Clock) -> None:
        self._shelf = Shelf(database, ONCALL_NOTES, kind="testpage")
        self._caller = caller
        self._clock = clock

    async def run(self, person: Person, by: str) -> TestPage:
        """Every way of the person at once. Raises Rejected when there is none."""
        methods = methods_of(person)
        if not methods:
            raise Rejected(f"{person.name} has no way to be reached; add one in My notifications")
        begun = TestPage(
            id=secrets.token_hex(8), person=person.name, by=by, at_ms=self._clock.now_ms()
        )
        await self._save(begun)
        message = _message(begun)
        tried = await asyncio.gather(*(self._try(method, message) for method in methods))
        latest = await self.get(begun.id)  # it may have been answered meanwhile
        done = msgspec.structs.replace(latest, ways=tuple(tried))
        await self._save(done)
        return done

    async def _try(self, method: ContactMethod, message: Message) -> WayTried:
        began, error = self._clock.monotonic(), ""
        try:
            await self._caller.call(method, message)
        except Fault as problem:
            error = str(problem)
        took = round((self._clock.monotonic() - began) * 1000)
        _tests.labels(method.kind, "failed" if error else "sent").inc()
        return WayTried(method=method.name, kind=method.kind, took_ms=took, error=error)

    async def answer(self, test_id: str) -> TestPage:
        """The person has answered. Raises NotFound."""
        found = await self.get(test_id)
        if found.answered_ms:
            return found
        now = self._clock.now_ms()
        _answered.observe((now - found.at_ms) / 1000)
        done = msgspec.structs.replace(found, answered_ms=now)
        await self._save(done)
        return done

    async def get(self, test_id: str) -> TestPage:
        """Raises NotFound."""
        for one in await self.all():
            if one.id == test_id:
                return one
        raise NotFound("there is no such test page (any more)")

    async def all(self) -> list[TestPage]:
        """The newest first; those of the last 400 days."""
        found = [msgspec.json.decode(one.content, type=TestPage) for one in await self._shelf.all()]
        return sorted(found, key=lambda one: one.at_ms, reverse=True)

    async def tidy(self) -> None:
        """Forget what is old."""
        before = self._clock.now_ms() - _KEPT_MS
        await self._shelf.forget([one.id for one in await self.all() if one.at_ms < before])

    async def _save(self, test: TestPage) -> None:
        kept = Kept(content=msgspec.json.encode(test), updated_at=test.at_ms)
        await self._shelf.save({test.id: kept})


def _message(test: TestPage) -> Message:
    return Message(
        subject=f"test/{test.id}",
        title="Test page of Tocsin",
        text=f"This is a test page for {test.person}, asked for by {test.by}. "
        "Acknowledge it, so that it is known to have reached you.",
        severity="test",
        at_ms=test.at_ms,
        path="/settings/notifications",
        person=test.person,
        is_drill=True,
    )
