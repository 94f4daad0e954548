"""How is a sender's body read so that neither its size nor its slowness harms others?"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.ingest.body_room import LARGE_BYTES, BodyRoom
from tocsin.ingest.config import BodyConfig
from tocsin.kit import compress
from tocsin.kit.fault import Fault, NotFound, Permanent, Rejected, Temporary, TooLarge, TooMuch

_INLINE_BYTES = 64 << 10
"""Bodies up to this size are decompressed on the spot, unless they become larger than
`_INLINE_INFLATED_BYTES`: under a millisecond."""
_INLINE_INFLATED_BYTES = 1 << 20
_USUAL = 16
"""Bodies rarely become larger by being decompressed: room for more is asked for when they do."""
_HELD = "tocsin.held_body"


class HeldBody:
    """The room that one request takes for its body, until it is answered."""

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._bytes = 0

    async def take(self, size_bytes: int, most_bytes: int) -> None:
        """Take so much instead of what it has. Raises Temporary when there is no room."""
        self.give_back()
        if size_bytes > LARGE_BYTES:
            await self._room.take(size_bytes, most_bytes)
            self._bytes = size_bytes

    def shrink(self, size_bytes: int) -> None:
        """It is no larger than that after all."""
        if size_bytes < self._bytes:
            self._room.give_back(self._bytes - size_bytes)
            self._bytes = size_bytes

    def give_back(self) -> None:
        """It needs no room any more."""
        self._room.give_back(self._bytes)
        self._bytes = 0


class Bodies:
    """Lets requests hold room for their bodies until they are answered."""

    def __init__(self, app: ASGIApp, room: BodyRoom) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        held = scope[_HELD] = HeldBody(self._room)
        try:
            await self._app(scope, receive, send)
        finally:
            held.give_back()


class TooSlow(Rejected):
    """The sender did not finish its body in time."""


class UnknownMedia(Rejected):
    """The body's Content-Type or Content-Encoding is not understood."""


async def read_body(request: Request, limits: BodyConfig, *, encoding: str | None = None) -> bytes:
    """The whole body, decompressed.

    `encoding` replaces the request's Content-Encoding. Raises TooLarge beyond the limits (before
    reading when the length is announced), TooSlow, Rejected for a body that is not what it says, or
    Temporary when too many large ones are in work.
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
    held: HeldBody = request.scope.get(_HELD) or HeldBody(BodyRoom())
    if not named.strip():
        await held.take(len(raw), limits.max_held)
        return raw
    if len(raw) <= _INLINE_BYTES:
        with contextlib.suppress(TooLarge):
            return compress.inflate(
                raw, named, min(_INLINE_INFLATED_BYTES, limits.max_inflated_size)
            )
    return await _inflated(raw, named, limits, held)


async def _inflated(raw: bytes, named: str, limits: BodyConfig, held: HeldBody) -> bytes:
    """Its decompressed form, which has its room before it is made."""
    most = int(limits.max_inflated_size)
    usual = min(most, max(2 * _INLINE_INFLATED_BYTES, _USUAL * len(raw)))
    await held.take(usual, limits.max_held)
    try:
        body = await asyncio.to_thread(compress.inflate, raw, named, usual)
    except TooLarge:
        if usual == most:
            raise
        await held.take(most, limits.max_held)
        body = await asyncio.to_thread(compress.inflate, raw, named, most)
    held.shrink(len(body))
    return body


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
