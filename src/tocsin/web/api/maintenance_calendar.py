"""Maintenance windows as a calendar: to subscribe to, and from other people's calendars."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.window import Schedule, Window
from tocsin.kit.fault import Rejected
from tocsin.web.api.maintenance import WindowShown, answer_json, record, shown_window
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_FEED = "maintenance_feed_token"


class Imported(msgspec.Struct, frozen=True):
    """What a calendar came to; `over` events were left out because they are in the past."""

    windows: list[WindowShown]
    over: int


class FeedShown(msgspec.Struct, frozen=True):
    """The address that calendar programs subscribe to; whoever knows it can read it."""

    url: str


def _read(data: bytes, who: str, time_zone: str, matchers: str) -> list[Window]:
    # Imported here: what reads calendars is a twentieth of the time that Tocsin takes to start.
    from tocsin.alert.attention import ical

    return ical.read(data, created_by=who, default_zone=time_zone or "UTC", matchers=matchers)


def _as_calendar(windows: list[Window], now_ms: int, host: str) -> bytes:
    from tocsin.alert.attention import ical

    return ical.export(windows, now_ms=now_ms, host=host)


async def import_windows(
    request: Request, data: bytes, *, time_zone: str, matchers: str
) -> tuple[list[Window], int]:
    """Keep the windows of a calendar, instead of those that came from its events before; also how
    many were over already. Raises Rejected with the event and the remedy."""
    used, who = services(request), identity(request).name
    now = used.clock.now_ms()
    found = await asyncio.to_thread(_read, data, who, time_zone, matchers)
    ahead = [one for one in found if Schedule(one).state(now) != "expired"]
    if not ahead:
        raise Rejected(f"all {len(found)} events of this calendar are over")
    kept = await used.maintenance.import_all(ahead)
    for window in kept:
        await record(request, "maintenance_imported", window)
    return kept, len(found) - len(ahead)


async def feed_url(request: Request, *, renew: bool = False) -> str:
    """The address to subscribe to; a new one makes the old one useless."""
    used = services(request)
    token = await used.settings.get(_FEED, str, "")
    if renew or not token:
        token = secrets.token_urlsafe(32)
        await used.settings.set(_FEED, token, by=identity(request).name)
    root = used.config.external_url or str(request.base_url)
    return f"{root.rstrip('/')}/api/maintenance.ics?token={quote(token, safe='')}"


async def _import(request: Request) -> Response:
    """Windows from a calendar (text/calendar); an event imported before is replaced."""
    await keep_body(request)
    query, used = request.query_params, services(request)
    windows, over = await import_windows(
        request,
        await request.body(),
        time_zone=query.get("time_zone", ""),
        matchers=query.get("matchers", ""),
    )
    now = used.clock.now_ms()
    return answer_json(
        Imported([shown_window(used.maintenance.get(one.id), now) for one in windows], over), 201
    )


async def _export(request: Request) -> Response:
    """All windows as a calendar (RFC 5545); calendar programs use the subscription's `token`."""
    used = services(request)
    if not identity(request).allows(Access.READ) and not await _holds_token(request):
        return problem(
            request,
            401,
            "this calendar needs its subscription's token, a key with the scope 'read' or a "
            "login; the page Silences shows the address to subscribe to",
        )
    now = used.clock.now_ms()
    windows = [one.window for one in used.maintenance.all()]
    host = urlsplit(used.config.external_url).hostname or "tocsin"
    body = await asyncio.to_thread(_as_calendar, windows, now, host)
    headers = {"Cache-Control": "no-store"}
    return Response(body, 200, headers, media_type="text/calendar; charset=utf-8")


async def _holds_token(request: Request) -> bool:
    given = request.query_params.get("token", "")
    token = await services(request).settings.get(_FEED, str, "")
    return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


async def _feed(request: Request) -> Response:
    """A new address to subscribe to; the one before is useless from then on."""
    return answer_json(FeedShown(await feed_url(request, renew=True)))


ADDRESSES: Addresses = (
    Address("/api/maintenance.ics", _export, Access.PUBLIC),
    Address("/api/maintenance/feed", _feed, Access.RESPOND, ("POST",), None, FeedShown),
    Address("/api/maintenance/import", _import, Access.RESPOND, ("POST",), None, Imported),
)
