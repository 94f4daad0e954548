"""Slack's buttons: `/api/integrations/slack/actions`, the Request URL of an app's interactivity.

https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.deciding.answers import Who
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.notify.slack_incident import PREFIX
from tocsin.notify.slack_status import ACKNOWLEDGE, GIVE_BACK, RESOLVE, SILENCE
from tocsin.web.answer_doors import doors, recorded
from tocsin.web.api.slack_incidents import (
    SlackView,
    author_in_slack,
    person_in_slack,
    pressed,
    submitted,
)
from tocsin.web.csrf import keep_body
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services
from tocsin.web.webhook_signatures import Forged, check_slack

_ACT_SECONDS = 2.0
"""Slack waits three seconds for an answer."""
_BODY_SECONDS = 2.0
_SILENCE_SECONDS = 3600.0


class SlackUser(msgspec.Struct, frozen=True):
    """Who pressed."""

    id: str = ""
    username: str = ""
    name: str = ""

    @property
    def shown(self) -> str:
        """The name that people know."""
        return self.username or self.name or self.id or "somebody in Slack"


class SlackPress(msgspec.Struct, frozen=True):
    """A button that was pressed; `value` is a group's id."""

    action_id: str = ""
    value: str = ""


class SlackPayload(msgspec.Struct, frozen=True):
    """What Slack sends, as far as it matters here."""

    type: str = ""
    user: SlackUser = SlackUser()
    actions: tuple[SlackPress, ...] = ()
    response_url: str = ""
    trigger_id: str = ""
    """What a form may be opened with, for three seconds."""
    view: SlackView = SlackView()


async def checked_form(request: Request) -> dict[str, str]:
    """The fields of a form that Slack signed and that was not used before. Raises Forged, or
    NotFound when Slack's secret is not configured."""
    door = doors(request)
    secret = await asyncio.to_thread(door.slack_secret)
    if not secret:
        raise NotFound("Slack is not listened to; set answers.slack_signing_secret in tocsin.yaml")
    await keep_body(request, limit_seconds=_BODY_SECONDS)
    body = await request.body()
    signature = request.headers.get("x-slack-signature", "")
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    check_slack(secret, timestamp, signature, body, services(request).clock.now())
    if not door.slack_seen.is_first(signature):
        raise Forged("this request was taken already")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except (UnicodeDecodeError, ValueError) as error:
        raise Rejected("the body is not the form that Slack sends") from error
    return {name: values[0] for name, values in fields.items()}


async def _actions(request: Request) -> Response:
    """Do what the pressed button says, in the name of whoever pressed it."""
    try:
        form = await checked_form(request)
    except Forged as error:
        return problem(request, 401, str(error))
    try:
        payload = msgspec.json.decode(form.get("payload", ""), type=SlackPayload)
    except msgspec.DecodeError as error:
        raise Rejected("the field payload is not the JSON that Slack sends") from error
    if payload.type == "view_submission":
        return await _submitted(request, payload)
    for press in payload.actions:
        await _pressed(request, payload, press)
    return Response(status_code=200)


async def _submitted(request: Request, payload: SlackPayload) -> Response:
    """A fault is shown in the form, whose author keeps what was written."""
    words = ""
    try:
        async with asyncio.timeout(_ACT_SECONDS):
            author = await author_in_slack(request, payload.user.id, payload.user.shown)
            await submitted(request, payload.view, author)
    except Fault as error:
        words = f"Not done: {error}."
    except TimeoutError:
        words = "Not done: Tocsin is busy. Send it again in a moment."
    if not words:
        return Response(status_code=200)
    block = next(iter(payload.view.state.values), "text")
    body = {"response_action": "errors", "errors": {block: words}}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _pressed(request: Request, payload: SlackPayload, press: SlackPress) -> None:
    """Faults are told to whoever pressed: Slack shows nothing of an HTTP status."""
    try:
        async with asyncio.timeout(_ACT_SECONDS):
            words = await _of_incident(request, payload, press)
            if words is None:
                words = await _done(request, payload.user, press)
    except Fault as error:
        words = f"Not done: {error}."
    except TimeoutError:
        words = "Not done: Tocsin is busy. Press again in a moment."
    if words and payload.response_url:
        await doors(request).reply(payload.response_url, words)


async def _of_incident(request: Request, payload: SlackPayload, press: SlackPress) -> str | None:
    """What a button of an incident's message does; None for other buttons."""
    if not press.action_id.startswith(PREFIX):
        return None
    author = await author_in_slack(request, payload.user.id, payload.user.shown)
    return await pressed(request, press.action_id, press.value, payload.trigger_id, author)


async def _done(request: Request, user: SlackUser, press: SlackPress) -> str:
    """What is to be told to the one person who pressed; the message itself tells the others."""
    person = await person_in_slack(request, user.id)
    door, who = doors(request), Who(person or user.shown, "slack")
    alerts = door.answers.firing(press.value)
    detail = {"via": "slack", "slack_user": user.id}
    name = f"slack:{who.name}"
    match press.action_id:
        case _ if press.action_id == ACKNOWLEDGE:
            if not await door.answers.acknowledge(alerts, who):
                return "Somebody has acknowledged all of it already."
            await recorded(request, name, "alert_acknowledged", alerts, detail)
        case _ if press.action_id == GIVE_BACK:
            await door.answers.give_back(alerts, who)
            await recorded(request, name, "acknowledgement_cleared", alerts, detail)
        case _ if press.action_id == SILENCE:
            comment = "Silenced in Slack"
            silence = await door.answers.silence(alerts, who, _SILENCE_SECONDS, comment)
            door.say(press.value, f"{who.name} silenced this for an hour.")
            await recorded(request, name, "silence_set", alerts, {**detail, "silence": silence.id})
        case _ if press.action_id == RESOLVE:
            await door.answers.resolve(alerts)
            door.say(press.value, f"{who.name} marked this as resolved.")
            await recorded(request, name, "alert_resolved", alerts, detail)
    return ""


ADDRESSES: Addresses = (post("/api/integrations/slack/actions", _actions, Access.PUBLIC),)
