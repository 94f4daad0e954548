"""`POST /api/v2/spans`: what Zipkin's senders and Brave, Sleuth or Envoy send.

https://zipkin.io/zipkin-api/
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.protocols import zipkin
from tocsin.kit.fault import Fault
from tocsin.web.body import UnknownMedia, answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_NOT_JSON = ("application/x-protobuf", "application/x-thrift")


async def _spans(request: Request) -> Response:
    """Keep the spans; 202 without a body, 400 when some of them cannot be kept."""
    used = services(request)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _NOT_JSON:
        raise UnknownMedia(
            f"Content-Type {media!r} is not supported; send version 2 as"
            " application/json (in Brave: SpanBytesEncoder.JSON_V2)"
        )
    body = await read_body(request, used.config.ingest.body)
    intake = used.spans
    now_ns = intake.now_ns()
    spans = await intake.decoded(lambda: zipkin.decode(body, now_ns=now_ns), len(body))
    key = key_of(body, carries_times=True, now_ns=now_ns, place="zipkin")
    taken = await intake.take(
        spans, protocol="zipkin", key=key, sender=sender_of(request), size_bytes=len(body)
    )
    if taken.refused:
        return PlainTextResponse(f"{taken.kept} spans kept; left out: {taken.reasons()}\n", 400)
    return Response(status_code=202)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


ADDRESSES: Addresses = (post("/api/v2/spans", answering(_spans, _refuse), Access.BROWSER_INGEST),)
