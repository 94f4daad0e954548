"""How does the embedded engine speak ClickHouse's HTTP protocol? (its manual: HTTP Interface)"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlsplit

import httptools

from tocsin.kit.fault import Rejected, Temporary, TooLarge
from tocsin.store.lanes import Answer, EngineError
from tocsin.store.statement import Statement, lane_of, split

_HEAD_LIMIT = 1 << 20
_CHUNK = 1 << 18
_NOT_SETTINGS = frozenset(
    {
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "log_comment",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
_STATUS = {516: 401, 497: 403, 60: 404, 81: 404, 62: 400, 47: 400, 115: 400, 159: 408, 202: 429}
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}

Run = Callable[[Statement], Awaitable[Answer]]


class EngineProtocol(asyncio.Protocol):
    """One connection of a client: HTTP/1.1 with keep-alive, one request at a time."""

    def __init__(
        self, run: Run, password: str, body_limit: int, open_: set[EngineProtocol]
    ) -> None:
        self._run = run
        self._password = password.encode()
        self._limit = body_limit
        self._open = open_
        self.task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._begin()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self.task is not None and not self.task.done()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._writable.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self.busy:
            # Nobody pipelines to us; refusing keeps what is buffered bounded.
            self.transport.abort()
            return
        self._head_size += 0 if self._in_body else len(data)
        if self._head_size > _HEAD_LIMIT:
            self._refuse(400, "the request's head is larger than 1 MiB", 1000)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse(400, f"not an HTTP request: {error}", 1000)

    # the parser's side

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._parts = urlsplit(self._url.decode("latin-1"))
        self._values = dict(parse_qsl(self._parts.query, keep_blank_values=True))
        if not self._is_ping() and not self._may():
            # Before the body: who has no password cannot make us hold one.
            self._refuse(401, "Code: 516. DB::Exception: default: Authentication failed", 516)
        elif int(self._headers.get("content-length", "0") or 0) > self._limit:
            self._refuse(413, self._too_large(), 1000)

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        if len(self._body) + len(body) > self._limit:
            self._refuse(413, self._too_large(), 1000)
            return
        self._body += body

    def on_message_complete(self) -> None:
        if not self._refused:
            self.task = asyncio.create_task(self._answer(), name="request")
            self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A bug of ours: the loop reports it, and the client must not wait for ever.
        if task.cancelled() or task.exception() is not None:
            self.transport.abort()

    # the answer

    def _begin(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._head_size = 0
        self._in_body = False
        self._refused = False

    def _too_large(self) -> str:
        return f"the body is larger than {self._limit} bytes; insert smaller blocks"

    async def _answer(self) -> None:
        keep = self._parser.should_keep_alive()
        try:
            await self._dispatch()
        except EngineError as error:
            self._error(_STATUS.get(error.code, 500), str(error), error.code)
        except TooLarge as error:
            self._error(413, str(error), 1000)
        except Rejected as error:
            self._error(400, str(error), 1000)
        except Temporary as error:
            self._error(429, f"Code: 202. DB::Exception: {error}", 202)
        if keep and not self.transport.is_closing():
            self._begin()
        else:
            self.transport.close()

    async def _dispatch(self) -> None:
        if self._is_ping():
            self._head(200, 4)
            self.transport.write(b"Ok.\n")
            return
        values = self._values
        body = self._decoded()
        if self._headers.get("content-type", "").startswith("multipart/form-data"):
            values, body = values | form_fields(self._headers["content-type"], body), b""
        statement = statement_of(values, body)
        if not statement.sql:
            raise EngineError("Code: 62. DB::Exception: Empty query", 62)
        await self._send(await self._run(statement), values.get("query_id", ""))

    def _is_ping(self) -> bool:
        return self._parts.path == "/ping" and not self._values

    def _may(self) -> bool:
        given = self._headers.get("x-clickhouse-key") or self._values.get("password", "")
        scheme, _, encoded = self._headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(encoded).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        return hmac.compare_digest(given.encode(), self._password)

    def _decoded(self) -> bytes:
        encoding = self._headers.get("content-encoding", "")
        if encoding in ("", "identity"):
            return bytes(self._body)
        # Imported when first needed: our own client sends bodies as they are, and a quiet child
        # saves the codecs' memory.
        from tocsin.store.embedded_codec import decode

        return decode(bytes(self._body), encoding, self._limit)

    async def _send(self, answer: Answer, query_id: str) -> None:
        summary = {
            "read_rows": str(answer.rows_read),
            "read_bytes": str(answer.bytes_read),
            "elapsed_ns": str(round(answer.elapsed_seconds * 1e9)),
        }
        extra = f"X-ClickHouse-Summary: {json.dumps(summary)}\r\nX-ClickHouse-Timezone: UTC\r\n"
        if query_id.isprintable() and query_id:
            extra += f"X-ClickHouse-Query-Id: {query_id}\r\n"
        if answer.body:
            extra += "X-ClickHouse-Format: TabSeparated\r\n"
        self._head(200, len(answer.body), extra)
        for start in range(0, len(answer.body), _CHUNK):
            await self._writable.wait()
            # A copy: the engine frees the body with the answer, which may be gone before the
            # transport has sent what it was given.
            self.transport.write(bytes(answer.body[start : start + _CHUNK]))

    def _head(self, status: int, size: int, extra: str = "") -> None:
        reason = _REASONS.get(status, "Error")
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {size}\r\n{extra}\r\n"
        self.transport.write(head.encode("latin-1", "replace"))

    def _error(self, status: int, text: str, code: int) -> None:
        body = (text + "\n").encode()
        self._head(status, len(body), f"X-ClickHouse-Exception-Code: {code}\r\n")
        self.transport.write(body)

    def _refuse(self, status: int, text: str, code: int) -> None:
        """Answer without having read all of the request; the connection cannot be used again."""
        self._refused = True
        self._body = bytearray()
        self._error(status, text, code)
        self.transport.close()


def statement_of(values: dict[str, str], body: bytes) -> Statement:
    """The statement that URL or form values and a body make together."""
    try:
        sql, data, fmt = split(values.get("query", ""), body)
    except UnicodeDecodeError as error:
        raise EngineError("Code: 62. DB::Exception: The query is not UTF-8", 62) from error
    settings = {
        name: value
        for name, value in values.items()
        if name not in _NOT_SETTINGS and not name.startswith("param_")
    }
    return Statement(
        sql,
        lane_of(sql, values.get("log_comment", "")),
        data,
        fmt or values.get("default_format", "TabSeparated"),
        values.get("database", ""),
        {name[6:]: value for name, value in values.items() if name.startswith("param_")},
        settings,
    )


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Fields of a multipart form: how clients send parameters too long for an address."""
    boundary = content_type.partition("boundary=")[2].split(";")[0].strip('" ').encode()
    fields = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = head.decode("latin-1").partition('name="')[2].partition('"')[0]
        fields[name] = value.removesuffix(b"\r\n").decode(errors="replace")
    return fields
