"""What was told to whom, and what did not arrive? The page Notifications."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.delivering.desk import Desk
from tocsin.alert.delivering.history import STATES, TROUBLED, Record
from tocsin.kit.fault import Fault
from tocsin.model.labels import Labels, get
from tocsin.web.api.notifications import acknowledge, record_id, resend, wanted
from tocsin.web.pages.render import answer_action, page
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.routing import get as address
from tocsin.web.services import services

_PAGE = 50
_ALERTS_SHOWN = 100
_TONES = {
    "sent": "ok",
    "failed": "critical",
    "retrying": "warning",
    "sending": "info",
    "unknown": "warning",
    "capped": "silenced",
    "digested": "silenced",
}
_WORDS = {
    "sent": "Sent",
    "failed": "Failed",
    "retrying": "Retrying",
    "sending": "Sending",
    "unknown": "Unknown",
    "capped": "Waits for a digest",
    "digested": "In a digest",
}
_REMEDIES = (
    (
        ("status 401", "status 403", "invalid_auth", "token_revoked", "535", "invalid_token"),
        "The service refuses the key or password. Make a new one there and put it into the "
        "configuration; a secret's file is read again at each message.",
    ),
    (
        ("status 404", "status 410", "no_service", "channel_not_found", "no_team"),
        "The address, channel or webhook is not there any more. Make a new one at the service.",
    ),
    (
        ("status 429", "rate"),
        "The service limits how much it takes. Group more, or set alerting.caps for the receiver.",
    ),
    (
        ("certificate", "ssl", "tls"),
        "The encrypted connection cannot be made. Look at tls_config and the machine's clock.",
    ),
    (
        ("no answer", "no complete answer", "timed out", "timeout"),
        "The service does not answer in time. Look whether this machine reaches it: a firewall, a "
        "proxy, or an outage there.",
    ),
    (
        ("refused", "cannot connect", "connect call failed", "name or service", "resolve"),
        "Nothing answers at that address. Look at the address, and at the network of this machine.",
    ),
    (("template",), "A template fails. Try it with tocsin check alertmanager."),
    (("status 5",), "The service has trouble of its own. Tocsin keeps trying."),
    (("status 400", "refuses"), "The service does not accept the message. What was sent is below."),
    (("interrupted",), "It was told again afterwards; see the next message to this channel."),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One message in the list."""

    record: Record
    tone: str
    word: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A channel that keeps failing; `since_s` in seconds since the epoch."""

    channel: str
    since_s: float
    error: str
    remedy: str


@dataclass(frozen=True, slots=True)
class NotificationsView:
    """The page; `next_id` is 0 on the last one."""

    rows: Sequence[Row]
    troubles: Sequence[Trouble]
    waiting: Sequence[tuple[str, int, float]]
    receivers: Sequence[str]
    next_id: int
    is_asked: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Told:
    """An alert of a message."""

    name: str
    state: str
    labels: Labels
    summary: str
    fingerprint: str
    since_s: float


def remedy(error: str) -> str:
    """What a person may do about it; empty when nothing is known."""
    text = error.lower()
    return next((words for signs, words in _REMEDIES if any(one in text for one in signs)), "")


def row(record: Record) -> Row:
    """The record as a person reads it."""
    helps = remedy(record.error) if record.state in TROUBLED else ""
    return Row(record, _TONES.get(record.state, "unknown"), _WORDS.get(record.state, "?"), helps)


def troubles(desk: Desk) -> list[Trouble]:
    """The channels that keep failing, the longest first."""
    found = []
    for channel, since_ms in desk.alarms.failing.items():
        one = desk.integrations.get(channel)
        error = one.failure.error if one else "it is not in the configuration any more"
        found.append(Trouble(str(channel), since_ms / 1000, error, remedy(error)))
    return sorted(found, key=lambda one: one.since_s)


def _waiting(desk: Desk) -> list[tuple[str, int, float]]:
    found: dict[str, tuple[int, int]] = {}
    for one in desk.caps.waiting:
        count, room_ms = found.get(str(one.channel), (0, 0))
        room_ms = room_ms or desk.caps.room_ms(one.channel, one.since_ms)
        found[str(one.channel)] = (count + one.count, room_ms)
    return [(channel, count, room / 1000) for channel, (count, room) in found.items()]


async def _notifications(request: Request) -> Response:
    given = services(request)
    desk, problem, records = given.desk, "", []
    params = {**request.query_params, "limit": str(_PAGE)}
    try:
        records = await desk.history.find(wanted(params, given.clock.now_ms()))
    except Fault as fault:
        problem = str(fault)
    view = NotificationsView(
        rows=[row(record) for record in records],
        troubles=troubles(desk),
        waiting=_waiting(desk),
        receivers=sorted({channel.receiver for channel in desk.integrations}),
        next_id=records[-1].id if len(records) == _PAGE else 0,
        is_asked=any(params.get(key) for key in ("receiver", "state", "alert", "since", "before")),
        problem=problem,
    )
    return page(request, "pages/notifications.html", view=view, states=STATES, words=_WORDS)


async def _one(request: Request) -> Response:
    record = await services(request).desk.history.get(record_id(request))
    alerts = [
        Told(
            name=get(alert.labels, "alertname") or alert.fingerprint,
            state=alert.status,
            labels=tuple(pair for pair in alert.labels if pair[0] != "alertname"),
            summary=get(alert.annotations, "summary"),
            fingerprint=alert.fingerprint,
            since_s=(alert.ends_ms or alert.starts_ms) / 1000,
        )
        for alert in record.notice.alerts[:_ALERTS_SHOWN]
    ]
    return page(
        request,
        "pages/notification.html",
        one=row(record),
        record=record,
        body=_readable(record.body),
        alerts=alerts,
        more=record.alert_count - len(alerts),
    )


def _readable(body: str) -> str:
    """JSON with line breaks and indents; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


async def _resend(request: Request) -> Response:
    number = record_id(request)
    try:
        arrived = await resend(request)
    except Fault as fault:
        return answer_action(request, str(fault), f"/notifications/{number}", state="critical")
    words = "Sent again; it arrived" if arrived else "Sent again; it did not arrive"
    return answer_action(
        request, words, "/notifications", state="ok" if arrived else "critical", refresh=True
    )


async def _canary(request: Request) -> Response:
    note = services(request).canaries.get(str(request.path_params["id"]))
    return page(request, "pages/canary.html", note=note)


async def _acknowledge(request: Request) -> Response:
    await acknowledge(request)
    back = f"/notifications/canaries/{request.path_params['id']}"
    return answer_action(request, "Noted: the test message arrived", back)


ADDRESSES: Addresses = (
    address("/notifications", _notifications, Access.READ),
    address("/notifications/{id:int}", _one, Access.READ),
    post("/notifications/{id:int}/resend", _resend, Access.ADMIN),
    address("/notifications/canaries/{id}", _canary, Access.READ),
    post("/notifications/canaries/{id}/acknowledge", _acknowledge, Access.RESPOND),
)
