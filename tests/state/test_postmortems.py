"""Documents and things to do are kept alike on SQLite and on PostgreSQL."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.kit.fault import NotFound
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import IncidentTable
from tocsin.state.postmortems import (
    ActionItemTable,
    AlreadyWritten,
    DocumentRow,
    ItemRow,
    PostmortemTable,
    TimelineReader,
    VersionRow,
    WantedItems,
)

NOW = 1_700_000_000_000


async def _incident(database: Database, title: str = "Slow search") -> Incident:
    draft = Incident(severity="P1", title=title, services=("db",), opened_ms=NOW)
    return await IncidentTable(database).open(draft, (), NOTHING)


def _row(incident: Incident, version: int, words: str, state: str = "draft") -> DocumentRow:
    return DocumentRow(
        incident_id=incident.id,
        version=version,
        state=state,
        updated_ms=NOW + version,
        words=words,
        content=words.encode(),
    )


def _version(number: int) -> VersionRow:
    content = f"text {number}".encode()
    return VersionRow(name=str(number), created_ms=NOW, created_by="ana", content=content)


def _entry(text: str, incident_id: int = 0) -> Entry:
    return Entry(
        incident_id=incident_id,
        at_ms=NOW,
        kind="postmortem",
        author="ana",
        source="page",
        text=text,
    )


async def test_a_document_is_kept_once_and_replaced_by_whoever_saw_the_newest(
    database: Database,
) -> None:
    table, one = PostmortemTable(database), await _incident(database)
    assert await table.get(one.id) is None
    await table.create(_row(one, 1, "first"), _version(1), (_entry("Drafted"),))
    with pytest.raises(AlreadyWritten):
        await table.create(_row(one, 1, "other"), _version(1), (_entry("Again"),))
    assert await table.save(_row(one, 2, "second", "published"), 1, _version(2))
    assert not await table.save(_row(one, 2, "late"), 1, _version(2), (_entry("Late"),))
    assert await table.get(one.id) == _row(one, 2, "second", "published")
    assert [v.name for v in await table.versions(one.id)] == ["1", "2"]
    assert (await table.version(one.id, "1")).content == b"text 1"
    with pytest.raises(NotFound):
        await table.version(one.id, "3")
    texts = [entry.text for entry in await IncidentTable(database).timeline(one.id)]
    assert texts == ["Drafted"]
    assert await table.counts() == {"published": 1}


async def test_documents_are_found_in_their_words_and_their_incidents(database: Database) -> None:
    table = PostmortemTable(database)
    one, two = await _incident(database), await _incident(database, "Checkout 100% down")
    await table.create(_row(one, 1, "the index was missing"), _version(1))
    await table.create(_row(two, 1, "a deploy"), _version(1))

    async def found(words: str, state: str = "") -> list[int]:
        return [row.incident_id for row, _ in await table.find(words, state=state)]

    assert await found("") == [two.id, one.id]
    assert await found("INDEX slow") == [one.id]
    assert await found("100%") == [two.id]
    assert await found("1__%") == []
    assert await found("", "published") == []


async def test_an_item_is_kept_with_what_follows_from_it(database: Database) -> None:
    table, errands = ActionItemTable(database), ErrandTable(database)
    one, two = await _incident(database), await _incident(database)
    row = ItemRow(
        incident_id=one.id, owner="Ana", state="open", due_ms=5, updated_ms=NOW, content=b"x"
    )
    errand = Errand(
        kind="reminder", key="r/{item}", subject="s/{item}", due_ms=NOW, content=b'{"i":"{item}"}'
    )
    made = await table.add(row, (_entry("Made"),), Plan(put=(errand,)), NOW)
    kept = await errands.get(f"r/{made.id}")
    assert kept is not None
    assert (kept.subject, kept.content) == (f"s/{made.id}", b'{"i":"%d"}' % made.id)
    fresh = msgspec.structs.replace(made, version=2, state="done")
    plan = Plan(cancel_subjects=(("reminder", f"s/{made.id}"),))
    assert await table.save(fresh, 1, (_entry("Told", two.id),), plan)
    assert not await table.save(fresh, 1)
    kept = await errands.get(f"r/{made.id}")
    assert kept is not None
    assert kept.state == "cancelled"
    assert await table.get(made.id) == fresh
    assert [e.text for e in await IncidentTable(database).timeline(two.id)] == ["Told"]
    reader = TimelineReader(database)
    entries = await reader.entries([one.id, two.id], ("postmortem",), 10)
    assert [(entry.incident_id, entry.text) for entry in entries] == [
        (one.id, "Made"),
        (two.id, "Told"),
    ]
    assert await reader.entries([one.id], ("note",), 10) == []


async def test_items_come_by_their_day_and_those_without_one_last(database: Database) -> None:
    table, one = ActionItemTable(database), await _incident(database)
    for owner, due in (("ana", 0), ("Bo", 9), ("bo", 3)):
        row = ItemRow(
            incident_id=one.id, owner=owner, state="open", due_ms=due, updated_ms=NOW, content=b""
        )
        await table.add(row, (), NOTHING, NOW)

    async def owners(wanted: WantedItems) -> list[str]:
        return [row.owner for row in await table.find(wanted)]

    assert await owners(WantedItems()) == ["bo", "Bo", "ana"]
    assert await owners(WantedItems(owner="BO", due_before_ms=9)) == ["bo"]
    assert await owners(WantedItems(states=("done", "dropped"))) == []
    with pytest.raises(NotFound):
        await table.get(99)
