"""The playbook: what is done for each severity, once, in order, and none holding up the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.incident.response_world import ANA, KNOWN, RESPONSE, World, incidents_config, world
from tocsin.incident.book import Draft, Resolution
from tocsin.incident.response.actions import playbook_of
from tocsin.incident.response.known import Known
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import Page, Post, Task
from tocsin.incident.response.update import Update, post_update
from tocsin.incident.response.when import Now, When
from tocsin.incident.response.work import decoded
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.model.incidents import Incident, Status

FIRST_PLAYBOOK = """
severities:
  P0:
    actions:
      - Page on-call engineer immediately
      - Create incident channel in Slack
      - Begin status page updates
      - Start incident timeline documentation
  P1:
    actions:
      - Alert engineering team
      - Assess impact and user communication needs
      - Begin troubleshooting
  P2:
    actions:
      - Create tracking ticket
      - Schedule investigation
      - Monitor for escalation
"""
SECOND_PLAYBOOK = """
severities:
  P0:
    actions:
      - {do: post, channels: [pagerduty]}
      - {do: post, channel: critical-alerts}
      - {do: mail, to: critical-team}
  P1:
    actions:
      - {do: post, channel: alerts}
      - {do: mail, to: engineering-team@company.com}
  P2: {actions: [{do: post, channel: alerts}]}
  P3: {actions: [{do: post, channel: alerts}]}
"""


def kinds(text: str, known: Known = KNOWN, response: ResponseConfig = RESPONSE) -> dict[str, str]:
    playbook = playbook_of(incidents_config(text), response, known)
    return {
        severity: " ".join(one.kind for one in actions)
        for severity, actions in playbook.actions.items()
    }


def test_the_sentences_of_the_playbook_are_understood_as_written() -> None:
    assert kinds(FIRST_PLAYBOOK) == {
        "P0": "page slack_channel status_page note",
        "P1": "post task task",
        "P2": "ticket task task",
    }


def test_a_sentence_that_nothing_is_configured_for_is_a_task_and_says_what_is_missing() -> None:
    playbook = playbook_of(incidents_config(FIRST_PLAYBOOK), ResponseConfig(), Known())
    assert [one.kind for one in playbook.of("P0")] == ["task", "task", "task", "note"]
    assert playbook.of("P0")[0].step == Task(text="Page on-call engineer immediately")
    assert (
        "tocsin.yaml:5:9: 'Page on-call engineer immediately' is shown as a task"
        in (playbook.warnings[0])
    )
    assert playbook.warnings[0].endswith("define an escalation policy under oncall.policies")


def test_the_other_playbook_is_an_explicit_list() -> None:
    assert kinds(SECOND_PLAYBOOK) == {
        "P0": "post post mail",
        "P1": "post mail",
        "P2": "post",
        "P3": "post",
    }


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{do: pagee}", "got 'pagee'; did you mean \"page\"?"),
        ("{page: now}", 'the key "do" is missing'),
        ("{do: page, policy: defalt}", "there is no escalation policy 'defalt'"),
        ("{do: post, channel: alert}", "there is no channel 'alert'; known: alerts"),
        ("{do: post}", "post needs channel"),
        ("{do: post, channel: alerts, whom: x}", "unknown key"),
        ("{do: post, channel: alerts, text: '{severty}'}", "unknown field {severty}"),
        ("{do: mail, to: criticl-team}", "there is no mail list 'criticl-team'"),
        ("{do: mail, to: a@b.c, audience: customers, text: '{title}'}", "unknown field {title}"),
        ("{do: status_page, text: '{description}'}", "unknown field {description}"),
        ("{do: ticket, tracker: op}", "there is no tracker 'op'"),
        ("{do: assign, to: anna}", "there is no person 'anna'"),
        ("{do: assign, to: 'schedule:secondary'}", "there is no schedule 'secondary'"),
        ("{do: webhook, url: ftp://x}", "url must start with http"),
        ("{do: page, after: soon}", "expected a duration"),
        ("{do: page, when: unacked}", "is no condition"),
        ('{do: page, when: servce="a"}', "an incident has no field 'servce'; did you mean"),
        ('{do: page, when: drill="maybe"}', 'drill is "true" or "false"'),
    ],
)
def test_mistakes_are_refused_with_place_and_remedy(action: str, words: str) -> None:
    text = f"severities:\n  P0:\n    actions:\n      - {action}\n"
    with pytest.raises(ConfigError) as refused:
        kinds(text)
    assert words in str(refused.value)
    assert refused.value.place.line == 4
    assert "severities.P0.actions[0]" in str(refused.value)


INCIDENT = Incident(
    severity="P1", title="Slow", services=("api", "web"), tags=("db",), acknowledged_ms=5
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("acknowledged", True),
        ("unacknowledged", False),
        ("not acknowledged", False),
        ("unassigned and business hours", True),
        ("outside business hours", False),
        ('severity="P0"', False),
        ('severity=~"P0|P1", acknowledged', True),
        ('service="api"', True),
        ('service!="api"', False),
        ('service="shop"', False),
        ('tag="db" and not drill', True),
        ('title="a, and b"', False),
        ('assignee=""', True),
        ('status!~"resolved|closed"', True),
    ],
)
def test_conditions_ask_for_the_incident_as_it_is(text: str, holds: bool) -> None:
    assert When.from_config(text).holds(INCIDENT, Now(is_business_hours=True)) is holds


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


def test_the_same_action_of_two_severities_is_the_same() -> None:
    playbook = playbook_of(incidents_config(SECOND_PLAYBOOK), RESPONSE, KNOWN)
    assert playbook.of("P1")[0].identity == playbook.of("P3")[0].identity
    assert isinstance(playbook.of("P1")[0].step, Post)
    first = playbook_of(incidents_config(FIRST_PLAYBOOK), RESPONSE, KNOWN)
    assert isinstance(first.of("P0")[0].step, Page)


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
