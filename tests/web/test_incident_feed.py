"""Who watches an incident is told of changes; which are open is known at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.state.fresh import state_file
from tocsin.incident.book import Author, Draft, IncidentBook, Resolution
from tocsin.incident.config import IncidentsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import TooMuch
from tocsin.state.database import Database
from tocsin.state.incidents import IncidentTable
from tocsin.web.identity import LOCAL, NOBODY, Identity
from tocsin.web.incident_feed import ALL, IncidentFeed, turns
from tocsin.web.lease import Lease
from tocsin.web.pages.incident import _events
from tocsin.web.routing import Access
from tocsin.web.services import Services

ANA = Author("ana", "page")


def _book(database: Database) -> IncidentBook:
    config = IncidentsConfig()
    return IncidentBook(IncidentTable(database), lambda: config, FakeClock(), wake=lambda: None)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = state_file(tmp_path / "state.db")
    await found.open()
    yield found
    await found.close()


async def test_a_reader_is_told_of_its_incident_and_not_of_others(database: Database) -> None:
    book, feed = _book(database), IncidentFeed()
    book.subscribe(feed.heard)
    mine = await book.open(Draft(severity="P0", title="Down"), ANA)
    other = await book.open(Draft(severity="P2", title="Slow"), ANA)
    with feed.reading(mine.number, "ana") as flag, feed.reading(ALL, "ana") as every:
        await book.note(other.number, "not mine", ANA)
        assert (flag.is_set(), every.is_set()) == (False, True)
        await book.note(mine.number, "mine", ANA)
        assert flag.is_set()
        told = turns(flag, idle_seconds=0.0)
        told = aiter(turns(flag, idle_seconds=0.0))
        assert [await anext(told), await anext(told)] == [True, False]


async def test_the_open_ones_are_known_also_those_of_another_node(database: Database) -> None:
    here, there, feed = _book(database), _book(database), IncidentFeed()
    here.subscribe(feed.heard)
    first = await here.open(Draft(severity="P0", title="Down"), ANA)
    second = await there.open(Draft(severity="P2", title="Slow"), ANA)
    assert [one.number for one in feed.open] == [first.number]
    with feed.reading(second.number, "ana") as flag:
        await feed.look(here)
        assert flag.is_set()
    assert {one.number for one in feed.open} == {first.number, second.number}
    await here.resolve(first.number, Resolution(), ANA)
    assert [one.number for one in feed.open] == [second.number]


def test_too_many_readers_are_refused() -> None:
    feed = IncidentFeed()
    with ExitStack() as twenty:
        for _ in range(20):
            twenty.enter_context(feed.reading(ALL, "ana"))
        with pytest.raises(TooMuch), feed.reading(ALL, "ana"):
            pass
        with feed.reading(ALL, "bo") as flag:
            assert not flag.is_set()
    with feed.reading(ALL, "ana") as flag:
        assert not flag.is_set()


async def test_a_page_is_told_no_more_once_its_login_is_over() -> None:
    clock, feed, allowed = FakeClock(), IncidentFeed(), [True]

    async def ask() -> Identity:
        return LOCAL if allowed[0] else NOBODY

    lease = Lease(clock, ask, Access.READ)
    used = cast("Services", SimpleNamespace(clock=clock, incident_feed=feed))
    events = _events(used, ALL, "ana", lease)
    assert b"retry" in await anext(events)
    feed._wake(ALL)
    assert b"changed" in await anext(events)
    allowed[0] = False
    await clock.advance(3)
    feed._wake(ALL)
    assert b"event: ended" in await anext(events)
    with pytest.raises(StopAsyncIteration):
        await anext(events)
