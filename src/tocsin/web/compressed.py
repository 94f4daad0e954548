"""Answers go out smaller: with zstd or gzip, as the caller takes it.

A live tail (text/event-stream) is left as it is, other streams are flushed at each of their parts,
and large parts are compressed in a thread. Pages hold a form's token, which is no secret to be
guessed by lengths: the login's cookie is not sent with what another site's page asks for.
"""

from __future__ import annotations

import asyncio

import cramjam
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_BYTES = 1_024
_HASTY = ("/_bulk",)
"""Where a large answer is one word for each line that was sent: packing it would cost a tenth of
what taking the lines costs, and shippers sit beside Tocsin."""
_GZIP_LEVEL = 4
_ZSTD_LEVEL = 3
_THREAD_BYTES = 128 << 10
"""What takes a millisecond or two."""


class Compressed:
    """Around an application; answers under `LEAST_BYTES` and those that are packed already stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http" or scope["path"].endswith(_HASTY):
            await self._app(scope, receive, send)
            return
        taken = _taken(Headers(scope=scope).get("accept-encoding", ""))
        if "zstd" in taken:
            await _Zstd(self._app, LEAST_BYTES)(scope, receive, send)
        elif "gzip" in taken:
            gzip = GZipResponder(
                self._app, LEAST_BYTES, _GZIP_LEVEL, thread_minimum_size=_THREAD_BYTES
            )
            await gzip(scope, receive, send)
        else:
            await IdentityResponder(self._app, LEAST_BYTES)(scope, receive, send)


def _taken(accepted: str) -> frozenset[str]:
    """The codings that an Accept-Encoding names without `q=0` (RFC 9110, section 12.5.3)."""
    found = set()
    for part in accepted.lower().split(","):
        name, _, weight = part.strip().partition(";")
        value = weight.strip().removeprefix("q=").strip()
        if not (value and value.strip("0") in ("", ".")):
            found.add(name.strip())
    return frozenset(found)


class _Zstd(IdentityResponder):
    """Packs with zstd (RFC 8878)."""

    content_encoding = "zstd"

    def __init__(self, app: ASGIApp, minimum_size: int) -> None:
        super().__init__(app, minimum_size)
        self._packer: cramjam.zstd.Compressor | None = None

    async def send_with_compression(self, message: Message) -> None:
        """As Starlette has it. A stream's first part decides over its head: nothing packed is as
        long as nothing, and the rest would be packed without a word of it."""
        is_part = message["type"] == "http.response.body" and message.get("more_body", False)
        if self.started or not is_part or message.get("body"):
            await super().send_with_compression(message)

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """A part of the answer, so that the caller can read all of it."""
        if len(body) >= _THREAD_BYTES:
            return await asyncio.to_thread(self._packed, body, more_body)
        return self._packed(body, more_body)

    def _packed(self, body: bytes, more_body: bool) -> bytes:
        if self._packer is None:
            self._packer = cramjam.zstd.Compressor(_ZSTD_LEVEL)
        self._packer.compress(body)
        return bytes(self._packer.flush() if more_body else self._packer.finish())
