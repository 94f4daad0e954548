"""Hold a fire drill: the links of the chain, one line each, as they hold or break."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tocsin.alert.trying.drill import Drill, DrillGround, DrillRequest, Link, labels_for
from tocsin.kit.fault import Fault, Rejected
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


class DrillLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the answer: the drill's id, a link, or why there is no more."""

    id: str = ""
    link: Link | None = None
    error: str = ""
    done: bool = False


async def _drill(request: Request) -> Response:
    """Breach a rule on purpose and measure how long each link takes until everybody is told.

    Answers lines of JSON. Who stops reading ends the drill; series, rule and alert go with it.
    """
    await keep_body(request)
    try:
        asked = msgspec.json.decode(await request.body() or b"{}", type=DrillRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    given = services(request)
    plan = given.alerts.plan
    labels_for(asked, plan.root if plan else None)
    drill = Drill(
        DrillGround(given.clock, given.rules, given.alerts, given.desk.history.find),
        asked,
        secrets.token_hex(4),
    )
    await people(request).audit.record(identity(request).name, "drill_held", drill.id)
    return StreamingResponse(_lines(drill), 200, {"Cache-Control": "no-store"}, _MEDIA)


async def _lines(drill: Drill) -> AsyncIterator[bytes]:
    yield _line(DrillLine(id=drill.id))
    try:
        async with aclosing(drill.run()) as links:
            async for link in links:
                yield _line(DrillLine(link=link))
    except (Fault, TimeoutError) as error:
        yield _line(DrillLine(error=str(error) or "it could not be cleaned up in time"))
    else:
        yield _line(DrillLine(done=True))


def _line(line: DrillLine) -> bytes:
    return msgspec.json.encode(line) + b"\n"


_MEDIA = "application/x-ndjson"

ADDRESSES: Addresses = (
    Address("/api/drills", _drill, Access.ADMIN, ("POST",), DrillRequest, DrillLine),
)
