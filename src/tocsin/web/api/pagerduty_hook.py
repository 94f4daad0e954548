"""PagerDuty's webhooks, version 3: `/api/integrations/pagerduty`. Who acknowledges there, has
acknowledged here.

https://developer.pagerduty.com/docs/webhooks-overview
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.deciding.answers import Who
from tocsin.kit.fault import NotFound, Rejected, Temporary
from tocsin.model.alerts import Alert
from tocsin.web.answer_doors import doors, recorded
from tocsin.web.api.alertmanager_json import moment_ms
from tocsin.web.csrf import keep_body
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.webhook_signatures import Forged, check_pagerduty

_TAKEN = "incident.acknowledged"
_GIVEN_BACK = ("incident.unacknowledged", "incident.resolved", "incident.delegated")
_SKEW_MS = 300_000
"""How far PagerDuty's clock and ours may be apart."""


class HookAgent(msgspec.Struct, frozen=True):
    """Who did it."""

    summary: str = ""
    id: str = ""


class HookIncident(msgspec.Struct, frozen=True):
    """The incident; its key is the one that our events carried."""

    incident_key: str | None = None
    html_url: str = ""


class HookEvent(msgspec.Struct, frozen=True):
    """What happened."""

    id: str = ""
    event_type: str = ""
    occurred_at: str = ""
    agent: HookAgent | None = None
    data: HookIncident = HookIncident()


class HookBody(msgspec.Struct, frozen=True):
    """One delivery."""

    event: HookEvent


class HookAnswer(msgspec.Struct, frozen=True):
    """What came of it, for whoever reads PagerDuty's log of deliveries."""

    status: str
    why: str = ""


async def _hook(request: Request) -> Response:
    """Take an event; what does not concern us is answered with 200 too, or PagerDuty would disable
    the subscription."""
    door = doors(request)
    secrets = await asyncio.to_thread(door.pagerduty_secrets)
    if not secrets:
        raise NotFound("PagerDuty is not listened to; set answers.pagerduty_secret in tocsin.yaml")
    await keep_body(request)
    body = await request.body()
    try:
        check_pagerduty(secrets, request.headers.get("x-pagerduty-signature", ""), body)
    except Forged as error:
        return problem(request, 401, str(error))
    try:
        event = msgspec.json.decode(body, type=HookBody).event
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not an event of PagerDuty's version 3: {error}") from error
    why = await _taken(request, event)
    answer = HookAnswer("ignored", why) if why else HookAnswer("done")
    return Response(msgspec.json.encode(answer), media_type="application/json")


async def _taken(request: Request, event: HookEvent) -> str:
    """Do it; why not, when there is nothing to be done."""
    door, group = doors(request), event.data.incident_key or ""
    if event.event_type != _TAKEN and event.event_type not in _GIVEN_BACK:
        return "events of this type change nothing here"
    opened = door.opened_ms(group)
    if not opened:
        return "no message that Tocsin sent and that is open has this incident_key"
    # The signature holds no time: a recorded delivery could be sent again at the next incident.
    if moment_ms(event.occurred_at, "occurred_at") < opened - _SKEW_MS:
        return "it happened before this incident began"
    alerts = door.answers.firing(group)
    if not alerts:
        return "none of its alerts fires any more"
    name = event.id or event.occurred_at
    if not door.pagerduty_seen.is_first(name):
        return "it was taken already"
    try:
        return await _applied(request, event, alerts)
    except Temporary:
        door.pagerduty_seen.forget(name)  # PagerDuty sends it again
        raise


async def _applied(request: Request, event: HookEvent, alerts: Sequence[Alert]) -> str:
    answers, agent = doors(request).answers, event.agent or HookAgent()
    who = Who(agent.summary or "PagerDuty", "pagerduty")
    detail = {"via": "pagerduty", "event": event.event_type, "agent": agent.id}
    if event.event_type == _TAKEN:
        what, why_not = "alert_acknowledged", "somebody has acknowledged it already"
        count = await answers.acknowledge(alerts, who)
    else:
        what, why_not = "acknowledgement_cleared", "nobody has acknowledged it"
        count = await answers.give_back(alerts, who)
    if not count:
        return why_not
    await recorded(request, f"pagerduty:{who.name}", what, alerts, detail)
    return ""


ADDRESSES: Addresses = (post("/api/integrations/pagerduty", _hook, Access.PUBLIC),)
