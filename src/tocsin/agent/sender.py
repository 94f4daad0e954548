"""How does a batch get to Tocsin, however long that takes?"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

import tocsin
from tocsin.agent.batch import halves
from tocsin.kit import log
from tocsin.kit.fault import Rejected

_log = log.get("agent")
PATH = "/api/logs/agent"
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_NOT_ALLOWED = (401, 403, 404, 405)
"""Somebody will make a new key, or start the right server: wait, rather than lose lines."""
_MOST_WORDS = 500


class Stopped(Exception):
    """The agent ends; the batch waits in its file."""


class _Problem(msgspec.Struct):
    error: str = ""


class Sender:
    """One connection. `send` returns when a batch is kept, or refused for good."""

    def __init__(
        self,
        url: str,
        key: Callable[[], str | None],
        stopping: threading.Event,
        *,
        timeout_seconds: float = 30.0,
        ca_file: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Rejected(f"{url!r} is no address of a Tocsin, such as https://tocsin.example")
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + PATH
        self._context = None
        if parts.scheme == "https":
            self._context = ssl.create_default_context(cafile=ca_file or None)
        self._key = key
        self._stopping = stopping
        self._timeout = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self.sent_batches = 0

    def send(self, body: bytes) -> str:
        """Keep trying until it is answered; the server's words when it will never take it, else
        nothing. Raises Stopped when the agent ends first."""
        wait = _FIRST_WAIT
        while True:
            if self._stopping.is_set():
                raise Stopped
            status, words, retry_after = self._once(body)
            if 200 <= status < 300:
                self.sent_batches += 1
                return ""
            if status == 413 and (parts := halves(body)) is not None:
                return self.send(parts[0]) or self.send(parts[1])
            if 400 <= status < 500 and status not in (*_NOT_ALLOWED, 408, 425, 429):
                return words or f"status {status}"
            pause = retry_after if retry_after is not None else wait
            _log.warning("not_sent", status=status, error=words, again_in_seconds=round(pause, 1))
            if self._stopping.wait(min(pause, 3600.0)):
                raise Stopped
            wait = min(_LONGEST_WAIT, wait * 2)

    def interrupt(self) -> None:
        """Cut off the request that is on its way; from another thread."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection, and the request that is on its way."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _once(self, body: bytes) -> tuple[int, str, float | None]:
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "User-Agent": f"tocsin-agent/{tocsin.__version__}",
        }
        try:
            if key := self._key():
                headers["Authorization"] = f"Bearer {key}"
            connection = self._connection or self._connect()
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            content = answer.read(64 << 10)
            retry_after = _seconds(answer.getheader("Retry-After"))
            if answer.will_close:
                self.close()
        except (OSError, http.client.HTTPException, Rejected, ValueError) as error:
            self.close()
            return 0, str(error) or type(error).__name__, None
        return answer.status, _words(content), retry_after

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is not None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._context
            )
        else:
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout
            )
        return self._connection


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, section 10.2.3); a date is left to our own waits."""
    return float(text) if text and text.isdecimal() and len(text) < 7 else None


def _words(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Problem).error[:_MOST_WORDS]
    except msgspec.DecodeError:
        return content[:_MOST_WORDS].decode("utf-8", "replace")
