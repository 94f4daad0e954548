"""Documents that several write, things to be done, and what follows by itself from an incident."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.state.fresh import state_file
from tocsin.app.errands import ErrandRunner
from tocsin.incident.afterwards import drafting, reminders
from tocsin.incident.afterwards.action_items import (
    ActionItems,
    ItemChanged,
    ItemDraft,
    ItemEdit,
    ItemState,
    due_ms,
)
from tocsin.incident.afterwards.config import PostMortemConfig
from tocsin.incident.afterwards.documents import DocumentChanged, Documents, State
from tocsin.incident.afterwards.drafting import Drafting, Planning
from tocsin.incident.afterwards.reminders import Reminders, first_ms, following_ms
from tocsin.incident.book import Author, Draft, IncidentBook, Resolution
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.evidence.keep import KIND as EVIDENCE
from tocsin.incident.names import Known, Names
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Permanent, Rejected, Temporary
from tocsin.model.incidents import Incident, Link
from tocsin.model.labels import from_mapping
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import Attachment, IncidentTable
from tocsin.state.postmortems import (
    ActionItemTable,
    AlreadyWritten,
    PostmortemTable,
    WantedItems,
)

ANA, BO = Author("ana", "page"), Author("bo", "api")
ALERTS = Author("tocsin", "alerts")
DAY = 86_400_000


@dataclass
class Told:
    """Who was told; `trouble` is raised in its turn."""

    said: list[tuple[str, str]] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    async def tell(self, person: str, subject: str, text: str) -> None:
        if self.trouble:
            raise self.trouble.pop()
        self.said.append((person, subject))


@dataclass
class World:
    """Everything after incidents, on virtual time."""

    clock: FakeClock
    table: IncidentTable
    book: IncidentBook
    runner: ErrandRunner
    documents: Documents
    items: ActionItems
    told: Told
    config: PostMortemConfig
    names: Names = field(default_factory=Names)

    async def pass_days(self, days: float) -> None:
        """So many days go by, and everything is done when it is due."""
        end = self.clock.now_ms() + round(days * DAY)
        while True:
            due = await self.runner.turn()
            if not due or due > end:
                break
            self.clock.jump(max(0.0, (due - self.clock.now_ms()) / 1000))
        self.clock.jump((end - self.clock.now_ms()) / 1000)

    async def resolved(self, *refs: str, title: str = "Disk full") -> Incident:
        """An incident of these alerts that came and went."""
        links = tuple(
            Link(kind="alert", ref=ref, labels=from_mapping({"alertname": ref})) for ref in refs
        )
        made = await self.book.open(
            Draft(severity="P1", title=title, services=("db",), links=links), ALERTS
        )
        await self.book.resolve(made.number, Resolution(cause="disk", resolution="freed"), ANA)
        return await self.book.get(made.number)

    async def keep_evidence(self, incident: Incident) -> None:
        """As if the evidence of its end was there, unreadable though it is."""
        await self.table.attach(
            Attachment(
                incident_id=incident.id,
                kind=EVIDENCE,
                name=f"{incident.number}-resolved-x.html",
                media_type="text/html",
                created_ms=0,
                created_by="tocsin",
                content=b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00"
                b"\x00\x00",
            ),
            (),
        )


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    clock.jump((-clock.now()) % 86_400)  # days begin with the tests
    database = state_file(tmp_path / "state.db")
    await database.open()
    table = IncidentTable(database)
    runner = ErrandRunner(ErrandTable(database), clock, node="a")
    book = IncidentBook(table, IncidentsConfig, clock, wake=runner.wake)
    documents = Documents(PostmortemTable(database), table, clock)
    items = ActionItems(ActionItemTable(database), table, clock, names=lambda: made.names)
    made = World(clock, table, book, runner, documents, items, Told(), PostMortemConfig())
    runner.register(drafting.KIND, Drafting(table, documents, items, lambda: made.config, clock))
    runner.register(
        reminders.KIND,
        Reminders(
            items,
            made.told,
            clock,
            every_ms=lambda: made.config.remind.ms,
            link=lambda path: f"https://t{path}",
        ),
    )
    book.follow(Planning(lambda: made.config).plan_of)
    yield made
    await database.close()


async def test_a_resolved_incident_is_drafted_a_minute_later(world: World) -> None:
    one = await world.resolved("a")
    await world.keep_evidence(one)
    await world.pass_days(50 / 86_400)
    with pytest.raises(NotFound, match="nothing is written"):
        await world.documents.get(one.number)
    await world.pass_days(20 / 86_400)
    made = await world.documents.get(one.number)
    assert made.state is State.DRAFT
    assert made.updated_by == "tocsin"
    assert "freed" in made.text
    kinds = [entry.kind for entry in await world.book.timeline(one.id)]
    assert kinds[-1] == "postmortem"


async def test_a_draft_waits_for_the_evidence_but_not_for_ever(world: World) -> None:
    one = await world.resolved("a")
    await world.pass_days(80 / 86_400)
    with pytest.raises(NotFound):
        await world.documents.get(one.number)
    await world.pass_days(1 / 24)
    assert (await world.documents.get(one.number)).version == 1


async def test_one_that_is_opened_again_is_not_drafted_until_it_is_over(world: World) -> None:
    one = await world.resolved("a")
    await world.book.reopen(one.number, ANA, "not yet")
    await world.pass_days(1)
    with pytest.raises(NotFound):
        await world.documents.get(one.number)
    await world.book.resolve(one.number, Resolution(), ANA)
    await world.pass_days(1)
    first = await world.documents.get(one.number)
    await world.book.reopen(one.number, ANA, "again")
    await world.book.resolve(one.number, Resolution(), ANA)
    await world.pass_days(1)
    assert await world.documents.get(one.number) == msgspec.structs.replace(
        first, incident=await world.book.get(one.number)
    )


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(PostMortemConfig(enabled=False), id="switched off"),
        pytest.param(PostMortemConfig(severities=("P0",)), id="for others"),
    ],
)
async def test_who_wants_no_drafts_gets_none(world: World, config: PostMortemConfig) -> None:
    world.config = config
    one = await world.resolved("a")
    await world.pass_days(1)
    with pytest.raises(NotFound):
        await world.documents.get(one.number)


async def test_what_others_wrote_is_never_overwritten(world: World) -> None:
    one = await world.resolved()
    await world.documents.create(one.number, "one", ANA)
    await world.documents.save(one.number, "two", 1, ANA)
    with pytest.raises(DocumentChanged, match="ana changed") as caught:
        await world.documents.save(one.number, "three", 1, BO)
    assert caught.value.now.text == "two"
    with pytest.raises(DocumentChanged):
        await world.documents.set_state(one.number, State.PUBLISHED, 1, BO)
    again = await world.documents.save(one.number, "two", 1, ANA)  # a form that was sent twice
    assert again.version == 2
    with pytest.raises(AlreadyWritten):
        await world.documents.create(one.number, "x", BO)


async def test_every_version_stays(world: World) -> None:
    one = await world.resolved()
    await world.documents.create(one.number, "one", ANA)
    await world.documents.save(one.number, "two", 1, BO)
    made = await world.documents.set_state(one.number, State.REVIEW, 2, BO)
    made = await world.documents.set_state(one.number, State.PUBLISHED, 3, ANA)
    assert (made.version, made.published_by, made.text) == (4, "ana", "two")
    await world.documents.save(one.number, "three", 4, BO)
    found = await world.documents.versions(one.number)
    assert [(v.version, v.by) for v in found] == [(5, "bo"), (2, "bo"), (1, "ana")]
    assert (await world.documents.version(one.number, 1)).text == "one"
    with pytest.raises(NotFound):
        await world.documents.version(one.number, 3)
    with pytest.raises(Rejected, match="at most"):
        await world.documents.save(one.number, "x" * 200_001, 5, BO)


async def test_documents_are_found_by_words_service_and_cause(world: World) -> None:
    first = await world.resolved(title="Checkout fails")
    second = await world.resolved(title="Slow search")
    await world.documents.create(first.number, "The Replica was behind.", ANA)
    await world.documents.create(second.number, "An index was missing 100%.", ANA)

    async def numbers(words: str = "", **asked: str) -> list[str]:
        return [one.incident.number for one in await world.documents.find(words, **asked)]

    assert await numbers() == [second.number, first.number]
    assert await numbers("replica CHECKOUT") == [first.number]
    assert await numbers("100%") == [second.number]
    assert await numbers("replica index") == []
    assert await numbers(service="DB", cause="Disk") == [second.number, first.number]
    assert await numbers(cause="deploy") == []
    assert await numbers(state="published") == []


async def test_an_owner_is_reminded_before_on_and_after_the_day(world: World) -> None:
    one = await world.resolved()
    day = world.clock.now_ms() // DAY * DAY + 10 * DAY
    item = await world.items.add(one.number, ItemDraft(title="Alert", owner="ana"), ANA)
    await world.items.change(item.id, ItemEdit(due=_day(day)), ANA)
    await world.pass_days(8.5)
    assert world.told.said == []
    await world.pass_days(20)
    assert [words for _, words in world.told.said] == [
        "Action item due tomorrow: Alert",
        "Action item due today: Alert",
        "Action item overdue since yesterday: Alert",
        "Action item overdue for 8 days: Alert",
        "Action item overdue for 15 days: Alert",
    ]


async def test_what_is_done_or_moved_is_not_reminded_of(world: World) -> None:
    one = await world.resolved()
    day = world.clock.now_ms() // DAY * DAY + 5 * DAY
    draft = ItemDraft(title="Alert", owner="ana", due=_day(day))
    item = await world.items.add(one.number, draft, ANA)
    await world.items.change(item.id, ItemEdit(due=_day(day + 30 * DAY)), ANA)
    await world.items.change(item.id, ItemEdit(due=_day(day)), ANA)
    await world.items.change(item.id, ItemEdit(owner="bo"), ANA)
    await world.pass_days(5.5)
    assert [person for person, _ in world.told.said] == ["bo", "bo"]
    await world.items.change(item.id, ItemEdit(state="done"), BO)
    await world.pass_days(30)
    assert len(world.told.said) == 2


async def test_who_cannot_be_reached_once_is_told_the_next_time(world: World) -> None:
    one = await world.resolved()
    day = world.clock.now_ms() // DAY * DAY + 5 * DAY
    await world.items.add(one.number, ItemDraft(title="x", owner="ana", due=_day(day)), ANA)
    world.told.trouble = [Permanent("no way"), Temporary("busy")]
    await world.pass_days(5.5)
    assert [words for _, words in world.told.said] == ["Action item due today: x"]


@pytest.mark.parametrize(
    ("after_days", "first", "following"),
    [
        pytest.param(-5.0, -0.625, -0.625, id="long before"),
        pytest.param(0.0, 0.375, 0.375, id="on the day"),
        pytest.param(1.0, 1.375, 1.375, id="the day after, early"),
        pytest.param(2.0, 2.0, 8.375, id="overdue"),
        pytest.param(8.375, 8.375, 15.375, id="overdue, at a reminder"),
    ],
)
def test_reminders_come_at_nine(after_days: float, first: float, following: float) -> None:
    due, week = 20_000 * DAY, 7 * DAY
    now = due + round(after_days * DAY)
    assert (first_ms(due, now) - due) / DAY == first
    assert (following_ms(due, now, week) - due) / DAY == following
    assert following_ms(due, due + 3 * DAY, 0) == 0


async def test_what_was_done_is_open_again_when_the_same_alert_comes(world: World) -> None:
    one = await world.resolved("disk")
    item = await world.items.add(one.number, ItemDraft(title="Alert", owner="ana"), ANA)
    other = await world.items.add(one.number, ItemDraft(title="Unfinished"), ANA)
    await world.items.change(item.id, ItemEdit(state="done"), ANA)
    world.clock.jump(3600)
    second = await world.resolved("network", "disk")
    await world.pass_days(1)
    found = await world.items.get(item.id)
    assert (found.state, found.recurred, found.done_ms) == (ItemState.OPEN, (second.number,), 0)
    assert (await world.items.get(other.id)).recurred == ()
    texts = [entry.text for entry in await world.book.timeline(second.id)]
    assert f"Was to be prevented by an action item of {one.number}: Alert" in texts


async def test_other_alerts_open_nothing_again(world: World) -> None:
    one = await world.resolved("disk")
    item = await world.items.add(one.number, ItemDraft(title="Alert"), ANA)
    await world.items.change(item.id, ItemEdit(state="done"), ANA)
    await world.resolved("network")
    await world.pass_days(1)
    assert (await world.items.get(item.id)).state is ItemState.DONE


async def test_items_of_two_writers_do_not_overwrite_each_other(world: World) -> None:
    one = await world.resolved()
    item = await world.items.add(one.number, ItemDraft(title="Alert"), ANA)
    await world.items.change(item.id, ItemEdit(owner="ana"), ANA, version=1)
    with pytest.raises(ItemChanged) as caught:
        await world.items.change(item.id, ItemEdit(state="done"), BO, version=1)
    assert caught.value.now.owner == "ana"
    made = await world.items.change(item.id, ItemEdit(state="in_progress"), BO)
    assert (made.owner, made.state) == ("ana", ItemState.PROGRESS)
    same = await world.items.change(item.id, ItemEdit(owner="ana"), BO, version=1)
    assert same.version == made.version


async def test_an_owner_is_somebody_who_can_be_reminded(world: World) -> None:
    async def known() -> Known:
        return {"ana": ("Ana Ruiz",), "bo": ()}

    world.names, items = Names(known), world.items
    one = await world.resolved()
    made = await items.add(one.number, ItemDraft(title="a", owner="ana ruiz"), ANA)
    assert made.owner == "ana"
    with pytest.raises(Rejected, match=r"nobody is called 'anna'; did you mean \"ana\"\?"):
        await items.add(one.number, ItemDraft(title="b", owner="anna"), ANA)
    with pytest.raises(Rejected, match="known are ana, bo"):
        await items.change(made.id, ItemEdit(owner="zoe"), ANA)
    assert (await items.change(made.id, ItemEdit(owner="Bo"), ANA)).owner == "bo"


async def test_items_are_listed_by_day_owner_and_state(world: World) -> None:
    one = await world.resolved()
    wanted = (("a", "ana", ""), ("b", "Bo", "2030-01-02"), ("c", "bo", "2030-01-01"))
    for title, owner, due in wanted:
        await world.items.add(one.number, ItemDraft(title=title, owner=owner, due=due), ANA)

    async def titles(wanted: WantedItems) -> list[str]:
        return [item.title for item in await world.items.find(wanted)]

    assert await titles(WantedItems()) == ["c", "b", "a"]
    assert await titles(WantedItems(owner="BO")) == ["c", "b"]
    assert await titles(WantedItems(due_before_ms=due_ms("2030-01-02"))) == ["c"]
    assert await titles(WantedItems(states=("done",))) == []


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        pytest.param(ItemDraft(title=" "), "needs", id="no title"),
        pytest.param(ItemDraft(title="x", due="soon"), "a day such as", id="no day"),
        pytest.param(
            ItemDraft(title="x", url="javascript:alert(1)"), "url starts", id="no address"
        ),
    ],
)
async def test_an_item_that_makes_no_sense_is_refused(
    world: World, draft: ItemDraft, words: str
) -> None:
    one = await world.resolved()
    with pytest.raises(Rejected, match=words):
        await world.items.add(one.number, draft, ANA)
    item = await world.items.add(one.number, ItemDraft(title="x"), ANA)
    with pytest.raises(Rejected, match="no state"):
        await world.items.change(item.id, ItemEdit(state="perhaps"), ANA)


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
