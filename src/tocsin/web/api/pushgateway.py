"""`/metrics/job/<job>{/<label>/<value>}`: what clients of Pushgateway push and delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest.protocols import pushgateway
from tocsin.kit.fault import Fault
from tocsin.web.body import answering, read_body, sender_of
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_PROTOCOL = "pushgateway"


async def _push(request: Request) -> Response:
    """PUT replaces the group, POST its metrics of the same names, DELETE ends it."""
    used = services(request)
    group = pushgateway.group_of(str(request.scope["path"]).removeprefix("/metrics/"))
    groups = used.intake.push_groups
    if request.method == "DELETE":
        await used.intake.accept(_PROTOCOL, await groups.delete(group), sender=sender_of(request))
        return Response(status_code=202)
    content_type = request.headers.get("content-type", "")
    body = await read_body(request, used.config.ingest.body)
    batch = await groups.push(group, body, content_type, replace=request.method == "PUT")
    accepted = await used.intake.accept(_PROTOCOL, batch, sender=sender_of(request))
    if accepted.refused:
        return PlainTextResponse(f"kept in part: {accepted.reasons()}\n", 400)
    return Response(status_code=200)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


_METHODS = ("PUT", "POST", "DELETE")
_handler = answering(_push, _refuse)

ADDRESSES: Addresses = (
    Address("/metrics/job/{rest:path}", _handler, Access.INGEST, _METHODS),
    Address("/metrics/job@base64/{rest:path}", _handler, Access.INGEST, _METHODS),
)
