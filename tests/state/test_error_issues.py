"""Issues are kept with their prints; two nodes that see the same new error make one issue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errors import Issue, IssueEntry, IssueState, KeptIssue
from tocsin.state.database import Database
from tocsin.state.error_issues import ErrorIssueTable, Known, Wanted, Write
from tocsin.state.projects import KeptProject, ProjectTable

ENTRY = IssueEntry(at_ms=5, kind="first_seen", author="tocsin", text="First seen")


def issue(title: str = "E: x", *, last_ms: int = 10, times: int = 1) -> Issue:
    return Issue(
        id=0,
        project="shop",
        title=title,
        culprit="c",
        kind="E",
        level=17,
        first_seen_ms=5,
        last_seen_ms=last_ms,
        times=times,
    )


async def made(table: ErrorIssueTable, name: str, one: Issue) -> KeptIssue:
    """Kept, or counted once more when it is there."""

    def decide(known: Known) -> Sequence[Write]:
        if name in known:
            kept = known[name]
            more = replace(kept.issue, times=kept.issue.times + 1)
            return (Write(kept=replace(kept, issue=more)),)
        kept = KeptIssue(issue=one, prints={name: 1})
        return (Write(kept=kept, prints=(name,), entries=(ENTRY,)),)

    (found,) = await table.of_prints((name,), decide)
    return found


async def test_an_issue_comes_back_with_its_history(database: Database) -> None:
    table = ErrorIssueTable(database)
    kept = await made(table, "1:aa", issue())
    assert (await table.get(kept.issue.id)).issue == kept.issue
    assert [one.text for one in await table.entries(kept.issue.id)] == ["First seen"]
    assert await table.like(["1:a", "1:b"]) == {"1:aa": kept.issue.id}
    with pytest.raises(NotFound):
        await table.get(kept.issue.id + 1)


async def test_those_who_come_at_once_make_one_issue(database: Database) -> None:
    table = ErrorIssueTable(database)
    await asyncio.gather(*(made(table, "1:aa", issue()) for _ in range(8)))
    (found,), total = await table.find(Wanted())
    assert (found.times, total) == (8, 1)


async def test_issues_are_found_in_order(database: Database) -> None:
    table = ErrorIssueTable(database)
    await made(table, "1:aa", issue("E: cart", last_ms=10, times=9))
    await made(table, "1:bb", issue("E: 100% disk", last_ms=20, times=2))

    async def titles(wanted: Wanted) -> list[str]:
        return [one.title for one in (await table.find(wanted))[0]]

    assert await titles(Wanted()) == ["E: 100% disk", "E: cart"]
    assert await titles(Wanted(order="times", limit=1)) == ["E: cart"]
    assert await titles(Wanted(tokens=("100%",))) == ["E: 100% disk"]
    assert await titles(Wanted(tokens=("kind:e", "CART"))) == ["E: cart"]
    assert await titles(Wanted(last_since_ms=15)) == ["E: 100% disk"]
    assert await titles(Wanted(states=("resolved",))) == []
    assert await table.counts() == {"open": 2, "resolved": 0, "ignored": 0}


async def test_a_print_moves_to_another_issue(database: Database) -> None:
    table = ErrorIssueTable(database)
    one = await made(table, "1:aa", issue())
    two = await made(table, "1:bb", issue("other"))
    gone = KeptIssue(issue=two.issue, merged_into=one.issue.id)
    ids = (one.issue.id, two.issue.id)
    await table.change(ids, lambda _: (Write(kept=one, prints=("1:bb",)), Write(kept=gone)))
    assert await table.like(["1:"]) == {"1:aa": one.issue.id, "1:bb": one.issue.id}
    assert (await table.find(Wanted()))[1] == 1
    assert (await table.issues_of(["1:bb"]))["1:bb"].issue.id == one.issue.id


async def test_a_discarded_print_is_known_and_an_old_issue_is_forgotten(database: Database) -> None:
    table = ErrorIssueTable(database)
    one = await made(table, "1:aa", issue())
    gone = replace(one, discarded=True)
    await table.change((one.issue.id,), lambda _: (Write(kept=gone),))
    assert await table.discarded() == ["1:aa"]
    other = await made(table, "1:bb", replace(issue(), state=IssueState.IGNORED))
    assert await table.waiting() == [other.issue.id]
    assert await table.old(before_ms=1_000) == [other.issue.id]
    await table.delete(other.issue.id)
    assert await table.like(["1:b"]) == {}


async def test_projects_are_numbered(database: Database) -> None:
    table = ProjectTable(database, FakeClock())
    assert (await table.add(KeptProject(name="shop", number=5))).number == 5
    assert (await table.add(KeptProject(name="web"))).number == 6
    assert [(one.number, one.name) for one in await table.all()] == [(5, "shop"), (6, "web")]
    for taken in (KeptProject(name="shop"), KeptProject(name="new", number=5)):
        with pytest.raises(Rejected):
            await table.add(taken)
