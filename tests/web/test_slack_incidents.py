"""Working on an incident from Slack and by the API, through the real guard and signatures."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from tests.app.response_stage import ANA, Stage, stage
from tests.app.slack_stand_in import Body, Slack, slack_server
from tests.notify.servers import Mails, Taken, http_receiver, mail_server
from tests.web.browser import Answer, Browser
from tocsin.incident.book import Resolution
from tocsin.ingest.config import IngestConfig
from tocsin.kit.clock import FakeClock
from tocsin.model.incidents import Status
from tocsin.notify.slack_incident import ACK, ASSIGN_ME, ESCALATE, NOTE, RESOLVE, UPDATE
from tocsin.state.config import AuthConfig
from tocsin.state.tokens import Scope
from tocsin.web.answer_doors import AnswerDoors, AnswerLinks
from tocsin.web.api import incident_response, slack_actions, slack_commands
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Guard
from tocsin.web.people import People

ACTIONS = "/api/integrations/slack/actions"
COMMANDS = "/api/integrations/slack/commands"


@dataclass
class House:
    """Everything behind the doors."""

    it: Stage
    slack: Slack
    browser: Browser
    people: People
    replies: list[str]
    keys: dict[Scope, str]
    only_people: list[str] = field(default_factory=list)
    turn: Iterator[int] = field(default_factory=itertools.count)

    async def send(self, path: str, form: dict[str, str], *, secret: str = "s3cr3t") -> Answer:
        body, at = urlencode(form).encode(), str(int(self.it.clock.now()))
        mark = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content_type": "application/x-www-form-urlencoded",
            "x_slack_signature": f"v0={mark}",
            "x_slack_request_timestamp": at,
        }
        return await self.browser.send("POST", path, body=body, headers=headers)

    async def press(
        self, action: str, number: str, *, secret: str = "s3cr3t", member: str = "U0ANA12345"
    ) -> Answer:
        payload = {
            "type": "block_actions",
            "user": {"id": member, "username": "ana.r", "team_id": "T1"},
            "trigger_id": f"12.34.{action}",
            "response_url": "https://hooks.slack.com/actions/x",
            "container": {"type": "message", "message_ts": "1.2"},
            "actions": [{"type": "button", "action_id": action, "value": number}],
        }
        return await self.send(ACTIONS, {"payload": json.dumps(payload)}, secret=secret)

    async def submit(self, view: Body, **values: str) -> Answer:
        """Send a form as Slack does: each input under its block's id and its action's."""
        state: Body = {}
        for block in view["blocks"]:
            if block["type"] != "input":
                continue
            element, value = block["element"], values.get(block["block_id"])
            if element["type"] == "static_select":
                chosen = {"value": value or element["initial_option"]["value"]}
                field: Body = {"type": "static_select", "selected_option": chosen}
            else:
                field = {"type": "plain_text_input", "value": value}
            state[block["block_id"]] = {element["action_id"]: field}
        payload = {
            "type": "view_submission",
            "user": {"id": "U0ANA12345", "username": "ana.r"},
            "view": {
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": state},
            },
        }
        return await self.send(ACTIONS, {"payload": json.dumps(payload)})

    async def say(self, text: str) -> str:
        form = {"command": "/tocsin", "text": text, "user_id": "U0ANA12345", "user_name": "ana.r"}
        form["trigger_id"] = f"12.34.{next(self.turn)}"
        answer = await self.send(COMMANDS, form)
        return str(answer.json["text"])

    async def api(
        self, method: str, path: str, value: object = None, scope: Scope = Scope.ADMIN
    ) -> Answer:
        headers = {"authorization": f"Bearer {self.keys[scope]}"}
        if value is None:
            return await self.browser.send(method, path, headers=headers)
        return await self.browser.send_json(method, path, value, **headers)


@pytest.fixture
def hook() -> Iterator[Taken]:
    with http_receiver() as taken:
        yield taken


@pytest.fixture
def mails() -> Iterator[Mails]:
    with mail_server() as found:
        yield found


@pytest.fixture
async def house(
    tmp_path: Path, clock: FakeClock, hook: Taken, mails: Mails
) -> AsyncIterator[House]:
    actions = "{do: post, channel: critical-alerts}, Begin troubleshooting"
    with slack_server() as slack:
        async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
            people = People.of(it.database, clock, AuthConfig(), external_url="")
            replies: list[str] = []
            only_people: list[str] = []

            async def reply(url: str, words: str) -> None:
                replies.append(words)

            links = AnswerLinks(
                slack_secret=lambda: "s3cr3t",
                pagerduty_secrets=tuple,
                mail_links=lambda: None,
                opened_ms=lambda _: 0,
                say=lambda group, words: None,
                reply=reply,
                slack_needs_person=lambda: bool(only_people),
            )
            doors = AnswerDoors(clock, SimpleNamespace(), links)  # type: ignore[arg-type]  # not asked
            addresses = (
                *slack_actions.ADDRESSES,
                *slack_commands.ADDRESSES,
                *incident_response.ADDRESSES,
            )
            app = Starlette(routes=Guard(Authenticator(people)).routes(addresses))
            app.state.people = people
            app.state.services = SimpleNamespace(
                clock=clock,
                config=SimpleNamespace(ingest=IngestConfig(), external_url="https://t.example"),
                incidents=it.book,
                response=it.response.desk,
                doors=doors,
            )
            keys = {}
            for scope in Scope:
                keys[scope], _ = await people.tokens.create(scope.value, [scope], created_by="bo")
            yield House(it, slack, Browser(app), people, replies, keys, only_people)
        assert slack.problems == []


async def test_buttons_act_in_the_name_of_the_person_behind_the_member(house: House) -> None:
    one = await house.it.open()
    assert (await house.press(ACK, one.number)).status == 200
    await house.press(ASSIGN_ME, one.number)
    now = await house.it.book.get(one.number)
    assert (now.acknowledged_by, now.assignee) == ("ana", "ana")
    timeline = await house.it.book.timeline(one.id)
    assert {e.source for e in timeline if e.kind in ("acknowledged", "assigned")} == {"slack"}
    audit = [(a.who, a.what) for a in await house.people.audit.latest()]
    assert ("slack:ana", "incident_acknowledge") in audit
    assert house.replies == []


async def test_where_only_people_may_act_a_stranger_of_the_workspace_may_not(house: House) -> None:
    one = await house.it.open()
    house.only_people.append("yes")
    await house.press(ACK, one.number, member="U0STRANGER")
    assert (await house.it.book.get(one.number)).acknowledged_by == ""
    assert "only people of oncall.people may do this from Slack" in house.replies[0]
    await house.press(ACK, one.number)
    assert (await house.it.book.get(one.number)).acknowledged_by == "ana"


async def test_where_every_member_may_act_strangers_are_named(house: House) -> None:
    one = await house.it.open()
    await house.press(ACK, one.number, member="U0STRANGER")
    assert (await house.it.book.get(one.number)).acknowledged_by == "ana.r"


async def test_forms_are_opened_and_done(house: House) -> None:
    one = await house.it.open()
    for action in (NOTE, UPDATE, RESOLVE):
        await house.press(action, one.number)
    note, update, resolve = house.slack.views
    assert (await house.submit(note, text="Looked at the pool")).body == b""
    assert (await house.submit(update, text="Found it", eta="14:30", status="identified")).body == (
        b""
    )
    await house.it.runner.turn()
    now = await house.it.book.get(one.number)
    assert now.status is Status.IDENTIFIED
    refused = (await house.submit(note, text=" ")).json
    assert refused["response_action"] == "errors"
    assert "a note needs a text" in refused["errors"]["text"]
    await house.submit(resolve, resolution="Index added", root_cause="No index", measures="a\nb")
    now = await house.it.book.get(one.number)
    assert (now.status, now.resolution, now.measures) == (
        Status.RESOLVED,
        "Index added",
        ("a", "b"),
    )
    kinds = [entry.kind for entry in await house.it.book.timeline(one.id)]
    assert {"note", "update", "resolved"} <= set(kinds)


async def test_who_did_not_sign_does_nothing(house: House) -> None:
    one = await house.it.open()
    assert (await house.press(ACK, one.number, secret="guessed")).status == 401
    assert not (await house.it.book.get(one.number)).acknowledged_ms


async def test_what_cannot_be_done_is_told_to_whoever_pressed(house: House) -> None:
    one = await house.it.open()
    await house.press(ESCALATE, one.number)
    assert house.replies == ["Not done: nobody can be paged: configure oncall."]
    await house.it.book.resolve(one.number, Resolution(resolution="x"), ANA)
    await house.press(ACK, one.number)
    assert "resolved" in house.replies[-1]


async def test_commands_open_list_and_work_on_incidents(house: House) -> None:
    said = await house.say("incident open p0 Checkout <is> slow")
    assert "INC-2023-0001" in said
    assert "Checkout &lt;is&gt; slow" in said
    assert "INC-2023-0001" in await house.say("incident list")
    assert "acknowledged by ana" in await house.say("incident ack INC-2023-0001")
    assert "Noted" in await house.say("incident note INC-2023-0001 an index is missing")
    assert "being sent" in await house.say("incident update INC-2023-0001 nearly there")
    assert "how was it resolved" in await house.say("incident resolve INC-2023-0001")
    assert "is resolved" in await house.say("incident resolve INC-2023-0001 index added")
    assert "No incident is open" in await house.say("incident list")
    assert "Not done" in await house.say("incident ack INC-2023-0099")
    assert "/tocsin incident open" in await house.say("incident frobnicate")
    assert "no schedule" in await house.say("oncall")
    assert "severity" in await house.say("incident open P9 x")


async def test_the_api_updates_ticks_and_tries_again(house: House) -> None:
    house.slack.refuses["chat.postMessage"] = "channel_not_found"
    one = await house.it.open()
    base = f"/api/incidents/{one.number}"
    actions = (await house.api("GET", f"{base}/actions")).json
    failed = next(a for a in actions if a["state"] == "failed")
    assert "check the channel's name" in failed["error"]
    house.slack.refuses.clear()
    answer = await house.api("POST", f"{base}/actions/{failed['id']}/again")
    assert answer.status == 200
    await house.it.runner.turn()
    assert len(house.slack.messages) == 1
    (task,) = (await house.api("GET", f"{base}/tasks")).json
    assert (task["text"], task["done"]) == ("Begin troubleshooting", False)
    (task,) = (await house.api("POST", f"{base}/tasks/{task['id']}", {"done": True})).json
    assert task["done"]
    assert (await house.api("POST", f"{base}/tasks/nope", {"done": True})).status == 404
    await house.api("POST", f"{base}/updates", {"text": "On it", "next_update": "10m"})
    now = await house.it.book.get(one.number)
    assert now.next_update_ms == house.it.clock.now_ms() + 600_000
    refused = await house.api("POST", f"{base}/updates", {"text": "x"}, Scope.READ)
    assert refused.status == 403


async def test_the_api_previews_templates(house: House) -> None:
    path = "/api/incidents/templates/preview"
    one = await house.it.open()
    body = {"template": "{severity}: {title}", "incident": one.number}
    shown = (await house.api("POST", path, body, Scope.READ)).json
    assert (shown["text"], shown["notation"]) == ("P0: Checkout is down", "braces")
    refused = await house.api("POST", path, {"template": "{{ titel }}"})
    assert refused.status == 400
    assert "did you mean" in refused.text
    fields = (await house.api("GET", "/api/incidents/templates/fields")).json
    assert {"name": "title", "meaning": "its title", "public": False} in fields
