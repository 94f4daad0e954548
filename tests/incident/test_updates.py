"""Updates of an incident, and the promise of the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.incident.response_world import (
    ANA,
    SECOND_PLAYBOOK,
    world,
)
from tocsin.incident.book import Draft, Resolution
from tocsin.incident.response.update import Update, post_update
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.incidents import Status


async def test_an_update_is_sent_to_who_heard_of_it_and_renews_the_promise(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with world(tmp_path, clock, SECOND_PLAYBOOK) as it:
        one = await it.open("P0")
        assert one.next_update_ms == one.opened_ms + 1_800_000
        update = Update(text="The deploy is taken back", eta="14:30", status=Status.IDENTIFIED)
        one = await post_update(it.book, one.number, update, ANA)
        await it.runner.turn()
        assert one.status is Status.IDENTIFIED
        assert one.next_update_ms == clock.now_ms() + 1_800_000
        assert sorted(m for _, m, _ in it.done) == ["initial"] * 3 + ["update"] * 3
        assert "**Progress**: The deploy is taken back\n**ETA**: 14:30" in it.remembering.said
        with pytest.raises(Rejected, match="needs a text"):
            await post_update(it.book, one.number, Update(text=" "), ANA)


async def test_a_promise_that_is_not_kept_reminds_the_assignee_else_who_is_on_call(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with world(tmp_path, clock, SECOND_PLAYBOOK) as it:
        one = await it.open("P0")
        await it.pass_time(1740)
        assert it.reminders.reminded == []
        await it.pass_time(120)
        assert [person for person, _ in it.reminders.reminded] == ["otto"]
        await it.book.assign(one.number, "ana", ANA)
        await it.pass_time(900)
        assert [person for person, _ in it.reminders.reminded] == ["otto", "ana"]
        await post_update(it.book, one.number, Update(text="Nearly"), ANA)
        await it.pass_time(1700)
        assert len(it.reminders.reminded) == 2
        await it.book.resolve(one.number, Resolution(resolution="x"), ANA)
        await it.pass_time(7200)
        assert len(it.reminders.reminded) == 2
        assert any("Reminded ana by mail" in text for text in await it.outcomes(one.number))


async def test_an_update_waits_for_a_beginning_that_is_on_its_way(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = "severities: {P0: {actions: [{do: post, channel: alerts}]}}"
    async with world(tmp_path, clock, text) as it:
        one = await it.book.open(Draft(severity="P0", title="Down"), ANA)
        await post_update(it.book, one.number, Update(text="Known"), ANA)
        claimed = await it.table.claim("b", clock.now_ms(), 60_000)
        beginning, update = (one for one in claimed if one.kind == "action")
        assert "/update/" in update.key
        with pytest.raises(Temporary, match="its beginning is not told yet"):
            await it.handler.attempt(update)
        await it.handler.attempt(beginning)
        await it.handler.attempt(update)
        assert [moment for _, moment, _ in it.done] == ["initial", "update"]
