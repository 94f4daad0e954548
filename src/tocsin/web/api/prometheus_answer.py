"""How does the Prometheus API answer? One envelope for what was found and for what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import cramjam
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected, Temporary
from tocsin.query.promql.faults import EvalError, QueryCanceled, QueryTimeout
from tocsin.web.body import retry_headers

_T = TypeVar("_T")

TRUNCATED = "results truncated due to limit"
"""Prometheus's warning when `limit` cut something off."""

_LOOK_SECONDS = 0.25
"""How often a waiting query asks whether its caller is still there."""

_WORTH_BYTES = 4 << 10
_INLINE_BYTES = 64 << 10
_LEVEL = 1
"""Answers are compressed from the first size on, beside the event loop from the second."""

_encode = msgspec.json.Encoder().encode


class CallerLeft(Exception):
    """Nobody waits for the answer any more."""


def success(data: object, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """200 with data that JSON can hold."""
    return success_raw(_encode(data), warnings=warnings, infos=infos)


def success_raw(
    data: bytes, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()
) -> Response:
    """200 with data that is JSON already."""
    parts = [b'{"status":"success","data":', data]
    if warnings:
        parts += [b',"warnings":', _encode(list(warnings))]
    if infos:
        parts += [b',"infos":', _encode(list(infos))]
    parts.append(b"}")
    return Response(b"".join(parts), media_type="application/json")


def failure(status: int, kind: str, message: str) -> Response:
    """An error: `kind` is Prometheus's errorType."""
    shown = message.encode("utf-8", "replace").decode()
    body = _encode({"status": "error", "errorType": kind, "error": shown})
    return Response(body, status, media_type="application/json")


def answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The handler with faults told in Prometheus's envelope, statuses and error types."""

    async def answered(request: Request) -> Response:
        try:
            return await _compressed(request, await handler(request))
        except CallerLeft:
            return failure(499, "canceled", str(QueryCanceled()))
        except Fault as fault:
            status, kind = _told(fault)
            response = failure(status, kind, str(fault))
            response.headers.update(retry_headers(fault))
            return response

    answered.__name__ = getattr(handler, "__name__", "answered")
    answered.__doc__ = handler.__doc__
    return answered


async def _compressed(request: Request, response: Response) -> Response:
    """The response, gzipped when it is large and the caller takes that."""
    body = bytes(response.body)
    if len(body) < _WORTH_BYTES or "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    if len(body) > _INLINE_BYTES:
        packed = await asyncio.to_thread(cramjam.gzip.compress, body, _LEVEL)
    else:
        packed = cramjam.gzip.compress(body, _LEVEL)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(bytes(packed), response.status_code, headers, response.media_type)


def _told(fault: Fault) -> tuple[int, str]:
    match fault:
        case QueryCanceled():
            return 499, "canceled"
        case QueryTimeout():
            return 503, "timeout"
        case EvalError():
            return 422, "execution"
        case NotFound():
            return 404, "not_found"
        case Rejected():
            return 400, "bad_data"
        case Temporary():
            return 503, "unavailable"
        case Permanent():
            return 500, "internal"
        case _:
            return 500, "internal"


async def while_connected(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """The work's result; the work is cancelled and CallerLeft raised when the caller goes away."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
            if await request.is_disconnected():
                raise CallerLeft
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return task.result()
