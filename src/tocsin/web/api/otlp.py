"""`/v1/{metrics,logs,traces}`: OTLP over HTTP, protobuf and JSON.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest import otlp_json, otlp_service
from tocsin.kit.fault import Fault, Rejected
from tocsin.web.body import UnknownMedia, answering, read_body, sender_of
from tocsin.web.routing import Access, Address, Addresses, Handler, post
from tocsin.web.services import services

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_THREAD_BYTES = 64 << 10
"""JSON above this size is read in a thread: protobuf's JSON reader is slow."""

_Parsed = metrics.ExportMetricsServiceRequest | logs.ExportLogsServiceRequest

_GRPC_CODES = {400: 3, 404: 5, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""google.rpc.Code by HTTP status; 2 (unknown) otherwise."""


Read = Callable[[bytes, str], Awaitable[otlp_service.Request]]


def _export(read: Read) -> Handler:
    async def export(request: Request) -> Response:
        media = _media(request)
        if media not in (_PROTOBUF, _JSON):
            raise UnknownMedia(
                f"Content-Type {media!r} is not supported; send {_PROTOBUF} or {_JSON}"
            )
        used = services(request)
        body = await read_body(request, used.config.ingest.body)
        message = await read(body, media)
        sinks = otlp_service.Sinks(used.intake, used.logs, used.spans)
        answer = await otlp_service.export(sinks, message, sender_of(request))
        return _answer(answer, media)

    return answering(export, _refuse)


def _message(new: Callable[[], _Parsed]) -> Read:
    """Reads a body into a message."""

    async def read(body: bytes, media: str) -> otlp_service.Request:
        if media == _PROTOBUF:
            return _parsed(new(), body)
        if len(body) > _THREAD_BYTES:
            return await asyncio.to_thread(otlp_json.parse, body, new())
        return otlp_json.parse(body, new())

    return read


async def _trace_body(body: bytes, media: str) -> otlp_service.Request:
    return otlp_service.TraceBody(body, is_json=media == _JSON)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parsed(message: _Parsed, body: bytes) -> _Parsed:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise Rejected(f"the body is no {type(message).__name__}: {error}") from error
    return message


def _answer(message: Message, media: str) -> Response:
    content = message.SerializeToString() if media == _PROTOBUF else otlp_json.write(message)
    return Response(content, 200, media_type=media)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    """A google.rpc.Status in the encoding of the request."""
    code = _GRPC_CODES.get(status, 2)
    if _media(request) == _JSON:
        content = msgspec.json.encode({"code": code, "message": str(fault)})
        return Response(content, status, media_type=_JSON)
    return Response(status_bytes(code, str(fault)), status, media_type=_PROTOBUF)


def status_bytes(code: int, message: str) -> bytes:
    """google.rpc.Status: code is field 1, message field 2."""
    text = message.encode("utf-8", "replace")[:4000].decode("utf-8", "ignore").encode()
    size = bytearray()
    left = len(text)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    size.append(left)
    return bytes((0x08, code, 0x12)) + bytes(size) + text


_metrics = _export(_message(metrics.ExportMetricsServiceRequest))

OTLP_ADDRESSES: Addresses = (
    post("/v1/metrics", _metrics, Access.BROWSER_INGEST),
    post("/v1/logs", _export(_message(logs.ExportLogsServiceRequest)), Access.BROWSER_INGEST),
    post("/v1/traces", _export(_trace_body), Access.BROWSER_INGEST),
)
"""What OpenTelemetry's own port 4318 answers. Pages of browsers run its SDK too."""

ADDRESSES: Addresses = (
    *OTLP_ADDRESSES,
    Address("/api/v1/otlp/v1/metrics", _metrics, Access.INGEST, ("POST",)),
)
