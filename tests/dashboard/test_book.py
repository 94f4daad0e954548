"""Dashboards are kept in versions; nobody's work is overwritten unseen, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.state.fresh import state_file
from tocsin.dashboard.answers import DashboardChanged
from tocsin.dashboard.book import DashboardBook, difference
from tocsin.dashboard.folder import read_folder
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.dashboards import Dashboard, Panel
from tocsin.state.dashboards import VERSIONS_KEPT, DashboardTable, UidTaken
from tocsin.state.settings import Settings

_DAY = 86_400.0


@dataclass
class World:
    """A book over a database, and the metrics that are there."""

    book: DashboardBook
    clock: FakeClock
    metrics: set[str]


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    metrics: set[str] = set()
    settings = Settings(database, clock)
    book = DashboardBook(DashboardTable(database), settings, clock, metrics.__contains__)
    yield World(book, clock, metrics)
    await database.close()


def _board(title: str, *panels: Panel) -> Dashboard:
    return Dashboard(title=title, panels=list(panels))


async def test_each_save_is_a_version_with_its_author_and_note(world: World) -> None:
    book = world.book
    made = await book.create(_board("Shop"), "ana", note="first")
    assert made.uid.startswith("shop-")
    await book.save(made.uid, _board("Shop 2"), 1, "ben", note="renamed")
    found = await book.versions(made.uid)
    assert [(one.version, one.author, one.note) for one in found] == [
        (2, "ben", "renamed"),
        (1, "ana", "first"),
    ]
    assert (await book.version(made.uid, 1))[1].title == "Shop"
    await book.restore(made.uid, 1, 2, "ana")
    now = await book.get(made.uid)
    assert (now.version, now.dashboard.title) == (3, "Shop")


async def test_who_is_slower_is_told_and_overwrites_nothing(world: World) -> None:
    book = world.book
    uid = (await book.create(_board("Shop"), "ana")).uid
    await book.save(uid, _board("Ben's"), 1, "ben")
    with pytest.raises(DashboardChanged, match="ben saved version 2") as told:
        await book.save(uid, _board("Ana's"), 1, "ana")
    assert told.value.now.dashboard.title == "Ben's"
    assert (await book.get(uid)).dashboard.title == "Ben's"


async def test_a_deleted_one_can_be_taken_back_for_thirty_days(world: World) -> None:
    book = world.book
    uid = (await book.create(_board("Shop"), "ana")).uid
    await book.delete(uid, "ana")
    with pytest.raises(NotFound):
        await book.get(uid)
    assert await book.all() == []
    assert (await book.undelete(uid, "ben")).version == 3
    assert [one.title for one in await book.all()] == ["Shop"]
    await book.delete(uid, "ana")
    other = (await book.create(_board("Other"), "ana")).uid
    await world.clock.advance(31 * _DAY)
    await book.delete(other, "ana")
    with pytest.raises(NotFound):
        await book.undelete(uid, "ana")


async def test_the_oldest_versions_go_first(world: World) -> None:
    uid = (await world.book.create(_board("0"), "ana")).uid
    for number in range(1, VERSIONS_KEPT + 3):
        await world.book.save(uid, _board(str(number)), number, "ana")
    found = await world.book.versions(uid)
    assert len(found) == VERSIONS_KEPT
    assert found[-1].version == 4


async def test_a_panel_is_added_beside_the_last_or_below(world: World) -> None:
    uid = (await world.book.create(_board("Shop"), "ana")).uid
    for wide in (12, 12, 24):
        await world.book.add_panel(uid, Panel(id=0, kind="logs", w=wide), "ana")
    now = await world.book.get(uid)
    assert [(one.id, one.x, one.y) for one in now.dashboard.panels] == [
        (1, 0, 0),
        (2, 12, 0),
        (3, 0, 8),
    ]


async def test_what_is_from_files_or_from_tocsin_is_copied_not_changed(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "code.yaml").write_text("title: As code")
    world.book.folder = read_folder(folder)
    for uid, where in (("code", "the file"), ("tocsin-host", "Tocsin itself")):
        with pytest.raises(Rejected, match=f"from {where}.*copy it"):
            await world.book.save(uid, _board("x"), 0, "ana")
        with pytest.raises(UidTaken):
            await world.book.create(_board("x"), "ana", uid=uid)
    assert [one.uid for one in await world.book.all()] == ["code"]


async def test_ready_made_ones_are_listed_when_their_metrics_are_there(world: World) -> None:
    world.metrics.add("node_load1")
    assert [(one.uid, one.origin) for one in await world.book.all()] == [("tocsin-host", "shipped")]


async def test_stars_and_what_was_seen_are_each_person_s_own(world: World) -> None:
    book = world.book
    for uid in ("a", "b", "a"):
        await book.saw("ana", uid)
    await book.star("ana", "b", is_on=True)
    ana = await book.of_person("ana")
    assert (ana.seen, ana.stars) == (["a", "b"], ["b"])
    await book.star("ana", "b", is_on=False)
    assert (await book.of_person("ana")).stars == []
    assert (await book.of_person("ben")).seen == []


@pytest.mark.parametrize("uid", ["import", "choose", "a b", "x" * 41])
async def test_a_uid_that_is_an_address_or_none_is_refused(world: World, uid: str) -> None:
    with pytest.raises(Rejected):
        await world.book.create(_board("x"), "ana", uid=uid)


def test_a_difference_names_the_lines() -> None:
    before, after = _board("x", Panel(id=1, kind="text", text="a")), _board("x")
    assert "-  text: a" in difference(before, after)
