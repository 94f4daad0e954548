"""A house whose alerts are answered from Slack, PagerDuty and mails."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette

from tests.alert.memory import World
from tests.web.browser import Answer, Browser
from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.alert.deciding.answers import Answers
from tocsin.kit.clock import FakeClock
from tocsin.kit.signed_link import LinkMaker
from tocsin.model.notices import group_id
from tocsin.web.answer_doors import AnswerDoors, AnswerLinks
from tocsin.web.api import mail_actions, pagerduty_hook, slack_actions, slack_commands
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Guard
from tocsin.web.people import People

ROUTES = """
route: {receiver: team, group_by: [service], group_wait: 0s}
receivers: [{name: team}]
"""
GROUP = group_id('{}:{service="api"}')
LINKS = LinkMaker(bytes(32), "https://tocsin.example")
SLACK = "/api/integrations/slack/actions"
COMMANDS = "/api/integrations/slack/commands"
PAGERDUTY = "/api/integrations/pagerduty"


@dataclass
class House:
    """Everything behind the doors."""

    clock: FakeClock
    world: World
    acknowledgements: Acknowledgements
    people: People
    browser: Browser
    secrets: dict[str, str] = field(default_factory=lambda: {"slack": "s3cr3t", "pd": "old new"})
    said: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    links: LinkMaker | None = LINKS
    members: dict[str, str] = field(default_factory=dict)
    """Who members of Slack are, where only people may answer."""

    def taken(self) -> dict[str, str]:
        """Who has taken on which instance, and where they said it."""
        found = self.acknowledgements.all(self.clock.now_ms())
        return {dict(one.labels)["instance"]: f"{one.by}/{one.source}" for one in found}

    def silenced(self) -> list[list[str]]:
        silences = self.world.dispatcher.silences.all()
        return [[f"{m.name}{m.op}{m.value}" for m in one.matchers] for one in silences]

    async def audit(self) -> list[tuple[str, str]]:
        return [(one.who, one.what) for one in await self.people.audit.latest()]

    async def slack(
        self, path: str, form: Mapping[str, str], *, age: int = 0, secret: str = "s3cr3t"
    ) -> Answer:
        """A request that Slack signed `age` seconds ago."""
        body, at = urlencode(form).encode(), str(int(self.clock.now()) - age)
        mark = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content_type": "application/x-www-form-urlencoded",
            "x_slack_signature": f"v0={mark}",
            "x_slack_request_timestamp": at,
        }
        return await self.browser.send("POST", path, body=body, headers=headers)

    async def press(self, action: str, group: str = GROUP, **how: Any) -> Answer:  # Any: slack()
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": "bo", "name": "bo"},
            "actions": [{"action_id": action, "value": group, "type": "button"}],
            "response_url": "https://hooks.slack.com/actions/x",
            "message": {"ts": str(self.clock.now())},
        }
        return await self.slack(SLACK, {"payload": json.dumps(payload)}, **how)

    async def hook(self, kind: str, *, secret: str = "new", **event: Any) -> Answer:  # Any: JSON
        found = {
            "id": f"{kind}-{self.clock.now()}",
            "event_type": kind,
            "occurred_at": "2023-11-14T22:13:20.000Z",
            "agent": {"id": "P1", "summary": "Ann", "type": "user_reference"},
            "data": {"id": "Q1", "type": "incident", "incident_key": GROUP},
            **event,
        }
        body = msgspec.json.encode({"event": found})
        mark = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "content_type": "application/json",
            "x_pagerduty_signature": f"v1={'0' * 64},v1={mark}",
        }
        return await self.browser.send("POST", PAGERDUTY, body=body, headers=headers)


def app_of(house: House) -> Starlette:
    world, clock = house.world, house.clock
    links = AnswerLinks(
        slack_secret=lambda: house.secrets["slack"],
        pagerduty_secrets=lambda: house.secrets["pd"].split(),
        mail_links=lambda: house.links,
        opened_ms=lambda group: house.opened.get(group, 0),
        say=lambda group, words: house.said.append(words),
        reply=keeps_in(house.replies),
        slack_needs_person=lambda: bool(house.members),
    )
    answers = Answers(world.dispatcher, house.acknowledgements, clock)
    doors = AnswerDoors(clock, answers, links)
    guard = Guard(Authenticator(house.people))
    parts = (slack_actions, slack_commands, pagerduty_hook, mail_actions)
    app = Starlette(routes=guard.routes([one for part in parts for one in part.ADDRESSES]))
    app.state.people = house.people
    app.state.services = SimpleNamespace(
        clock=clock,
        config=SimpleNamespace(auth_off=False, version="0"),
        alerts=world.dispatcher,
        acknowledgements=house.acknowledgements,
        doors=doors,
        response=SimpleNamespace(slack_member=answers_of(house.members)),
    )
    return app


def answers_of(known: dict[str, str]) -> Any:  # Any: a coroutine function
    async def member(member_id: str) -> str:
        return known.get(member_id, "")

    return member


def keeps_in(found: list[str]) -> Any:  # Any: a coroutine function
    async def reply(url: str, words: str) -> None:
        found.append(words)

    return reply
