"""How does one port speak HTTP, and what becomes of a peer that never finishes its request?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tocsin.kit.fault import Permanent
from tocsin.web.request_head import readable

HEADER_SECONDS = 20.0
"""How long a peer may take for the request line and the headers."""

HEADER_BYTES = 128 << 10
"""How long they may be. Queries in the URL of a GET can be long."""

_IDLE_SECONDS = 75
_LINGER_SECONDS = 2
_GRACE_SECONDS = 3
_MOST_CONNECTIONS = 4096
_SOCKET_BYTES = 64 << 10
"""What may come over a WebSocket at once: those who follow lines only listen."""


class _PatientOnlySoLong(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the time and the size of a request's head."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._begins_a_head():
            data = readable(data)
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEADER_BYTES and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._head_bytes = 0
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._clear_deadline()
        self._in_head = False
        super().on_headers_complete()

    def _begins_a_head(self) -> bool:
        return self._head_bytes == 0 if self._in_head else not self.cycle.more_body

    def _await_head(self) -> None:
        self._in_head = True
        self._clear_deadline()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self._linger()

    def _linger(self) -> None:
        """Close once the peer has, or soon: a close while more is on its way is a reset, which
        takes the answer away before it is read (RFC 9112, section 9.6)."""
        self._refused = True
        self._clear_deadline()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The whole process decides when to stop, not one of its ports."""
        yield


class Listener:
    """One listening port and the application behind it."""

    def __init__(self, name: str, app: ASGIApp, address: str) -> None:
        """`address` is `HOST:PORT`; port 0 takes a free one. Raises Permanent when it is taken."""
        self.name = name
        self._socket = _bind(name, address)
        config = uvicorn.Config(
            app,
            http=_PatientOnlySoLong,
            ws="websockets-sansio",
            ws_max_size=_SOCKET_BYTES,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=_MOST_CONNECTIONS,
            backlog=2048,
        )
        self._server = _Server(config)
        self.ready = self._server.ready
        """Set once requests are answered."""
        self.stopped = asyncio.Event()
        """Set once the last request is answered."""

    @property
    def url(self) -> str:
        """Where it is reached, with the port that was really taken."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def run(self) -> None:
        """Serve until `stop` is called; requests under way are finished, within 3 s."""
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self.stopped.set()

    def stop(self) -> None:
        """Take no new requests, finish those under way, and let `run` return."""
        self._server.should_exit = True


def _bind(name: str, address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "0.0.0.0"  # an empty host means every interface, as Go has it
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, int(port)))
    except OSError as error:
        listening.close()
        raise Permanent(
            f"cannot listen on {address} for {name}: {error.strerror}; "
            f"choose another address with listen.{name}, or port 0 for a free one"
        ) from error
    listening.setblocking(False)
    return listening
