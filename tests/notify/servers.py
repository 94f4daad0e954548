"""Real servers that take messages and remember them: one for HTTP, one for mail."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword


@dataclass(frozen=True)
class Seen:
    """One request; header names in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Taken:
    """What came, and what is answered: (status, headers, body), the last one for ever; 200 and a
    body for a path that starts with a key of `by_path`."""

    requests: list[tuple[str, bytes]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    by_path: dict[str, bytes] = field(default_factory=dict)
    port: int = 0

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for start, body in self.by_path.items():
            if path.startswith(start):
                return 200, {"Content-Type": "application/json"}, body
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def http_receiver() -> Iterator[Taken]:
    """Answers on a free port."""
    taken = Taken(answers=[(200, {}, b"ok")])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {name.lower(): value for name, value in self.headers.items()}
            taken.seen.append(Seen(self.command, self.path, sent, body))
            taken.requests.append((self.path, body))
            status, headers, said = taken.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PUT = do_POST  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    with serving(Handler, taken):
        yield taken


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], taken: Taken) -> Iterator[None]:
    """The handler answers on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    taken.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mails:
    """What came, and what is answered to the data."""

    envelopes: list[Envelope] = field(default_factory=list)
    answer: str = "250 OK"
    users: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self,
        server: Any,  # Any: aiosmtpd does not type it
        session: Any,  # Any: as above
        envelope: Envelope,
    ) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer


class _OnFreePort(Controller):
    """aiosmtpd asks the port that it was given whether it answers, which would be 0."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd is untyped


@contextmanager
def mail_server(certificate: tuple[Path, Path] | None = None) -> Iterator[Mails]:
    """A mail server on a free port; with a certificate it wants STARTTLS and a login."""
    mails = Mails()
    options: dict[str, Any] = {}  # Any: keywords of the server
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

        # Any: aiosmtpd does not type these
        def check(server: Any, session: Any, envelope: Any, way: str, data: Any) -> AuthResult:
            assert isinstance(data, LoginPassword)
            mails.users.append(f"{data.login.decode()}:{data.password.decode()}")
            return AuthResult(success=data.password == b"secret", handled=False)

        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": check,
        }
    controller = _OnFreePort(mails, hostname="127.0.0.1", port=0, **options)
    controller.start()
    mails.port = controller.port
    try:
        yield mails
    finally:
        controller.stop(no_assert=True)
