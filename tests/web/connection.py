"""A connection that stays open: a stream that is read as it comes, or a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp

Message = Any  # of ASGI
_PATIENCE = 60


class Connection:
    """One open connection to an application; leaving the block hangs up."""

    def __init__(
        self,
        app: ASGIApp,
        kind: str,
        path: str,
        params: Mapping[str, object],
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._app = app
        self._kind = kind
        self._scope = {
            "type": kind,
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(params).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("localhost", 7777),
            "client": ("127.0.0.1", 1),
            "scheme": "http" if kind == "http" else "ws",
            "root_path": "",
            "subprotocols": [],
        }
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._text = b""

    async def __aenter__(self) -> Self:
        first = {"type": "websocket.connect" if self._kind == "websocket" else "http.request"}
        self._said.put_nowait(first)
        running = self._app(self._scope, self._said.get, self._heard.put)
        self._task = asyncio.ensure_future(running)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._said.put_nowait({"type": f"{self._kind}.disconnect", "code": 1001})
        await self.over()

    async def over(self) -> None:
        """Return when the other side has finished."""
        await asyncio.wait_for(asyncio.shield(self._task), _PATIENCE)

    async def message(self) -> Message:
        """The next message that the application sends."""
        return await asyncio.wait_for(self._heard.get(), _PATIENCE)

    async def status(self) -> int:
        """An answer's status."""
        return int((await self.message())["status"])

    async def until(self, part: bytes) -> bytes:
        """The body so far, once that is in it."""
        while part not in self._text:
            self._text += (await self.message()).get("body", b"")
        return self._text

    async def told(self) -> Any:  # any JSON
        """The next text of a WebSocket."""
        message = await self.message()
        assert message["type"] == "websocket.send", message
        return msgspec.json.decode(message["text"])
