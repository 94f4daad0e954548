"""What comes in becomes issues, and people act on them, on real databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.errortracking.error_world import ErrorDesk, desk_in, event
from tests.incident.alert_world import database_in
from tocsin.errortracking.answers import Act, Feedback, IssuesAsked
from tocsin.errortracking.config import ErrorsConfig
from tocsin.errortracking.found_errors import may_hold, of_line
from tocsin.incident.names import Names
from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary
from tocsin.model.errors import Issue, IssueState
from tocsin.model.logs import LogRecord
from tocsin.state.error_issues import StaleIssue
from tocsin.store.client import Store

ASKED = IssuesAsked()


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[ErrorDesk]:
    async with desk_in(store, tmp_path, ErrorsConfig(keep_per_minute=10)) as desk:
        yield desk


async def only(desk: ErrorDesk) -> Issue:
    page = await desk.book.find(ASKED)
    assert page.total == 1
    return page.issues[0]


async def test_errors_of_one_cause_are_one_issue_that_is_told_once(desk: ErrorDesk) -> None:
    await desk.take(event(value="a", user={"id": "1"}, release="1.0"))
    await desk.take(event(value="b", user={"id": "2"}, release="1.1"), event(value="c"))
    issue = await only(desk)
    assert (issue.times, issue.people, issue.title) == (3, 2, "ValueError: c")
    assert (issue.first_release, issue.culprit) == ("1.0", "app/shop.py in charge")
    assert desk.told == ["new", "seen"]


async def test_an_event_comes_back_as_it_was(desk: ErrorDesk) -> None:
    raw = event(
        event_id="a" * 32,
        timestamp=desk.clock.now() - 5,
        environment="prod",
        tags={"run": "7"},
        user={"id": "u1"},
        contexts={"trace": {"trace_id": "b" * 32, "span_id": "c" * 16}},
        breadcrumbs=[{"category": "cart", "message": "pressed", "timestamp": 1.5}],
        extra={"order": {"id": 3}},
    )
    await desk.take(raw)
    issue = await only(desk)
    shown = await desk.book.event(issue.id, "a" * 32)
    assert shown.event.tags == {"run": "7"}
    assert (shown.event.environment, shown.event.user_id) == ("prod", "u1")
    assert shown.content.breadcrumbs[0].at_ms == 1500
    assert shown.content.extra == {"order": '{"id":3}'}
    assert shown.content.exceptions[0].frames[-1].function == "charge"
    assert await desk.book.issue_of_event("a" * 32) == issue.id
    assert [one.issue_id for one in await desk.book.of_trace("b" * 32)] == [issue.id]


async def test_an_event_that_is_sent_again_counts_once(desk: ErrorDesk) -> None:
    raw = event(event_id="a" * 32)
    assert await desk.take(raw) == 1
    assert await desk.take(raw) == 0
    assert (await only(desk)).times == 1


async def test_of_a_burst_all_are_counted_and_few_are_kept(desk: ErrorDesk) -> None:
    await desk.take(*(event(user={"id": str(n)}) for n in range(500)))
    issue = await only(desk)
    assert issue.times == 500
    assert 400 < issue.people < 600
    kept = await desk.book.events(issue.id, limit=1000)
    assert len(kept) < 60
    now = desk.clock.now_ms()
    trend = await desk.book.trend([issue.id], now - 3_600_000, now + 60_000, 3_660_000)
    assert trend == {issue.id: (500,)}


async def test_secrets_are_not_kept(desk: ErrorDesk) -> None:
    raw = event(
        value="password=hunter22 refused",
        request={"headers": {"Authorization": "Bearer abcdefghijklmnopqrst", "Accept": "x"}},
        extra={"db_password": "hunter22", "note": "fine"},
        contexts={"app": {"session_id": "s3cr3t-value"}},
    )
    await desk.take(raw)
    issue = await only(desk)
    shown = await desk.book.event(issue.id)
    text = repr(shown) + repr(issue)
    assert not [one for one in ("hunter22", "abcdefghijkl", "s3cr3t-value") if one in text]
    assert shown.content.extra["note"] == "fine"


async def test_what_is_resolved_comes_back_and_is_told(desk: ErrorDesk) -> None:
    await desk.take(event())
    issue = await only(desk)
    await desk.book.act(issue.id, Act(kind="resolve"), "ann")
    assert (await desk.book.get(issue.id)).state is IssueState.RESOLVED
    await desk.take(event())
    back = await desk.book.get(issue.id)
    assert back.state is IssueState.OPEN
    assert back.regressed_ms > 0
    assert desk.told == ["new", "resolve", "regressed"]
    assert [one.kind for one in await desk.book.acts(issue.id)] == [
        "first_seen",
        "resolve",
        "regressed",
    ]


async def test_who_saw_an_old_version_changes_nothing(desk: ErrorDesk) -> None:
    await desk.take(event())
    issue = await only(desk)
    await desk.book.act(issue.id, Act(kind="resolve"), "ann", version=issue.version)
    with pytest.raises(StaleIssue) as stale:
        await desk.book.act(issue.id, Act(kind="ignore"), "bob", version=issue.version)
    assert stale.value.now.state is IssueState.RESOLVED


async def test_nobody_unknown_is_assigned(desk: ErrorDesk) -> None:
    async def known() -> dict[str, tuple[str, ...]]:
        return {"ann": ()}

    desk.book.names = Names(known)
    await desk.take(event())
    issue = await only(desk)
    with pytest.raises(Rejected, match="nobody is called"):
        await desk.book.act(issue.id, Act(kind="assign", person="anm"), "bob")
    assert (
        await desk.book.act(issue.id, Act(kind="assign", person="Ann"), "bob")
    ).assignee == "ann"


async def test_merged_issues_are_one_until_they_are_taken_apart(desk: ErrorDesk) -> None:
    await desk.take(event(kind="A"), event(kind="B"), event(kind="B"))
    found = await desk.book.find(replace(ASKED, order="first"))
    one, two = sorted(issue.id for issue in found.issues)
    await desk.book.merge(one, [two], "ann")
    merged = await only(desk)
    assert (merged.id, merged.times) == (one, 3)
    assert (await desk.book.get(two)).id == one
    assert len(await desk.book.events(one)) == 3
    await desk.take(event(kind="B"))
    assert (await only(desk)).times == 4
    prints = await desk.book.prints(one)
    apart = next(print_ for print_ in prints if print_.text.startswith("B"))
    again = await desk.book.unmerge(one, [apart.hash], "ann")
    assert (again.times, again.title) == (3, "B: no card")
    assert (await desk.book.get(one)).times == 1
    await desk.take(event(kind="B"))
    assert (await desk.book.get(again.id)).times == 4


async def test_a_deleted_issue_begins_anew_and_a_discarded_one_does_not(desk: ErrorDesk) -> None:
    await desk.take(event())
    await desk.book.delete((await only(desk)).id, "ann")
    assert (await desk.book.find(ASKED)).total == 0
    await desk.take(event())
    issue = await only(desk)
    assert issue.times == 1
    assert len(await desk.book.events(issue.id)) == 1
    await desk.book.delete(issue.id, "ann", discard=True)
    await desk.take(event())
    await desk.take(event())
    assert (await desk.book.find(ASKED)).total == 0
    with pytest.raises(NotFound):
        await desk.book.get(issue.id)


async def test_an_issue_whose_errors_cannot_be_deleted_stays_to_be_deleted_again(
    desk: ErrorDesk, store: Store
) -> None:
    await desk.take(event())
    issue = await only(desk)
    await desk.writer.settle()
    await store.command("RENAME TABLE errors TO errors_away", {})
    for discard in (False, True):
        with pytest.raises(Fault):
            await desk.book.delete(issue.id, "ann", discard=discard)
        assert (await only(desk)).id == issue.id
    await store.command("RENAME TABLE errors_away TO errors", {})
    await desk.book.delete(issue.id, "ann")
    assert (await desk.book.find(ASKED)).total == 0


@pytest.mark.parametrize("number", [0, -1, 1 << 31, 1 << 63, 10**30])
async def test_no_issue_has_such_a_number(desk: ErrorDesk, number: int) -> None:
    with pytest.raises(NotFound):
        await desk.book.get(number)
    told = await desk.book.act_on([number], Act(kind="resolve"), "ann")
    assert told == {number: f"there is no issue {number}"}


async def test_who_saw_an_issue_before_it_came_back_changes_nothing(desk: ErrorDesk) -> None:
    await desk.take(event())
    issue = await only(desk)
    seen = await desk.book.act(issue.id, Act(kind="resolve"), "ann")
    await desk.take(event(timestamp=desk.clock.now() + 1))
    assert (await only(desk)).state is IssueState.OPEN
    with pytest.raises(StaleIssue):
        await desk.book.act(issue.id, Act(kind="ignore"), "ann", version=seen.version)


async def test_who_leaves_before_an_error_is_kept_may_send_it_again(
    store: Store, tmp_path: Path
) -> None:
    async with database_in(tmp_path) as database:
        desk = ErrorDesk(database, store, tmp_path / "wal", ErrorsConfig())
        await desk.open()
        raw = event(event_id="a" * 32)
        first = asyncio.create_task(desk.take(raw))
        for _ in range(3):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait((first,))
        task = asyncio.create_task(desk.intake.run())
        assert await desk.take(raw) == 1
        assert await desk.intake.drain()
        await task


async def test_an_ignored_issue_wakes_by_itself(desk: ErrorDesk) -> None:
    await desk.take(event())
    issue = await only(desk)
    until = desk.hands.now_ms() + 60_000
    await desk.book.act(issue.id, Act(kind="ignore", until_ms=until), "ann")
    await desk.book.wake()
    assert (await only(desk)).state is IssueState.IGNORED
    desk.hands.jump(60)
    await desk.book.wake()
    assert (await only(desk)).state is IssueState.OPEN


async def test_issues_are_found_by_what_people_type(desk: ErrorDesk) -> None:
    await desk.take(event(kind="KeyError", value="cart", release="2.0", level="fatal"))
    await desk.take(event(kind="OSError", value="disk"), project="default")
    for words, kinds in {
        "cart": {"KeyError"},
        "KeyError: cart": {"KeyError"},
        "kind:oserror": {"OSError"},
        "release:2.0 is:open": {"KeyError"},
        "level:fatal": {"KeyError"},
        "project:shop": {"KeyError"},
        "is:new is:unassigned": {"KeyError", "OSError"},
        "is:resolved": set(),
        "nothing": set(),
    }.items():
        page = await desk.book.find(replace(ASKED, words=words))
        assert {one.kind for one in page.issues} == kinds, words
    with pytest.raises(Rejected, match="is:odd"):
        await desk.book.find(replace(ASKED, words="is:odd"))


async def test_what_a_user_says_is_beside_the_error(desk: ErrorDesk) -> None:
    await desk.take(event(event_id="a" * 32))
    said = Feedback(name="Ann", comments="it broke", event_id="a" * 32)
    await desk.book.hear("shop", said)
    shown = await desk.book.event((await only(desk)).id)
    assert [(one.name, one.comments) for one in shown.feedback] == [("Ann", "it broke")]


async def test_a_line_with_an_exception_joins_the_issue_of_the_sdk(desk: ErrorDesk) -> None:
    stack = (
        "Traceback (most recent call last):\n"
        '  File "app/shop.py", line 1, in main\n    charge()\n'
        '  File "app/shop.py", line 9, in charge\n    raise ValueError\n'
        "ValueError: no card\n"
    )
    await desk.take(event())
    line = LogRecord(ts_ns=desk.clock.now_ms() * 10**6, body=f"failed\n{stack}", level=17)
    assert may_hold(line)
    found = of_line(line, "1-2-3", "shop")
    assert found is not None
    await desk.intake.take([found])
    issue = await only(desk)
    assert issue.times == 2
    assert await desk.book.issue_of_line("1-2-3") == (issue.id, found.event.event_id)


async def test_what_a_dead_process_kept_is_counted_at_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    async with database_in(tmp_path) as database:
        dead = ErrorDesk(database, store, tmp_path / "wal", ErrorsConfig())
        await dead.open()
        task = asyncio.create_task(dead.intake.run())
        await dead.take(event(event_id="a" * 32))
        await dead.table.delete((await only(dead)).id)  # as if it had never been counted
        task.cancel()
        dead.journal.die()
        heir = ErrorDesk(database, store, tmp_path / "wal", ErrorsConfig())
        assert await heir.open() == 1
        issue = await only(heir)
        assert (issue.times, issue.title) == (1, "ValueError: no card")
        assert await heir.take(event(event_id="a" * 32)) == 0
        await heir.intake.drain()


async def test_what_a_process_kept_that_died_long_ago_is_counted_too(
    store: Store, tmp_path: Path
) -> None:
    async with desk_in(store, tmp_path) as desk:
        await desk.take(event(event_id="a" * 32))
        await desk.writer.settle()
        await store.command("ALTER TABLE errors UPDATE taken = taken - 86400 WHERE 1", {})
        await desk.table.delete((await only(desk)).id)  # as if it had never been counted
    async with desk_in(store, tmp_path) as heir:
        assert (await only(heir)).times == 1


async def test_who_sends_an_error_again_hears_of_the_first_that_it_was_not_kept(
    store: Store, tmp_path: Path
) -> None:
    async with database_in(tmp_path) as database:
        desk = ErrorDesk(database, store, tmp_path / "wal", ErrorsConfig())
        await desk.open()
        raw = event(event_id="a" * 32)
        both = [asyncio.create_task(desk.take(raw)) for _ in range(2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(one.done() for one in both)  # nobody commits yet
        task = asyncio.create_task(desk.intake.run())
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        desk.journal.die()
        told = await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 20)
        assert all(isinstance(one, Temporary) for one in told)


async def test_signs_that_no_database_takes_are_left_out(desk: ErrorDesk) -> None:
    odd = "bad \x00 \ud800 text"
    line = LogRecord(
        ts_ns=desk.clock.now_ms() * 10**6,
        body=odd,
        level=17,
        service="api",
        attributes={"exception.type": f"E{odd}", "exception.message": odd, "more": odd},
    )
    found = of_line(line, "1-2-3", "shop")
    assert found is not None
    await desk.intake.take([found])
    await desk.take({"message": odd, "extra": {odd: [odd]}, "release": odd, "tags": [[odd, odd]]})
    assert (await desk.book.find(ASKED)).total == 2
