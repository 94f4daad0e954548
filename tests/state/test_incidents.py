"""Incidents as they are kept: numbers, versions, timelines, joining."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.kit.fault import NotFound
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.model.incidents import Entry, Incident, Status
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import AlreadyOpen, Asked, Attachment, IncidentTable, Stale

_NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def _incident(**given: object) -> Incident:
    known = {"severity": "P1", "title": "The shop is slow", "opened_ms": _NOW}
    return Incident(**(known | given))  # type: ignore[arg-type]  # the tests' own values


def _entry(text: str) -> Entry:
    return Entry(at_ms=_NOW, kind="note", author="ana", source="page", text=text)


async def test_numbers_count_the_incidents_of_a_year(database: Database) -> None:
    table = IncidentTable(database)
    first = await table.open(_incident(opened_ms=_NOW - 1), (), NOTHING)
    second = await table.open(_incident(), (), NOTHING)
    third = await table.open(_incident(), (), NOTHING)
    assert [one.number for one in (first, second, third)] == [
        "INC-2025-0001",
        "INC-2026-0001",
        "INC-2026-0002",
    ]
    assert await table.get("inc-2026-0002") == third
    assert await table.get(str(third.id)) == third
    with pytest.raises(NotFound, match="INC-2026-0003"):
        await table.get("INC-2026-0003")


async def test_what_follows_is_put_with_the_number_in_the_same_transaction(
    database: Database,
) -> None:
    table, errands = IncidentTable(database), ErrandTable(database)
    errand = Errand(kind="page", key="page/{number}/1", subject="{number}", due_ms=_NOW)
    made = await table.open(_incident(), (_entry("begun"),), Plan(put=(errand,)))
    (kept,) = await errands.find(subject=made.number)
    assert (kept.key, kept.state) == (f"page/{made.number}/1", "waiting")
    (entry,) = await table.timeline(made.id)
    assert (entry.text, entry.incident_id) == ("begun", made.id)


async def test_of_two_changes_of_one_version_the_second_is_refused_and_shown_the_first(
    database: Database,
) -> None:
    table = IncidentTable(database)
    was = await table.open(_incident(), (), NOTHING)
    first = msgspec.structs.replace(was, title="Checkout is slow")
    kept = await table.save(first, (_entry("title"),), NOTHING, _NOW)
    assert kept.version == 2
    with pytest.raises(Stale) as stale:
        await table.save(msgspec.structs.replace(was, severity="P0"), (), NOTHING, _NOW)
    assert stale.value.now == kept
    assert await table.get(was.number) == kept


async def test_a_join_key_is_free_again_once_its_incident_is_over(database: Database) -> None:
    table = IncidentTable(database)
    one = await table.open(_incident(join_key="service=api"), (), NOTHING)
    with pytest.raises(AlreadyOpen):
        await table.open(_incident(join_key="service=api"), (), NOTHING)
    assert await table.of_join_key("service=api") == one
    over = msgspec.structs.replace(one, status=Status.RESOLVED, resolved_ms=_NOW + 5)
    over = await table.save(over, (), NOTHING, _NOW)
    assert await table.of_join_key("service=api") is None
    other = await table.open(_incident(join_key="service=api"), (), NOTHING)
    reopened = msgspec.structs.replace(over, status=Status.INVESTIGATING, resolved_ms=0)
    with pytest.raises(AlreadyOpen, match="merge"):
        await table.save(reopened, (), NOTHING, _NOW)
    assert other.number != one.number


async def test_incidents_are_found_by_state_severity_words_and_time(database: Database) -> None:
    table = IncidentTable(database)
    slow = await table.open(_incident(services=("checkout",)), (), NOTHING)
    down = await table.open(
        _incident(severity="P0", title="The shop is down", opened_ms=_NOW + 10), (), NOTHING
    )
    over = msgspec.structs.replace(slow, status=Status.RESOLVED, resolved_ms=_NOW + 5)
    over = await table.save(over, (), NOTHING, _NOW)
    assert await table.find(Asked()) == [down, over]
    assert await table.find(Asked(statuses=("resolved",))) == [over]
    assert await table.find(Asked(severities=("P0",))) == [down]
    assert await table.find(Asked(words="CHECKOUT slow")) == [over]
    assert await table.find(Asked(words="100% slow")) == []
    assert await table.find(Asked(since_ms=_NOW + 6)) == [down]
    assert await table.find(Asked(until_ms=_NOW + 10)) == [over]
    assert await table.find(Asked(before_id=down.id)) == [over]
    assert await table.counts() == {"resolved": 1, "open": 1}


async def test_a_picture_is_kept_and_named_on_the_timeline(database: Database) -> None:
    table = IncidentTable(database)
    one = await table.open(_incident(), (), NOTHING)
    entry = msgspec.structs.replace(_entry("a graph"), data={"attachment": "{attachment}"})
    kept = await table.attach(
        Attachment(
            incident_id=one.id,
            kind="image",
            name="graph.png",
            media_type="image/png",
            created_ms=_NOW,
            created_by="ana",
            content=b"\x89PNG",
        ),
        (entry,),
    )
    assert [told.data for told in await table.timeline(one.id)] == [{"attachment": str(kept.id)}]
    (listed,) = await table.attachments(one.id)
    assert (listed.size, listed.content) == (4, b"")
    assert (await table.attachment(one.id, kept.id)).content == b"\x89PNG"
    with pytest.raises(NotFound):
        await table.attachment(one.id + 1, kept.id)
