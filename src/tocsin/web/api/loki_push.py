"""`POST /loki/api/v1/push`: what Promtail, Alloy, Grafana's drivers and logging libraries send."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.protocols import loki_push
from tocsin.kit import compress
from tocsin.kit.fault import Fault, Temporary
from tocsin.model.logs import LogRecord
from tocsin.web.body import UnknownMedia, answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_JSON = "application/json"
_PROTOBUF = ("application/x-protobuf", "application/protobuf", "application/octet-stream", "")


async def _push(request: Request) -> Response:
    """Keep the lines; 204 exactly, as some senders take any other status for a failure."""
    used = services(request)
    limits = used.config.ingest.body
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, limits)
    now_ns = used.logs.now_ns()

    def decoded() -> list[LogRecord]:
        if media == _JSON:
            return loki_push.decode_json(body, now_ns=now_ns)
        if media not in _PROTOBUF:
            raise UnknownMedia(f"Content-Type {media!r} is not supported; send {_JSON} or protobuf")
        # Protobuf is always snappy here, and few senders say so.
        declared = request.headers.get("content-encoding", "").strip().lower()
        inner = body
        if declared != "snappy":
            inner = compress.inflate(body, "snappy", int(limits.max_inflated_size))
        return loki_push.decode_protobuf(inner, now_ns=now_ns)

    records = await used.logs.decoded(decoded, len(body))
    carries_times = all(one.ts_ns != now_ns for one in records)
    key = key_of(body, carries_times=carries_times, now_ns=now_ns, place="loki")
    taken = await used.logs.take(records, protocol="loki", key=key, sender=sender_of(request))
    if taken.refused:
        reasons = "; ".join(f"{count} lines: {why}" for why, count in taken.reasons().items())
        words = f"{taken.kept} lines kept, {len(taken.refused)} left out: {reasons}\n"
        return PlainTextResponse(words, 400)
    return Response(status_code=204)


async def _ready(request: Request) -> Response:
    """Senders ask before they send."""
    return PlainTextResponse("ready\n")


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    """Loki's clients try 429 and 5xx again."""
    return PlainTextResponse(f"{fault}\n", 429 if isinstance(fault, Temporary) else status)


_pushes = answering(_push, _refuse)

ADDRESSES: Addresses = (
    post("/loki/api/v1/push", _pushes, Access.INGEST),
    post("/api/prom/push", _pushes, Access.INGEST),
    get("/loki/ready", answering(_ready, _refuse), Access.PUBLIC),
)
