"""`/datadog/api/…`: what Datadog's clients and agents post."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit import gauge
from tocsin.kit.fault import Fault
from tocsin.web.body import answering, read_body, sender_of
from tocsin.web.routing import Access, Address, Addresses, Handler, get, post
from tocsin.web.services import services

_ignored = gauge.counter("datadog_ignored", "Datadog requests without a place yet.", ("path",))


def _series(ok: dict[str, object]) -> Handler:
    async def series(request: Request) -> Response:
        used = services(request)
        body = await read_body(request, used.config.ingest.body)
        batch = used.intake.decoders.datadog.decode(body, used.clock.now_ms())
        accepted = await used.intake.accept("datadog", batch, sender=sender_of(request))
        if accepted.refused and not accepted.written:
            return _json({"errors": [accepted.reasons()]}, 400)
        answer = {**ok, "warnings": [accepted.reasons()]} if accepted.refused else ok
        return _json(answer, 202)

    return answering(series, _refuse)


async def _validate(request: Request) -> Response:
    """The key was good, or the caller would not have come here."""
    return _json({"valid": True})


async def _ignore(request: Request) -> Response:
    """Read and count what has no place yet, so that agents go on."""
    await read_body(request, services(request).config.ingest.body)
    _ignored.labels(request.url.path.removeprefix("/datadog")).inc()
    return _json({"status": "ok"}, 202)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return _json({"errors": [str(fault)]}, status)


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


_ignoring = answering(_ignore, _refuse)

ADDRESSES: Addresses = (
    post("/datadog/api/v1/series", _series({"status": "ok"}), Access.INGEST),
    post("/datadog/api/v2/series", _series({"errors": []}), Access.INGEST),
    get("/datadog/api/v1/validate", _validate, Access.INGEST),
    post("/datadog/api/v1/check_run", _ignoring, Access.INGEST),
    post("/datadog/api/v1/events", _ignoring, Access.INGEST),
    Address("/datadog/intake", _ignoring, Access.INGEST, ("POST", "PUT")),
    Address("/datadog/intake/", _ignoring, Access.INGEST, ("POST", "PUT")),
)
