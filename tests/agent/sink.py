"""A server that keeps what an agent sends, as Tocsin does, and fails as it is told to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Answer = tuple[int, dict[str, str]]


class Sink:
    """`lines` are kept ones; a body that comes again is answered and not kept again."""

    def __init__(self) -> None:
        self.bodies: dict[bytes, int] = {}
        self.blocks: list[dict[str, Any]] = []  # Any: decoded JSON
        self.refuse: Callable[[bytes], Answer | None] = lambda _body: None
        self.lose_answers = 0
        self.headers: list[dict[str, str]] = []
        self.arrived = threading.Condition()
        self.url = ""

    @property
    def lines(self) -> list[str]:
        """The texts of all entries, in the order in which they were kept."""
        return [entry[1] for block in self.blocks for entry in block["entries"]]

    def wait(self, count: int, seconds: float = 60.0) -> list[str]:
        """Return when so many lines are kept; fails after a while."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.lines) >= count, seconds), (
                f"{len(self.lines)} of {count} lines came"
            )
        return self.lines

    def take(self, body: bytes, headers: dict[str, str]) -> Answer | None:
        """Keep a request; the status, or None to say nothing."""
        with self.arrived:
            self.headers.append(headers)
            refused = self.refuse(body)
            if refused is not None:
                self.arrived.notify_all()
                return refused
            self.bodies[body] = self.bodies.get(body, 0) + 1
            if self.bodies[body] == 1:
                lines = gzip.decompress(body).split(b"\n")
                self.blocks += [json.loads(line) for line in lines]
            self.arrived.notify_all()
            if self.lose_answers:
                self.lose_answers -= 1
                return None
            return 200, {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sink = cast("_Server", self.server).sink
        answer = sink.take(body, {name.lower(): value for name, value in self.headers.items()})
        if answer is None:
            self.close_connection = True
            return
        status, headers = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        content = b'{"error": "as told"}' if status >= 300 else b"{}"
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sink: Sink


@contextmanager
def sinking() -> Iterator[Sink]:
    """A sink that listens."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.sink = sink = Sink()
    sink.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
