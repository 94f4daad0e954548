"""Maintenance windows over the API: made, changed, ended; and what conditions would hide."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.every import in_words
from tocsin.alert.attention.maintenance_config import MaintenanceConfig, moment_ms
from tocsin.alert.attention.window import Schedule, Window
from tocsin.alert.routing.matchers import matcher_text
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.notices import fingerprint
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.preview import matchers_of, preview
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

T = TypeVar("T")

_LISTED = 100


class WindowBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A window: either `every` in words (`MON 02:00-04:00 Europe/Berlin`), or `start` (now without
    one) with `end` or `duration`, and perhaps a `rule` (RFC 5545) by the clocks of `time_zone`."""

    name: str
    matchers: list[str]
    every: str = ""
    start: str = ""
    end: str = ""
    duration: str = ""
    rule: str = ""
    time_zone: str = "UTC"
    comment: str = ""


class SpanShown(msgspec.Struct, frozen=True):
    """One time that a window is open."""

    start: str
    end: str


class WindowShown(msgspec.Struct, frozen=True, kw_only=True):
    """A window; `next` is the time that is open now or comes next, null when none does."""

    id: str
    name: str
    matchers: list[str]
    state: str
    start: str
    end: str
    rule: str
    words: str
    time_zone: str
    comment: str
    created_by: str
    source: str
    next: SpanShown | None


class PreviewShown(msgspec.Struct, frozen=True):
    """What such conditions would hide: alerts that fire now, by fingerprint, and how many alerts
    of rules fired in the last week; null when that could not be said quickly."""

    matchers: list[str]
    now: int
    week: int | None
    alerts: dict[str, dict[str, str]]


def shown_window(schedule: Schedule, now_ms: int) -> WindowShown:
    """As the API tells it."""
    window = schedule.window
    current = schedule.between(now_ms, now_ms + 1)
    ahead = current[0] if current else schedule.following(now_ms)
    return WindowShown(
        id=window.id,
        name=window.name,
        matchers=[matcher_text(one) for one in window.conditions],
        state=schedule.state(now_ms),
        start=iso(window.starts_ms),
        end=iso(window.ends_ms),
        rule=window.rule,
        words=words_of(window),
        time_zone=window.time_zone,
        comment=window.comment,
        created_by=window.created_by,
        source=window.source,
        next=SpanShown(iso(ahead.starts_ms), iso(ahead.ends_ms)) if ahead else None,
    )


def words_of(window: Window) -> str:
    """How it recurs, as people say it; "once" when it does not."""
    if not window.rule:
        return "once"
    return in_words(window.rule, window.starts_ms, window.ends_ms, window.time_zone)


def window_from(body: WindowBody, now_ms: int, *, by: str, source: str) -> Window:
    """The window that somebody asks for; raises Rejected when it makes no sense."""
    start, end = body.start, body.end
    if not body.every:
        start = start or iso(now_ms)
        if body.duration and not end:
            begins = moment_ms(start, body.time_zone)
            end = iso(begins + Duration.from_config(body.duration.strip()).ms)
        if not end:
            raise Rejected("say when it ends: end or duration, or every for a recurring one")
    config = MaintenanceConfig(
        name=body.name.strip(),
        matchers=tuple(body.matchers),
        every=body.every,
        start=start,
        end=end,
        rule=body.rule.strip().removeprefix("RRULE:"),
        time_zone=body.time_zone or "UTC",
        comment=body.comment.strip(),
    )
    return msgspec.structs.replace(config.window(now_ms), id="", created_by=by, source=source)


async def put_window(request: Request, window: Window, *, what: str = "maintenance_set") -> Window:
    """Keep it, and write it into the audit trail."""
    kept = await services(request).maintenance.put(window)
    await record(request, what, kept)
    return kept


async def record(request: Request, what: str, window: Window) -> None:
    """Into the audit trail."""
    ip = request.client.host if request.client else ""
    detail = {"matchers": window.words[:500], "name": window.name, "when": words_of(window)}
    await people(request).audit.record(
        identity(request).name, what, window.id, detail=detail, ip=ip
    )


async def _list(request: Request) -> Response:
    """Every window: open ones first, then those to come, then past ones."""
    used = services(request)
    now = used.clock.now_ms()
    return answer_json([shown_window(one, now) for one in used.maintenance.all()])


async def _get(request: Request) -> Response:
    """One window."""
    used = services(request)
    return answer_json(shown_window(used.maintenance.get(_id(request)), used.clock.now_ms()))


async def _post(request: Request) -> Response:
    """Make a window."""
    now = services(request).clock.now_ms()
    window = window_from(
        await _body(request, WindowBody), now, by=identity(request).name, source="api"
    )
    return await _answer(request, await put_window(request, window), 201)


async def _put(request: Request) -> Response:
    """Replace a window."""
    used = services(request)
    old = used.maintenance.get(_id(request)).window
    body = await _body(request, WindowBody)
    fresh = window_from(body, used.clock.now_ms(), by=identity(request).name, source="api")
    return await _answer(
        request, await put_window(request, msgspec.structs.replace(fresh, id=old.id))
    )


async def _delete(request: Request) -> Response:
    """Remove a window for good."""
    window = await services(request).maintenance.remove(_id(request))
    await record(request, "maintenance_removed", window)
    return Response(status_code=204)


async def _end(request: Request) -> Response:
    """End what is open now; a recurring window comes again at its next time."""
    window = await services(request).maintenance.end_now(_id(request))
    await record(request, "maintenance_ended", window)
    return await _answer(request, window)


async def _preview(request: Request) -> Response:
    """What a silence or window of these conditions (`filter`, repeatable) would hide."""
    found = await preview(request, matchers_of(request.query_params.getlist("filter")))
    return answer_json(
        PreviewShown(
            [matcher_text(one) for one in found.matchers],
            len(found.now),
            found.week,
            {fingerprint(one.alert.labels): dict(one.alert.labels) for one in found.now[:_LISTED]},
        )
    )


async def _answer(request: Request, window: Window, status: int = 200) -> Response:
    used = services(request)
    return answer_json(shown_window(used.maintenance.get(window.id), used.clock.now_ms()), status)


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _body(request: Request, kind: type[T]) -> T:
    await keep_body(request)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


def answer_json(value: object, status: int = 200) -> Response:
    """JSON that nobody keeps."""
    body = msgspec.json.encode(value)
    return Response(body, status, {"Cache-Control": "no-store"}, media_type="application/json")


_READ, _RESPOND = Access.READ, Access.RESPOND
_ALL, _ONE = "/api/maintenance", "/api/maintenance/{id}"

ADDRESSES: Addresses = (
    Address("/api/silences/preview", _preview, _READ, answer=PreviewShown),
    Address(_ALL, _list, _READ, answer=list[WindowShown]),
    Address(_ALL, _post, _RESPOND, ("POST",), WindowBody, WindowShown),
    Address(_ONE, _get, _READ, answer=WindowShown),
    Address(_ONE, _put, _RESPOND, ("PUT",), WindowBody, WindowShown),
    Address(_ONE, _delete, _RESPOND, ("DELETE",)),
    Address(f"{_ONE}/end", _end, _RESPOND, ("POST",), None, WindowShown),
)
