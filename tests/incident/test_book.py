"""What people and machines do with an incident, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.incident.alert_world import NIGHT, database_in
from tocsin.incident.book import (
    Author,
    Change,
    Conflict,
    Draft,
    Edit,
    IncidentBook,
    Resolution,
)
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.measures import measures
from tocsin.incident.names import Names
from tocsin.incident.timeline import pinned
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected, TooLarge
from tocsin.kit.quantity import Size
from tocsin.model.errands import Errand, Plan
from tocsin.model.incidents import Entry, Incident, Link, Status
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import AlreadyOpen, IncidentTable

ANA, BEN = Author("ana", "page"), Author("ben", "cli")
DRAFT = Draft(severity="P1", title="Checkout is slow", services=("checkout",))
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


class Desk:
    """A book on a database, with what hears of its changes."""

    def __init__(self, table: IncidentTable, errands: ErrandTable, clock: FakeClock) -> None:
        self.clock, self.errands = clock, errands
        self.config = IncidentsConfig(largest_image=Size(1000))
        self.woken = 0
        self.changes: list[Change] = []
        self.book = IncidentBook(table, lambda: self.config, clock, wake=self._wake)
        self.book.subscribe(self.changes.append)

    def _wake(self) -> None:
        self.woken += 1

    async def told(self, number: str) -> list[str]:
        one = await self.book.get(number)
        return [f"{e.author}: {e.text}" for e in await self.book.timeline(one.id)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with database_in(tmp_path) as database:
        yield Desk(IncidentTable(database), ErrandTable(database), FakeClock(NIGHT))


async def test_what_others_make_worse_waits_for_an_answer_again(desk: Desk) -> None:
    book = desk.book
    one = await book.open(DRAFT, ANA)
    await book.acknowledge(one.number, BEN)
    one = await book.set_severity(one.number, "P2", ANA)
    assert one.acknowledged_by == "ben", "what is less bad is still his"
    one = await book.set_severity(one.number, "P0", ANA)
    assert (one.acknowledged_ms, one.acknowledged_by) == (0, "")
    assert one.first_acknowledged_ms > 0
    assert (await desk.told(one.number))[-1] == (
        "ana: It waits for an answer again: ben had acknowledged less"
    )
    one = await book.acknowledge(one.number, BEN)
    assert one.acknowledged_by == "ben"


async def test_an_incident_goes_from_open_to_closed_and_every_step_is_on_its_timeline(
    desk: Desk,
) -> None:
    book, clock = desk.book, desk.clock
    one = await book.open(DRAFT, ANA)
    assert (one.number, one.status, one.version) == ("INC-2026-0001", Status.OPEN, 1)
    await clock.advance(120)
    one = await book.acknowledge(one.number, BEN)
    assert (one.status, one.acknowledged_by) == (Status.INVESTIGATING, "ben")
    await book.set_role(one.number, "commander", "ana", ANA)
    await book.assign(one.number, "ben", ANA)
    await book.set_severity(one.number, "p0", BEN, why="Nobody can pay")
    await clock.advance(300)
    await book.set_status(one.number, Status.IDENTIFIED, BEN, text="A missing index")
    await clock.advance(300)
    await book.set_status(one.number, Status.MONITORING, BEN)
    await clock.advance(600)
    how = Resolution(
        resolution="Index added",
        root_cause="A migration dropped it",
        cause="deploy",
        measures=("Check migrations", "Watch slow queries"),
    )
    one = await book.resolve(one.number, how, BEN)
    one = await book.close(one.number, ANA)
    assert (one.status, one.measures[1]) == (Status.CLOSED, "Watch slow queries")
    assert await desk.told(one.number) == [
        "ana: P1 opened: Checkout is slow",
        "ben: Acknowledged",
        "ana: Commander: ana",
        "ana: Assigned to ben",
        "ben: Severity P1 → P0: Nobody can pay",
        "ben: Investigating → identified: A missing index",
        "ben: Identified → monitoring",
        "ben: Resolved: Index added",
        "ana: Closed",
    ]
    resolved = (await book.timeline(one.id))[-2]
    assert resolved.data["root_cause.to"] == "A migration dropped it"
    found = measures(one, desk.config, clock.now_ms())
    assert (found.detect_ms, found.acknowledge_ms) == (0, 120_000)
    assert (found.mitigate_ms, found.resolve_ms, found.late_ms) == (720_000, 1_320_000, 0)


async def test_what_is_said_twice_is_done_once(desk: Desk) -> None:
    book = desk.book
    one = await book.open(DRAFT, ANA)
    for _ in range(2):
        await book.acknowledge(one.number, ANA)
        await book.assign(one.number, "ben", ANA)
        await book.set_severity(one.number, "P1", ANA)
        await book.link(one.number, [Link(kind="deploy", ref="v1.2", title="v1.2")], ANA)
        await book.edit(one.number, Edit(title="Checkout is slow"), ANA)
    await book.acknowledge(one.number, BEN)
    assert (await book.get(one.number)).acknowledged_by == "ana"
    assert len(await desk.told(one.number)) == 4


async def test_edits_of_different_fields_both_count_and_of_the_same_the_second_is_told(
    desk: Desk,
) -> None:
    book = desk.book
    seen = await book.open(DRAFT, ANA)
    await book.edit(seen.number, Edit(title="Paying is slow"), ANA, version=seen.version)
    await book.acknowledge(seen.number, ANA)
    one = await book.edit(seen.number, Edit(cause="deploy"), BEN, version=seen.version)
    assert (one.title, one.cause) == ("Paying is slow", "deploy")
    with pytest.raises(Conflict, match=r"ana \(page\): Title: Paying is slow") as conflict:
        await book.edit(seen.number, Edit(title="Cards fail"), BEN, version=seen.version)
    assert conflict.value.now.title == "Paying is slow"
    assert [entry.author for entry in conflict.value.entries] == ["ana"]
    one = await book.edit(seen.number, Edit(title="Cards fail"), BEN, version=one.version)
    assert one.title == "Cards fail"


async def test_what_many_do_at_once_all_counts(desk: Desk) -> None:
    book = desk.book
    one = await book.open(DRAFT, ANA)
    await asyncio.gather(
        *(
            book.link(one.number, [Link(kind="url", ref=f"/{n}", url=f"/{n}")], ANA)
            for n in range(12)
        ),
        *(book.note(one.number, f"note {n}", BEN) for n in range(5)),
        book.acknowledge(one.number, BEN),
    )
    now = await book.get(one.number)
    assert len(now.links) == 12
    assert now.version == 14
    assert len(await book.timeline(one.id)) == 1 + 12 + 5 + 1


async def test_merging_closes_one_and_gives_all_of_it_to_the_other(desk: Desk) -> None:
    book = desk.book
    deploy = Link(kind="deploy", ref="v1", title="v1")
    one = await book.open(DRAFT, ANA)
    two = await book.open(
        Draft(severity="P0", title="Cards fail", services=("cards",), links=(deploy,)), BEN
    )
    larger = await book.merge(two.number, one.number, ANA)
    smaller = await book.get(two.number)
    assert (larger.severity, larger.services) == ("P0", ("checkout", "cards"))
    assert larger.links == (deploy,)
    assert (smaller.status, smaller.merged_into) == (Status.CLOSED, one.number)
    assert (await desk.told(two.number))[-1] == f"ana: Became part of {one.number}: {DRAFT.title}"
    assert f"ana: {two.number} became part of this: Cards fail" in await desk.told(one.number)
    assert await book.merge(two.number, one.number, ANA) == larger
    with pytest.raises(Rejected, match="open that one again instead"):
        await book.reopen(two.number, ANA)
    with pytest.raises(Rejected, match="itself"):
        await book.merge(one.number, one.number, ANA)
    third = await book.open(DRAFT, ANA)
    with pytest.raises(Rejected, match="name that one instead"):
        await book.merge(third.number, two.number, ANA)
    await book.resolve(one.number, Resolution(), ANA)
    with pytest.raises(Rejected, match="is resolved while"):
        await book.merge(third.number, one.number, ANA)


async def test_what_is_over_takes_notes_and_nothing_else_until_it_is_opened_again(
    desk: Desk,
) -> None:
    book = desk.book
    one = await book.open(Draft(severity="P1", title="Slow", join_key="k"), ANA)
    await book.acknowledge(one.number, ANA)
    with pytest.raises(Rejected, match="resolve it before"):
        await book.close(one.number, ANA)
    await book.resolve(one.number, Resolution(resolution="Fixed"), ANA)
    for act in (
        book.acknowledge(one.number, BEN),
        book.set_status(one.number, Status.MONITORING, BEN),
    ):
        with pytest.raises(Rejected, match="open it again"):
            await act
    await book.note(one.number, "It was the cache", BEN)
    again = await book.reopen(one.number, BEN, "It is back")
    assert (again.status, again.acknowledged_ms, again.resolved_ms) == (Status.OPEN, 0, 0)
    assert again.first_acknowledged_ms > 0
    assert again.resolution == "Fixed"
    await book.resolve(one.number, Resolution(), ANA)
    await book.open(Draft(severity="P1", title="Slow again", join_key="k"), ANA)
    with pytest.raises(AlreadyOpen, match="merge"):
        await book.reopen(one.number, BEN)


async def test_giving_it_back_keeps_when_it_was_first_taken_on(desk: Desk) -> None:
    book = desk.book
    one = await book.open(DRAFT, ANA)
    await desk.clock.advance(60)
    await book.acknowledge(one.number, ANA)
    back = await book.unacknowledge(one.number, BEN)
    assert (back.status, back.acknowledged_by) == (Status.OPEN, "")
    await desk.clock.advance(60)
    await book.acknowledge(one.number, BEN)
    now = await book.get(one.number)
    assert measures(now, desk.config, 0).acknowledge_ms == 60_000
    assert now.acknowledged_ms - now.first_acknowledged_ms == 60_000


async def test_notes_are_pinned_and_pictures_are_judged_by_their_content(desk: Desk) -> None:
    book = desk.book
    one = await book.open(DRAFT, ANA)
    await book.note(one.number, "Look at the **pool**", ANA)
    note = (await book.timeline(one.id))[-1]
    await book.pin(one.number, note.id, BEN)
    await book.pin(one.number, note.id, BEN)
    timeline = await book.timeline(one.id)
    assert (pinned(timeline), len(timeline)) == ({note.id}, 3)
    await book.unpin(one.number, note.id, BEN)
    assert pinned(await book.timeline(one.id)) == set()
    with pytest.raises(NotFound):
        await book.pin(one.number, 999, BEN)
    kept = await book.attach_image(one.number, "../../a graph.html", PNG, ANA)
    assert (kept.name, kept.media_type) == ("a graph.png", "image/png")
    last = (await book.timeline(one.id))[-1]
    assert (last.kind, last.data["attachment"]) == ("image", str(kept.id))
    for content in (b"<html>", b"<svg xmlns='x'>", b"", b"%PDF-1.4"):
        with pytest.raises(Rejected, match="no PNG"):
            await book.attach_image(one.number, "x.png", content, ANA)
    with pytest.raises(TooLarge, match="largest_image"):
        await book.attach_image(one.number, "x.png", PNG * 100, ANA)


async def test_what_follows_is_planned_from_each_change_and_kept_with_it(desk: Desk) -> None:
    book = desk.book

    def planner(before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        if before is None:
            key = f"page/{after.number}"
            return Plan(put=(Errand(kind="page", key=key, subject=after.number, due_ms=1),))
        if after.acknowledged_ms:
            return Plan(cancel_subjects=(("page", after.number),))
        return Plan()

    book.follow(planner)
    one = await book.open(DRAFT, ANA)
    (errand,) = await desk.errands.find(subject=one.number)
    assert (errand.key, errand.state, desk.woken) == (f"page/{one.number}", "waiting", 1)
    await book.acknowledge(one.number, ANA)
    (errand,) = await desk.errands.find(subject=one.number)
    assert errand.state == "cancelled"
    assert [change.before is None for change in desk.changes] == [True, False]
    assert desk.changes[1].entries[0].kind == "acknowledged"


async def test_a_promise_is_for_a_time_to_come_and_ends_with_the_incident(desk: Desk) -> None:
    book, now = desk.book, desk.clock.now_ms()
    one = await book.open(DRAFT, ANA)
    with pytest.raises(Rejected, match="still to come"):
        await book.promise(one.number, now - 1, ANA)
    assert (await book.promise(one.number, now + 60_000, ANA)).next_update_ms == now + 60_000
    assert (await book.resolve(one.number, Resolution(), ANA)).next_update_ms == 0


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        pytest.param(Draft(severity="P9", title="x"), "known are P0, P1, P2, P3", id="severity"),
        pytest.param(Draft(severity="P1", title=" \n "), "needs a title", id="no title"),
        pytest.param(Draft(severity="P1", title="x" * 201), "at most 200", id="long title"),
        pytest.param(
            Draft(severity="P1", title="x", services=("a" * 101,)), "at most 100", id="service"
        ),
        pytest.param(
            Draft(severity="P1", title="x", links=(Link(kind="virus", ref="1"),)),
            "a link's kind is one of",
            id="unknown link",
        ),
        pytest.param(
            Draft(
                severity="P1",
                title="x",
                links=(Link(kind="url", ref="1", url="javascript:alert(1)"),),
            ),
            "starts with http",
            id="a link that runs something",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_reason(
    desk: Desk, draft: Draft, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await desk.book.open(draft, ANA)


async def test_late_is_what_nobody_answered_in_the_severitys_time(desk: Desk) -> None:
    one = await desk.book.open(DRAFT, ANA)
    now = desk.clock.now_ms()
    assert measures(one, desk.config, now + 900_000).late_ms == 0
    assert measures(one, desk.config, now + 960_000).late_ms == 60_000


async def test_a_person_is_named_as_they_are_known_and_a_mistyped_one_is_refused(
    desk: Desk,
) -> None:
    async def known() -> dict[str, tuple[str, ...]]:
        return {"ana": ("Ana Silva", "ana@example.com"), "ben": ()}

    book = desk.book
    book.names = Names(known)
    one = await book.open(DRAFT, ANA)
    with pytest.raises(
        Rejected, match="nobody is called 'anna'; did you mean \"ana\"\\? known are"
    ):
        await book.assign(one.number, "anna", BEN)
    with pytest.raises(Rejected, match="known are ana, ben"):
        await book.set_role(one.number, "commander", "Zoe", BEN)
    with pytest.raises(Rejected, match="known are ana, ben"):
        await book.open(msgspec.structs.replace(DRAFT, assignee="Zoe"), BEN)
    assert (await book.assign(one.number, "ana@EXAMPLE.com", BEN)).assignee == "ana"
    assert (await book.set_role(one.number, "commander", "Ana  Silva", BEN)).roles == {
        "commander": "ana"
    }
    assert (await book.assign(one.number, "bo", Author("bo", "slack"))).assignee == "bo", "oneself"
    assert (await book.assign(one.number, "", BEN)).assignee == ""
