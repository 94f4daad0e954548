"""Slack's command: `/tocsin status`, `/tocsin ack …`, `/tocsin silence 2h …`.

https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.deciding.answers import Who
from tocsin.alert.routing.matchers import matches_all, parse_matchers
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.alerts import Alert
from tocsin.model.labels import get
from tocsin.notify.slack_status import escaped
from tocsin.web.answer_doors import doors, recorded
from tocsin.web.api.slack_actions import SlackUser, checked_form
from tocsin.web.api.slack_incidents import (
    INCIDENT_HELP,
    author_in_slack,
    incident_command,
    oncall_command,
    person_in_slack,
)
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services
from tocsin.web.webhook_signatures import Forged

_ACT_SECONDS = 2.0
_LISTED = 20
_LONGEST_SILENCE = 30 * 86_400.0
_HELP = (
    "`/tocsin status` what fires\n"
    "`/tocsin ack alertname=DatabaseDown` take on what fires with these labels\n"
    "`/tocsin silence 2h service=api` silence what fires with these labels\n"
    f"{INCIDENT_HELP}"
)


async def _command(request: Request) -> Response:
    """Do what is asked and say so to whoever asked."""
    try:
        form = await checked_form(request)
    except Forged as error:
        return problem(request, 401, str(error))
    if form.get("ssl_check") == "1":
        return Response(status_code=200)
    user = SlackUser(id=form.get("user_id", ""), username=form.get("user_name", ""))
    try:
        async with asyncio.timeout(_ACT_SECONDS):
            words = await _done(request, user, form.get("text", ""))
    except Fault as error:
        words = escaped(f"Not done: {error}.")
    except TimeoutError:
        words = "Not done: Tocsin is busy. Try again in a moment."
    body = msgspec.json.encode({"response_type": "ephemeral", "text": words})
    return Response(body, media_type="application/json")


async def _done(request: Request, user: SlackUser, text: str) -> str:
    verb, _, rest = text.strip().partition(" ")
    match verb.lower():
        case "status":
            return _status(request)
        case "ack" | "acknowledge":
            who = await _who(request, user)
            alerts = _chosen(request, rest)
            count = await doors(request).answers.acknowledge(alerts, who)
            await _recorded(request, user, "alert_acknowledged", alerts)
            return f":eyes: You acknowledged {_count(count)}:\n{_list(request, alerts)}"
        case "silence":
            who = await _who(request, user)
            length, _, matchers = rest.strip().partition(" ")
            seconds = _length(length)
            alerts = _chosen(request, matchers)
            silence = await doors(request).answers.silence(
                alerts, who, seconds, "Silenced in Slack"
            )
            await _recorded(request, user, "silence_set", alerts)
            shown = ", ".join(f"{m.name}{m.op}{m.value}" for m in silence.matchers)
            return f":no_bell: Silenced for {escaped(length)}: {escaped(shown)}"
        case "incident" | "incidents":
            author = await author_in_slack(request, user.id, user.shown)
            return await incident_command(request, rest, author)
        case "oncall" | "on-call":
            return await oncall_command(request)
        case _:
            return _HELP


async def _who(request: Request, user: SlackUser) -> Who:
    return Who(await person_in_slack(request, user.id) or user.shown, "slack")


def _length(text: str) -> float:
    seconds = Duration.from_config(text)
    if not 0 < seconds <= _LONGEST_SILENCE:
        raise Rejected("a silence lasts at most 30 days; write its length first, such as 2h")
    return float(seconds)


def _chosen(request: Request, text: str) -> list[Alert]:
    conditions = parse_matchers(text) if text.strip() else ()
    if not conditions:
        raise Rejected("name the alerts by their labels, such as alertname=DatabaseDown")
    states = services(request).alerts.states()
    return [one.alert for one in states if matches_all(conditions, one.alert.labels)]


def _status(request: Request) -> str:
    alerts = [one.alert for one in services(request).alerts.states() if not one.silenced_by]
    if not alerts:
        return ":white_check_mark: Nothing fires."
    return f"*{_count(len(alerts))} firing*\n{_list(request, alerts)}"


def _list(request: Request, alerts: Sequence[Alert]) -> str:
    used = services(request)
    now = used.clock.now_ms()
    lines = []
    for alert in sorted(alerts, key=lambda one: -one.starts_ms)[:_LISTED]:
        taken = used.acknowledgements.of(alert.fingerprint, now)
        labels = " ".join(f"{k}={v}" for k, v in alert.labels if k != "alertname")
        by = f" · acknowledged by {taken.by}" if taken else ""
        name = get(alert.labels, "alertname")
        lines.append(f"• *{escaped(name)}* {escaped(labels[:200])}{escaped(by)}")
    rest = len(alerts) - len(lines)
    return "\n".join(lines) + (f"\nand {rest} more" if rest else "")


def _count(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


async def _recorded(request: Request, user: SlackUser, what: str, alerts: Sequence[Alert]) -> None:
    detail = {"via": "slack command", "slack_user": user.id}
    await recorded(request, f"slack:{user.shown}", what, alerts, detail)


ADDRESSES: Addresses = (post("/api/integrations/slack/commands", _command, Access.PUBLIC),)
