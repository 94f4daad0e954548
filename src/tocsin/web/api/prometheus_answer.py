"""How does the Prometheus API answer? One envelope for what was found and for what went wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import cramjam
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

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

_GZIPPED = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}

_encode = msgspec.json.Encoder().encode


class CallerLeft(Exception):
    """Nobody waits for the answer any more."""


def success(data: object, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """200 with data that JSON can hold."""
    try:
        encoded = _encode(data)
    except UnicodeEncodeError:  # PromQL's texts may hold bytes that are no UTF-8: "\\xff"
        shown = json.dumps(msgspec.to_builtins(data), ensure_ascii=False)
        encoded = shown.encode("utf-8", "replace")
    return success_raw(encoded, warnings=warnings, infos=infos)


def success_raw(
    data: bytes, *, warnings: Sequence[str] = (), infos: Sequence[str] = ()
) -> Response:
    """200 with data that is JSON already."""
    body = b"".join([_BEFORE, data, _after(warnings, infos)])
    return Response(body, media_type="application/json")


def success_blocks(
    blocks: Iterator[bytes], *, warnings: Sequence[str] = (), infos: Sequence[str] = ()
) -> Response:
    """As `success_raw`, for data too large to hold: each block is made in a thread and sent."""
    return _Streamed(itertools.chain([_BEFORE], blocks, [_after(warnings, infos)]))


_BEFORE = b'{"status":"success","data":'


def _after(warnings: Sequence[str], infos: Sequence[str]) -> bytes:
    parts = [b',"warnings":', _encode(list(warnings))] if warnings else []
    if infos:
        parts += [b',"infos":', _encode(list(infos))]
    return b"".join([*parts, b"}"])


class _Streamed(StreamingResponse):
    """JSON in blocks."""

    def __init__(self, blocks: Iterator[bytes], headers: dict[str, str] | None = None) -> None:
        self._blocks = blocks
        super().__init__(_beside(blocks), headers=headers, media_type="application/json")

    def gzipped(self) -> _Streamed:
        """The same, compressed block by block; nothing of it may have been sent."""
        return _Streamed(_gzipped(self._blocks), _GZIPPED)


async def _beside(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks, each made beside the event loop once the one before was taken."""
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block


def _gzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = cramjam.gzip.Compressor(_LEVEL)
    for block in blocks:
        packer.compress(block)
        if packed := bytes(packer.flush()):
            yield packed
    yield bytes(packer.finish())


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
    takes_it = "gzip" in request.headers.get("accept-encoding", "")
    if isinstance(response, _Streamed):
        return response.gzipped() if takes_it else response
    body = bytes(response.body)
    if len(body) < _WORTH_BYTES or not takes_it:
        return response
    if len(body) > _INLINE_BYTES:
        packed = await asyncio.to_thread(cramjam.gzip.compress, body, _LEVEL)
    else:
        packed = cramjam.gzip.compress(body, _LEVEL)
    return Response(bytes(packed), response.status_code, _GZIPPED, response.media_type)


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
