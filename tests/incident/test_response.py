"""The playbook: what is done for each severity, once, in order, and none holding up the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.incident.response_world import (
    ANA,
    FIRST_PLAYBOOK,
    SECOND_PLAYBOOK,
    World,
    world,
)
from tocsin.incident.book import Draft, Resolution
from tocsin.incident.response.work import decoded
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Temporary


async def test_actions_are_done_in_order_and_their_outcomes_are_on_the_timeline(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with world(tmp_path, clock, FIRST_PLAYBOOK) as it:
        one = await it.open("P0")
        assert [kind for kind, _, _ in it.done] == ["page", "slack_channel", "status_page", "note"]
        assert await it.outcomes(one.number) == [
            "Page on-call engineer immediately: done",
            "Create incident channel in Slack: done",
            "Begin status page updates: done",
            "Start incident timeline documentation: done",
        ]


async def test_one_that_fails_for_ever_holds_up_none_and_is_shown(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with world(tmp_path, clock, FIRST_PLAYBOOK) as it:
        it.remembering.always["slack_channel"] = Temporary("Slack is away")
        one = await it.open("P0")
        assert [kind for kind, _, _ in it.done] == ["page", "status_page", "note"]
        await it.pass_time(3 * 3600, step=299)
        told = [text for text in await it.outcomes(one.number) if "Slack" in text]
        assert told[0].endswith("failed for now and is tried again. Slack is away")
        assert told[-1].endswith("failed for good. Slack is away")
        assert len(told) < 12
        (errand,) = await it.table.find(subject=one.number, states=("failed",))
        assert errand.attempts > 10


async def test_what_a_person_must_mend_fails_at_once(tmp_path: Path, clock: FakeClock) -> None:
    async with world(tmp_path, clock, SECOND_PLAYBOOK) as it:
        it.remembering.always["mail"] = Permanent("the address is refused; correct it")
        one = await it.open("P0")
        assert (await it.outcomes(one.number))[-1] == (
            "Mail critical-team: failed for good. the address is refused; correct it"
        )


async def test_an_action_waits_and_is_left_out_when_its_condition_does_not_hold(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = """
severities:
  P0:
    actions:
      - {do: post, channel: critical-alerts, after: 15m, when: unacknowledged}
      - {do: post, channel: alerts, after: 20m}
"""
    async with world(tmp_path, clock, text) as it:
        one = await it.open()
        await it.pass_time(14 * 60)
        assert it.done == []
        await it.book.acknowledge(one.number, ANA)
        await it.pass_time(7 * 60)
        assert [shown for _, _, shown in it.done] == ["Post to alerts"]
        assert "Post to critical-alerts: left out, as unacknowledged does not hold" in (
            await it.outcomes(one.number)
        )


async def test_resolving_cancels_what_is_left_and_tells_who_heard_of_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = """
severities:
  P0:
    actions:
      - {do: post, channel: alerts}
      - {do: mail, to: critical-team, updates: false}
      - {do: post, channel: critical-alerts, after: 30m}
"""
    async with world(tmp_path, clock, text) as it:
        one = await it.open()
        await it.book.resolve(one.number, Resolution(resolution="Taken back."), ANA)
        await it.pass_time(3600)
        assert it.done == [
            ("post", "initial", "Post to alerts"),
            ("mail", "initial", "Mail critical-team"),
            ("post", "resolution", "Post to alerts"),
        ]
        assert "**Resolution**: Taken back." in it.remembering.said


async def test_a_raised_severity_does_what_was_not_done_yet(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = """
severities:
  P0: {actions: [{do: post, channel: alerts}, {do: page}]}
  P1: {actions: [{do: post, channel: alerts}, {do: mail, to: critical-team, after: 10m}]}
"""
    async with world(tmp_path, clock, text) as it:
        one = await it.open("P1")
        await it.book.set_severity(one.number, "P0", ANA)
        await it.pass_time(1200)
        assert [kind for kind, _, _ in it.done] == ["post", "page"]
        await it.book.set_severity(one.number, "P1", ANA)
        await it.pass_time(1200)
        assert [kind for kind, _, _ in it.done] == ["post", "page", "mail"]


async def test_opened_again_only_what_was_not_done_is_done(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = """
severities:
  P0: {actions: [{do: post, channel: alerts}, {do: mail, to: critical-team, after: 10m}]}
"""
    async with world(tmp_path, clock, text) as it:
        one = await it.open()
        await it.book.resolve(one.number, Resolution(resolution="x"), ANA)
        await it.runner.turn()
        await it.book.reopen(one.number, ANA, "it is back")
        await it.pass_time(1200)
        moments = [(kind, moment) for kind, moment, _ in it.done]
        assert moments == [
            ("post", "initial"),
            ("post", "resolution"),
            ("post", "update"),
            ("mail", "initial"),
        ]


async def test_a_merged_incident_tells_nobody_any_more(tmp_path: Path, clock: FakeClock) -> None:
    text = "severities: {P0: {actions: [{do: post, channel: alerts, after: 5m}]}}"
    async with world(tmp_path, clock, text) as it:
        one, other = await it.open(), await it.open()
        await it.book.merge(one.number, other.number, ANA)
        await it.pass_time(600)
        assert len(it.done) == 1


async def test_a_crash_between_doing_and_noting_loses_nothing_and_notes_it_once(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, clock, SECOND_PLAYBOOK) as it:
        crashes = await _crashing(it, monkeypatch)
        one = await it.open("P0")
        await it.pass_time(600)
        assert crashes == [3]
        shown = [shown for _, _, shown in it.done]
        # The one that was being noted is not done again; one that dies with it may be, once.
        assert set(shown) == {"Mail critical-team", "Post to critical-alerts", "Post to pagerduty"}
        assert max(map(shown.count, shown)) <= 2
        assert len(await it.outcomes(one.number)) == 3


async def _crashing(it: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first notes of ends are lost: as if the process had died before them."""
    finish, lost = it.table.finish, [0]

    async def dying(*given: object, **named: object) -> None:
        if lost[0] < 3:
            lost[0] += 1
            raise Temporary("the process died here")
        await finish(*given, **named)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(it.table, "finish", dying)
    turn = it.runner.turn

    async def restarting() -> int:
        while True:
            try:
                return await turn()
            except* Temporary:
                await it.runner.load()

    monkeypatch.setattr(it.runner, "turn", restarting)
    return lost


async def test_who_was_being_told_when_it_was_resolved_hears_of_the_end(
    tmp_path: Path, clock: FakeClock
) -> None:
    text = "severities: {P0: {actions: [{do: post, channel: alerts}], update_every: 0}}"
    async with world(tmp_path, clock, text) as it:
        one = await it.book.open(Draft(severity="P0", title="Down"), ANA)
        (beginning,) = await it.table.claim("a", clock.now_ms(), 60_000)
        await it.book.resolve(one.number, Resolution(resolution="x"), ANA)
        await it.runner.turn()
        assert it.done == []
        # What was on its way when the incident was resolved arrives after all.
        data = {"action": decoded(beginning.content).identity, "moment": "initial"}
        await it.book.told(one.number, "action", "posted", ANA, {**data, "outcome": "done"})
        await it.pass_time(60)
        assert [moment for _, moment, _ in it.done] == ["resolution"]
