"""Schedules as calendars to subscribe to, each by a secret address that can be revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.web.api.maintenance import answer_json
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.oncall_feeds import feed_url, holds_token, need_feed, revoke_feed
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


class FeedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what: a schedule or a person."""

    schedule: str = ""
    person: str = ""


class FeedShown(msgspec.Struct, frozen=True):
    """The address that calendar programs subscribe to; whoever knows it can read it."""

    url: str


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
    if not identity(request).allows(Access.READ) and not await holds_token(request, kind, name):
        return problem(
            request,
            401,
            "this calendar needs its subscription's token, a key with the scope 'read' or a "
            "login; the page On call shows the address to subscribe to",
        )
    need_feed(request, kind, name)
    host = urlsplit(used.config.external_url).hostname or "tocsin"
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    body = await asyncio.to_thread(make, roster, name, now_ms=now, host=host)
    headers = {"Cache-Control": "no-store"}
    return Response(body, 200, headers, media_type="text/calendar; charset=utf-8")


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
