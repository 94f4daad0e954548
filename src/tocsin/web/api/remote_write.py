"""`POST /api/v1/write`: Prometheus remote write 1.0 and 2.0."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest.intake import Accepted
from tocsin.ingest.steps import finish_politely
from tocsin.kit.fault import Fault
from tocsin.web.body import UnknownMedia, answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_V1 = "prometheus.WriteRequest"
_V2 = "io.prometheus.write.v2.Request"
_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


def message_of(content_type: str) -> str:
    """The message that a Content-Type names; raises UnknownMedia for another one.

    Without a Content-Type or without `proto=` it is 1.0, as in Prometheus.
    """
    media, *parameters = (part.strip() for part in content_type.split(";"))
    if media and media.lower() != "application/x-protobuf":
        raise UnknownMedia(f"Content-Type {media!r} is not supported; send application/x-protobuf")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() != "proto":
            continue
        value = value.strip().strip('"')
        if value not in (_V1, _V2):
            raise UnknownMedia(f"message {value!r} is not supported; send {_V1} or {_V2}")
        return value
    return _V1


async def _write(request: Request) -> Response:
    message = message_of(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "snappy"):
        raise UnknownMedia(f"Content-Encoding {encoding!r} is not supported; send snappy")
    used = services(request)
    body = await read_body(request, used.config.ingest.body, encoding="snappy")
    decoders = used.intake.decoders
    decoder = decoders.remote_write if message == _V1 else decoders.remote_write_v2
    batch = await finish_politely(decoder.decoding(body))
    accepted = await used.intake.accept("remote_write", batch, sender=sender_of(request))
    # A 2.0 sender takes a smaller number for a failure; what a drop rule took is none.
    headers = _headers(accepted.written + accepted.dropped, accepted.exemplars)
    if not accepted.refused:
        return Response(status_code=204, headers=headers)
    return PlainTextResponse(_partly(accepted), 400, headers)


def _partly(accepted: Accepted) -> str:
    left_out = sum(accepted.refused.values())
    return f"{accepted.written} samples written, {left_out} left out: {accepted.reasons()}\n"


def _headers(samples: int = 0, exemplars: int = 0) -> dict[str, str]:
    return {
        _WRITTEN.format("Samples"): str(samples),
        _WRITTEN.format("Histograms"): "0",
        _WRITTEN.format("Exemplars"): str(exemplars),
    }


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status, _headers())


ADDRESSES: Addresses = (post("/api/v1/write", answering(_write, _refuse), Access.INGEST),)
