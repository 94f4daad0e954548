"""How is a sender's body read so that neither its size nor its slowness harms others?"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tocsin.ingest.config import BodyConfig
from tocsin.kit import compress
from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected, Temporary, TooLarge, TooMuch

_INLINE_BYTES = 64 << 10
"""Bodies up to this size are decompressed on the spot, unless they become larger than
`_INLINE_INFLATED_BYTES`: under a millisecond."""
_INLINE_INFLATED_BYTES = 1 << 20


class TooSlow(Rejected):
    """The sender did not finish its body in time."""


class UnknownMedia(Rejected):
    """The body's Content-Type or Content-Encoding is not understood."""


async def read_body(request: Request, limits: BodyConfig, *, encoding: str | None = None) -> bytes:
    """The whole body, decompressed.

    `encoding` replaces the request's Content-Encoding. Raises TooLarge beyond the limits (before
    reading when the length is announced), TooSlow, or Rejected for a body that is not what it says.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limits.max_size:
        raise TooLarge(_too_large(int(announced), limits))
    try:
        async with asyncio.timeout(limits.timeout):
            raw = await _read(request, limits)
    except TimeoutError as error:
        raise TooSlow(f"the body did not arrive within {limits.timeout}") from error
    except ClientDisconnect as error:
        raise Rejected("the sender left before its body was complete") from error
    named = request.headers.get("content-encoding", "") if encoding is None else encoding
    if not named.strip():
        return raw
    if len(raw) <= _INLINE_BYTES:
        with contextlib.suppress(TooLarge):
            return compress.inflate(
                raw, named, min(_INLINE_INFLATED_BYTES, limits.max_inflated_size)
            )
    return await asyncio.to_thread(compress.inflate, raw, named, limits.max_inflated_size)


async def _read(request: Request, limits: BodyConfig) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.max_size:
            raise TooLarge(_too_large(size, limits))
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(size: int, limits: BodyConfig) -> str:
    return (
        f"the body has {size} bytes or more, the limit is {int(limits.max_size)} "
        "(setting ingest.body.max_size); send smaller batches"
    )


def status_of(fault: Fault) -> int:
    """The HTTP status that tells the sender what to do: fix it, or try again."""
    match fault:
        case TooSlow():
            return 408
        case UnknownMedia():
            return 415
        case TooLarge():
            return 413
        case NotFound():
            return 404
        case Rejected():
            return 400
        case TooMuch():
            return 429
        case Temporary():
            return 503
        case Permanent():
            return 500
        case _:
            return 500


def retry_headers(fault: Fault) -> dict[str, str]:
    """`Retry-After` for what may be tried again, else nothing."""
    if not isinstance(fault, Temporary):
        return {}
    return {"Retry-After": str(max(1, math.ceil(fault.retry_after or 1)))}


def answering(
    handler: Callable[[Request], Awaitable[Response]],
    refuse: Callable[[Request, Fault, int], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """The handler, with faults answered in its protocol's own shape by `refuse`."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Fault as fault:
            response = refuse(request, fault, status_of(fault))
            response.headers.update(retry_headers(fault))
            return response

    answered.__name__ = getattr(handler, "__name__", "answered")
    answered.__doc__ = handler.__doc__
    return answered


def sender_of(request: Request) -> str:
    """The name of the key that the request came with, empty without one."""
    return str(getattr(request.state, "key_name", ""))
