"""Answers from outside, through the real guard: who may, what they do, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.alert.memory import AckShelf, World
from tests.state.fresh import state_file
from tests.web.answer_house import (
    COMMANDS,
    GROUP,
    LINKS,
    PAGERDUTY,
    ROUTES,
    SLACK,
    House,
    app_of,
)
from tests.web.browser import Browser
from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.kit.clock import FakeClock
from tocsin.notify.slack_status import ACKNOWLEDGE, GIVE_BACK, RESOLVE, SILENCE
from tocsin.state.config import AuthConfig
from tocsin.state.users import Role
from tocsin.web.guard import Front
from tocsin.web.people import People


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> AsyncIterator[House]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    world = World(clock, ROUTES)
    await world.start()
    kept = AckShelf()
    people = People.of(database, clock, AuthConfig.from_config("on"))
    browser = Browser(Starlette())
    found = House(clock, world, Acknowledgements(kept, clock), people, browser)
    browser.app = Front(app_of(found), people)
    for instance in "12":
        await world.tell(alertname="Down", service="api", instance=instance)
    await world.tell(alertname="Other", service="db", instance="3")
    found.opened[GROUP] = clock.now_ms()
    yield found
    await database.close()


async def test_slacks_button_acknowledges_the_whole_group(house: House) -> None:
    answer = await house.press(ACKNOWLEDGE)
    assert (answer.status, answer.body) == (200, b"")
    assert house.taken() == {"1": "bo/slack", "2": "bo/slack"}
    assert await house.audit() == [("slack:bo", "alert_acknowledged")]
    house.clock.jump(1)
    await house.press(ACKNOWLEDGE)
    assert house.replies == ["Somebody has acknowledged all of it already."]
    await house.press(GIVE_BACK)
    assert house.taken() == {}


async def test_slacks_button_silences_what_the_alerts_share(house: House) -> None:
    await house.press(SILENCE)
    house.clock.jump(1)
    await house.press(SILENCE)
    assert house.silenced() == [["alertname=Down", "service=api"]]
    assert house.said[0] == "bo silenced this for an hour."


async def test_slacks_button_marks_as_resolved_until_it_is_told_again(house: House) -> None:
    await house.press(RESOLVE)
    firing = [one.alert.labels for one in house.world.dispatcher.states()]
    assert [dict(labels)["service"] for labels in firing] == ["db"]
    house.clock.jump(1)
    await house.press(ACKNOWLEDGE)
    assert house.replies == ["Not done: none of these alerts fires any more."]


async def test_where_only_people_may_answer_in_slack_others_change_nothing(house: House) -> None:
    house.members["U_ELSEWHERE"] = "ana"
    await house.press(ACKNOWLEDGE)
    assert house.taken() == {}
    assert "only people of oncall.people may do this from Slack" in house.replies[0]
    form = {"command": "/tocsin", "text": "ack service=api", "user_id": "U1", "user_name": "bo"}
    assert "Not done: only people" in (await house.slack(COMMANDS, form)).json["text"]
    assert house.taken() == {}
    house.clock.jump(1)
    house.members["U1"] = "ana"
    await house.press(ACKNOWLEDGE)
    assert house.taken() == {"1": "ana/slack", "2": "ana/slack"}


async def test_the_link_of_somebody_whose_account_was_disabled_does_nothing(house: House) -> None:
    await house.people.users.add("boss", "correct horse battery", role=Role.ADMIN)
    user = await house.people.users.add(
        "eve", "correct horse battery", email="ann@example.com", role=Role.MEMBER
    )
    await house.people.users.disable(user.id)
    answer = await house.browser.post(link(), {})
    assert answer.status == 400
    assert "the account of eve is disabled" in answer.text


async def test_an_unknown_button_changes_nothing(house: House) -> None:
    assert (await house.press("somebody_elses")).status == 200
    assert house.taken() == {}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"secret": "guess"}, "the signature is wrong"),
        ({"age": 301}, "older than five minutes"),
        ({"age": -301}, "older than five minutes"),
    ],
)
async def test_what_slack_did_not_sign_just_now_is_refused(
    house: House,
    how: dict[str, Any],
    words: str,  # Any: as slack() takes
) -> None:
    answer = await house.press(ACKNOWLEDGE, **how)
    assert answer.status == 401
    assert words in answer.text
    assert house.taken() == {}


async def test_a_recorded_press_cannot_be_sent_again(house: House) -> None:
    assert (await house.press(ACKNOWLEDGE)).status == 200
    again = await house.press(ACKNOWLEDGE)  # the clock has not moved: the very same bytes
    assert again.status == 401
    assert "taken already" in again.text


async def test_a_body_that_is_not_the_signed_one_is_refused(house: House) -> None:
    headers = {"x_slack_signature": "v0=" + "0" * 64, "x_slack_request_timestamp": "1700000000"}
    answer = await house.browser.send("POST", SLACK, body=b"payload={}", headers=headers)
    assert answer.status == 401


@pytest.mark.parametrize("path", [SLACK, COMMANDS, PAGERDUTY])
async def test_without_a_secret_nobody_is_listened_to(house: House, path: str) -> None:
    house.secrets = {"slack": "", "pd": ""}
    assert (await house.browser.send("POST", path, body=b"x")).status == 404


async def test_slacks_command_lists_acknowledges_and_silences(house: House) -> None:
    async def said(text: str) -> str:
        house.clock.jump(1)
        form = {"command": "/tocsin", "text": text, "user_name": "bo", "user_id": "U1"}
        answer = (await house.slack(COMMANDS, form)).json
        assert answer["response_type"] == "ephemeral"
        words: str = answer["text"]
        return words

    assert (await said("status")).startswith("*3 alerts firing*\n• *")
    assert "/tocsin ack" in await said("")
    assert (await said("ack instance=1")).startswith(":eyes: You acknowledged 1 alert:")
    assert "acknowledged by bo" in await said("status")
    assert await said("silence 2h service=db") == (
        ":no_bell: Silenced for 2h: alertname=Other, instance=3, service=db"
    )
    assert await said("silence service=db") == (
        "Not done: expected a duration such as 15s, 1h30m or 30d, got 'service=db'."
    )
    assert (await said("ack")).startswith("Not done: name the alerts by their labels")
    assert (await said("ack service=nothing")).startswith("Not done: none of these")
    assert house.taken() == {"1": "bo/slack"}


async def test_pagerdutys_acknowledgement_counts_here(house: House) -> None:
    answer = await house.hook("incident.acknowledged")
    assert answer.json == {"status": "done", "why": ""}
    assert house.taken() == {"1": "Ann/pagerduty", "2": "Ann/pagerduty"}
    assert await house.audit() == [("pagerduty:Ann", "alert_acknowledged")]
    again = await house.hook("incident.acknowledged")
    assert again.json["why"] == "it was taken already"
    house.clock.jump(1)
    assert (await house.hook("incident.unacknowledged", secret="old")).json["status"] == "done"
    assert house.taken() == {}


async def test_whoever_took_it_on_first_stays_its_owner(house: House) -> None:
    await house.press(ACKNOWLEDGE)
    answer = await house.hook("incident.acknowledged")
    assert answer.json["why"] == "somebody has acknowledged it already"
    assert house.taken()["1"] == "bo/slack"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"event_type": "pagey.ping"}, "events of this type change nothing here"),
        ({"data": {"incident_key": "other"}}, "no message that Tocsin sent"),
        ({"data": {"incident_key": None}}, "no message that Tocsin sent"),
        ({"occurred_at": "2022-11-14T22:13:20Z"}, "it happened before this incident began"),
    ],
)
async def test_what_does_not_concern_us_is_taken_and_ignored(
    house: House,
    event: dict[str, Any],
    why: str,  # Any: JSON
) -> None:
    answer = await house.hook("incident.acknowledged", **event)
    assert answer.status == 200
    assert why in answer.json["why"]
    assert house.taken() == {}


async def test_what_pagerduty_did_not_sign_is_refused(house: House) -> None:
    assert (await house.hook("incident.acknowledged", secret="guess")).status == 401
    assert house.taken() == {}


def link(action: str = "acknowledge", *, ends: int = 1_700_000_060, group: str = GROUP) -> str:
    return f"/answer/{LINKS.token(action, group, 'ann@example.com', ends)}"


async def test_following_a_mails_link_only_asks(house: House) -> None:
    answer = await house.browser.get(link())
    assert answer.status == 200
    assert "Take this on?" in answer.text
    assert '<form method="post">' in answer.text
    assert answer.header("referrer-policy") == "no-referrer"
    assert "noindex" in answer.header("x-robots-tag")
    assert (await house.browser.send("HEAD", link())).status == 200
    assert house.taken() == {}


async def test_the_pages_button_acknowledges_without_a_login(house: House) -> None:
    answer = await house.browser.post(link(), {})
    assert "Acknowledged. Nobody is reminded" in answer.text
    assert house.taken() == {"1": "ann@example.com/mail", "2": "ann@example.com/mail"}
    assert await house.audit() == [("mail:ann@example.com", "alert_acknowledged")]
    again = await house.browser.post(link(), {})
    assert "nothing has changed" in again.text


async def test_the_page_shows_what_a_silence_hides_before_and_after(house: House) -> None:
    asked = await house.browser.get(link("silence"))
    assert "Silence this for an hour?" in asked.text
    assert "<b>alertname=</b>Down" in asked.text
    for _ in range(2):
        answer = await house.browser.post(link("silence"), {})
        assert "Silenced for an hour." in answer.text
    assert house.silenced() == [["alertname=Down", "service=api"]]


async def test_an_old_link_says_so_and_does_nothing(house: House) -> None:
    house.clock.jump(61)
    for answer in (await house.browser.get(link()), await house.browser.post(link(), {})):
        assert answer.status == 410
        assert "This link has expired" in answer.text
    assert house.taken() == {}


async def test_a_link_about_what_is_over_says_so(house: House) -> None:
    gone = link(group="f" * 64)
    assert "Nothing fires any more" in (await house.browser.get(gone)).text
    answer = await house.browser.post(gone, {})
    assert "None of these alerts fires any more" in answer.text


async def test_guessing_links_is_slowed_down(house: House) -> None:
    statuses = [(await house.browser.get(f"/answer/{'A' * 80}")).status for _ in range(31)]
    assert statuses[:30] == [400] * 30
    assert statuses[30] == 429
    assert (await house.browser.get(link())).status == 200  # a real link still works


async def test_a_link_that_does_something_else_does_nothing(house: House) -> None:
    answer = await house.browser.post(link("delete_everything"), {})
    assert answer.status == 400
    assert "does not know what the link asks for" in answer.text
