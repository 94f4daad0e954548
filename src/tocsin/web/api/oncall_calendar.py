"""Schedules as calendars to subscribe to, each by a secret address that can be revoked."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound, Rejected
from tocsin.web.api.maintenance import answer_json
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.oncall_acts import record
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_KINDS = ("schedules", "people")


class FeedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what: a schedule or a person."""

    schedule: str = ""
    person: str = ""


class FeedShown(msgspec.Struct, frozen=True):
    """The address that calendar programs subscribe to; whoever knows it can read it."""

    url: str


def _setting(kind: str, name: str) -> str:
    return f"oncall_feed/{kind}/{name}"


async def feed_url(request: Request, kind: str, name: str, *, renew: bool = False) -> str:
    """The address of a schedule ("schedules") or a person ("people"); a new one makes the old one
    useless. Raises NotFound."""
    used = services(request)
    _need(request, kind, name)
    token = await used.settings.get(_setting(kind, name), str, "")
    if renew or not token:
        token = secrets.token_urlsafe(32)
        await used.settings.set(_setting(kind, name), token, by=identity(request).name)
        await record(request, "oncall_feed_made", f"{kind}/{name}", {})
    root = used.config.external_url or str(request.base_url)
    path = f"/api/oncall/{kind}/{quote(name, safe='')}.ics"
    return f"{root.rstrip('/')}{path}?token={quote(token, safe='')}"


async def revoke_feed(request: Request, kind: str, name: str) -> None:
    """Whoever subscribed is shut out. Raises NotFound."""
    _need(request, kind, name)
    await services(request).settings.set(_setting(kind, name), "", by=identity(request).name)
    await record(request, "oncall_feed_revoked", f"{kind}/{name}", {})


def _need(request: Request, kind: str, name: str) -> None:
    roster = services(request).oncall.rota.roster
    if kind not in _KINDS or name not in (
        roster.schedules if kind == "schedules" else roster.people
    ):
        raise NotFound(f"there is no calendar of {name[:100]!r} among the {kind[:20]} of oncall")


async def _schedule(request: Request) -> Response:
    """A schedule as a calendar (RFC 5545); calendar programs use the subscription's `token`."""
    from tocsin.oncall.feed import schedule_feed  # what writes calendars is slow to load

    return await _calendar(request, "schedules", schedule_feed)


async def _person(request: Request) -> Response:
    """When a person is on call, as a calendar; calendar programs use the subscription's `token`."""
    from tocsin.oncall.feed import person_feed  # as above

    return await _calendar(request, "people", person_feed)


async def _calendar(request: Request, kind: str, make: Callable[..., bytes]) -> Response:
    used, name = services(request), str(request.path_params["name"])
    if not identity(request).allows(Access.READ) and not await _holds_token(request, kind, name):
        return problem(
            request,
            401,
            "this calendar needs its subscription's token, a key with the scope 'read' or a "
            "login; the page On call shows the address to subscribe to",
        )
    _need(request, kind, name)
    host = urlsplit(used.config.external_url).hostname or "tocsin"
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    body = await asyncio.to_thread(make, roster, name, now_ms=now, host=host)
    headers = {"Cache-Control": "no-store"}
    return Response(body, 200, headers, media_type="text/calendar; charset=utf-8")


async def _holds_token(request: Request, kind: str, name: str) -> bool:
    given = request.query_params.get("token", "")
    token = await services(request).settings.get(_setting(kind, name[:150]), str, "")
    return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


async def _feed(request: Request) -> Response:
    """A new address to subscribe to; the one before is useless from then on."""
    kind, name = await _asked(request)
    return answer_json(FeedShown(await feed_url(request, kind, name, renew=True)), 201)


async def _revoke(request: Request) -> Response:
    """Shut out whoever subscribed."""
    await revoke_feed(request, *await _asked(request))
    return Response(status_code=204)


async def _asked(request: Request) -> tuple[str, str]:
    await keep_body(request)
    try:
        body = msgspec.json.decode(await request.body(), type=FeedBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    if bool(body.schedule) == bool(body.person):
        raise Rejected("name either a schedule or a person")
    return ("schedules", body.schedule) if body.schedule else ("people", body.person)


_RESPOND = Access.RESPOND

ADDRESSES: Addresses = (
    Address("/api/oncall/schedules/{name}.ics", _schedule, Access.PUBLIC),
    Address("/api/oncall/people/{name}.ics", _person, Access.PUBLIC),
    Address("/api/oncall/feeds", _feed, _RESPOND, ("POST",), FeedBody, FeedShown),
    Address("/api/oncall/feeds/revoke", _revoke, _RESPOND, ("POST",), FeedBody),
)
