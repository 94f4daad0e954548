"""Who would be told of what? The routing tree, and what becomes of an alert that is not there."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound, Rejected
from tocsin.web.csrf import keep_body
from tocsin.web.route_trial import (
    NO_ROUTES,
    RoutesAnswer,
    RouteTrial,
    RouteTrialAnswer,
    routes_of,
    tried,
)
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


async def _routes(request: Request) -> Response:
    """The routing tree in force, that of `severities` included, and how many alerts take it now."""
    given = services(request)
    found = routes_of(given.alerts, given.clock.now_ms())
    if found is None:
        raise NotFound(NO_ROUTES)
    return _json(found)


async def _test(request: Request) -> Response:
    """Who would be told of an alert, when and why: the messages to come. Nothing is sent."""
    await keep_body(request)
    try:
        asked = msgspec.json.decode(await request.body(), type=RouteTrial)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    return _json(await tried(services(request), asked))


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


ADDRESSES: Addresses = (
    Address("/api/routes", _routes, Access.READ, ("GET",), None, RoutesAnswer),
    Address("/api/routes/test", _test, Access.READ, ("POST",), RouteTrial, RouteTrialAnswer),
)
