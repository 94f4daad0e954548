"""The JSON API of what was told to whom, of sending it again, and of test messages."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.delivering.channel_notes import CanaryNote
from tocsin.alert.delivering.history import STATES, TROUBLED, Attempt, Record, Wanted
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.notices import NoticeAlert
from tocsin.web.api.prometheus_params import parse_time
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_MOST = 1000
_LARGEST_ID = (1 << 31) - 1
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


class ShownNotification(msgspec.Struct, frozen=True, kw_only=True):
    """One message in a list; times in milliseconds."""

    id: int
    at: int
    receiver: str
    integration: str
    state: str
    summary: str
    group_key: str
    why: str
    fallback_of: str
    attempts: int
    took_ms: int
    error: str
    answer: str


class NotificationList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first. `next` is what `before` must be for the page after, 0 when there is none.
    `failing` are channels that keep failing, with the time since when."""

    notifications: list[ShownNotification]
    next: int
    failing: dict[str, int]
    waiting: dict[str, int]
    """How many messages wait for each channel's digest."""


class WholeNotification(msgspec.Struct, frozen=True, kw_only=True):
    """One message with everything that is known of it."""

    id: int
    at: int
    receiver: str
    integration: str
    state: str
    summary: str
    route: str
    group_key: str
    group_labels: dict[str, str]
    why: str
    fallback_of: str
    resent_of: int
    by: str
    body: str
    attempts: tuple[Attempt, ...]
    attempt_count: int
    alert_count: int
    alerts: list[NoticeAlert]


class Resent(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the message arrived this time."""

    delivered: bool


def wanted(params: Mapping[str, str], now_ms: int) -> Wanted:
    """What the query string asks for; raises Rejected with what it should be."""
    states = [one for one in params.get("state", "").split(",") if one]
    chosen = tuple(dict.fromkeys(s for one in states for s in _states(one)))
    alert = params.get("alert", "").strip()
    is_print = _FINGERPRINT.fullmatch(alert) is not None
    return Wanted(
        receiver=params.get("receiver", ""),
        states=chosen,
        fingerprint=alert if is_print else "",
        name="" if is_print else alert,
        since_ms=_time(params.get("since", ""), now_ms),
        until_ms=_time(params.get("until", ""), now_ms),
        before_id=_number(params.get("before", "") or "0", "before"),
        limit=max(1, min(_number(params.get("limit", "") or "100", "limit"), _MOST)),
    )


def _states(word: str) -> tuple[str, ...]:
    if word == "troubled":
        return TROUBLED
    if word not in STATES:
        raise Rejected(f"there is no state {word[:40]!r}; known: {', '.join(STATES)}, troubled")
    return (word,)


def _time(text: str, now_ms: int) -> int:
    """A moment, or a duration before now."""
    if not text:
        return 0
    if text[-1].isalpha() and text[0].isdigit() and "T" not in text:
        return now_ms - Duration.from_config(text).ms
    return parse_time(text)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise Rejected(f"{name} must be a whole number, got {text[:40]!r}")
    return min(int(text), _LARGEST_ID)


async def _list(request: Request) -> Response:
    """What was told to whom, the newest first."""
    given = services(request)
    asked = wanted(request.query_params, given.clock.now_ms())
    found = await given.desk.history.find(asked)
    waiting: dict[str, int] = {}
    for one in given.desk.caps.waiting:
        waiting[str(one.channel)] = waiting.get(str(one.channel), 0) + one.count
    return _json(
        NotificationList(
            notifications=[shown(record) for record in found],
            next=found[-1].id if len(found) == asked.limit else 0,
            failing={str(ch): since for ch, since in given.desk.alarms.failing.items()},
            waiting=waiting,
        )
    )


def shown(record: Record) -> ShownNotification:
    """A record in a list."""
    return ShownNotification(
        id=record.id,
        at=record.at_ms,
        receiver=record.receiver,
        integration=record.integration,
        state=record.state,
        summary=record.summary,
        group_key=record.group_key,
        why=record.why,
        fallback_of=record.fallback_of,
        attempts=record.attempt_count,
        took_ms=record.took_ms,
        error=record.error,
        answer=record.answer[:300],
    )


async def _one(request: Request) -> Response:
    """One message: what was sent, every attempt, what was answered."""
    record = await services(request).desk.history.get(record_id(request))
    return _json(
        WholeNotification(
            id=record.id,
            at=record.at_ms,
            receiver=record.receiver,
            integration=record.integration,
            state=record.state,
            summary=record.summary,
            route=record.route,
            group_key=record.group_key,
            group_labels=dict(record.notice.group_labels),
            why=record.why,
            fallback_of=record.fallback_of,
            resent_of=record.resent_of,
            by=record.by,
            body=record.body,
            attempts=record.attempts,
            attempt_count=record.attempt_count,
            alert_count=record.alert_count,
            alerts=list(record.notice.alerts),
        )
    )


async def _resend(request: Request) -> Response:
    """Send a recorded message again; it is recorded with who asked for it."""
    return _json(Resent(delivered=await resend(request)))


async def resend(request: Request) -> bool:
    """Send the message that the path names again; whether it arrived."""
    number, who = record_id(request), identity(request).name
    await _audit(request, "notification_resent", str(number))
    return await services(request).desk.resend(number, who)


def record_id(request: Request) -> int:
    """The id in the path; raises NotFound for one that cannot be."""
    found = int(request.path_params["id"])
    if found > _LARGEST_ID:
        raise NotFound(f"there is no message {found}")
    return found


async def _canaries(request: Request) -> Response:
    """The latest test message of each channel."""
    return _json(services(request).canaries.all)


async def _acknowledge(request: Request) -> Response:
    """A test message arrived."""
    return _json(await acknowledge(request))


async def acknowledge(request: Request) -> CanaryNote:
    """Note that the test message which the path names arrived; raises NotFound."""
    canary_id, who = str(request.path_params["id"]), identity(request).name
    note = await services(request).canaries.acknowledge(canary_id, who)
    await _audit(request, "canary_acknowledged", str(note.channel))
    return note


async def _audit(request: Request, what: str, target: str) -> None:
    ip = request.client.host if request.client else ""
    await people(request).audit.record(identity(request).name, what, target, ip=ip)


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value),
        200,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


_READ, _RESPOND, _ADMIN, _POST = Access.READ, Access.RESPOND, Access.ADMIN, ("POST",)

ADDRESSES: Addresses = (
    Address("/api/notifications", _list, _READ, answer=NotificationList),
    Address("/api/notifications/{id:int}", _one, _READ, answer=WholeNotification),
    Address("/api/notifications/{id:int}/resend", _resend, _ADMIN, _POST, None, Resent),
    Address("/api/canaries", _canaries, _READ, answer=list[CanaryNote]),
    Address("/api/canaries/{id}/acknowledge", _acknowledge, _RESPOND, _POST, None, CanaryNote),
)
