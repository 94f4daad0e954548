"""Is an address answered over HTTP as it should be? On a new connection each time, as a visitor's
first request is, so that the name, the port, TLS and the certificate are looked at as well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from tocsin.kit.clock import Clock
from tocsin.kit.compress import inflate
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.kit.secret import read_secret
from tocsin.scrape.fetch import USER_AGENT, words
from tocsin.scrape.http_options import HttpOptions
from tocsin.uptime.certificate import note_certificate
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Around, Down, Numbers, Reason

_LARGEST_BYTES: Final = 1 << 20
_CHUNK = 1 << 16
_MOST_REDIRECTS = 10
_SHOWN = 200


async def probe(monitor: MonitorConfig, around: Around, numbers: Numbers) -> None:
    """Implements `finding.Probe`."""
    url = URL(monitor.url)
    numbers.values["probe_http_ssl"] = float(url.scheme == "https")
    phases = _Phases(around.clock, numbers)
    try:
        headers = _headers(monitor, around)
        context = around.contexts.of(monitor.tls_config)
    except Rejected as error:
        raise Down("configuration", str(error)) from error
    phases.begin()
    connector = _Connector(numbers, limit=1, force_close=True, ssl=context)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,  # inflated by kit.compress, which knows bombs
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[phases.config()],
                max_field_size=64 << 10,
            ) as session,
            session.request(
                monitor.method,
                url,
                headers=headers,
                data=monitor.body.encode() or None,
                allow_redirects=monitor.follow_redirects,
                max_redirects=_MOST_REDIRECTS,
                server_hostname=monitor.tls_config.server_name or None,
            ) as response,
        ):
            await _judge(monitor, response, phases)
    except aiohttp.ClientError as error:
        raise Down(_reason(error), words(error)) from error
    except (OSError, ValueError) as error:
        raise Down("connect", f"the request failed: {error}") from error


async def _judge(monitor: MonitorConfig, response: aiohttp.ClientResponse, phases: _Phases) -> None:
    values = phases.numbers.values
    values["probe_http_status_code"] = float(response.status)
    values["probe_http_redirects"] = float(len(response.history))
    values["probe_http_version"] = (
        float(f"{response.version.major}.{response.version.minor}") if response.version else 0.0
    )
    # Read whatever the status: how long the whole of it takes is part of the answer.
    sent = await _read(response)
    phases.transferred()
    values["probe_http_content_length"] = float(len(sent))
    if not any(one.covers(response.status) for one in monitor.status):
        wanted = ", ".join(monitor.status)
        reason = f" {response.reason}" if response.reason else ""
        raise Down("status", f"answered {response.status}{reason}; {wanted} is right")
    if monitor.contains or monitor.matches or monitor.lacks:
        _look_into(monitor, _text(response, sent))


def _look_into(monitor: MonitorConfig, text: str) -> None:
    if monitor.contains and monitor.contains not in text:
        raise Down("content", f"the answer does not contain {monitor.contains[:_SHOWN]!r}")
    if monitor.matches and compile_pattern(monitor.matches).search(text) is None:
        raise Down("content", f"the answer does not match {monitor.matches[:_SHOWN]!r}")
    if monitor.lacks and compile_pattern(monitor.lacks).search(text) is not None:
        raise Down("content", f"the answer matches {monitor.lacks[:_SHOWN]!r}, and must not")


def _text(response: aiohttp.ClientResponse, sent: bytes) -> str:
    encoding = response.headers.get("Content-Encoding", "")
    try:
        body = inflate(sent, encoding, _LARGEST_BYTES)
    except Fault as error:
        raise Down("content", f"the answer cannot be read: {error}") from error
    return body.decode("utf-8", "replace")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The first MiB; what comes after it is not waited for."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size >= _LARGEST_BYTES:
            break
    return b"".join(chunks)[:_LARGEST_BYTES]


def _headers(monitor: MonitorConfig, around: Around) -> dict[str, str]:
    options = HttpOptions(authorization=monitor.authorization, http_headers=monitor.http_headers)
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, identity"}
    headers.update(options.extra_headers(around.folder))
    bearer = options.bearer(around.folder)
    if bearer is not None:
        headers["Authorization"] = bearer
    auth = monitor.basic_auth
    if auth is not None:
        user = auth.username or (read_secret(None, auth.username_file, base=around.folder) or "")
        password = read_secret(auth.password, auth.password_file, base=around.folder) or ""
        headers["Authorization"] = aiohttp.encode_basic_auth(
            user.strip(), password.strip(), encoding="utf-8"
        )
    return headers


def _reason(error: aiohttp.ClientError) -> Reason:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "resolve"
        case aiohttp.ClientSSLError():
            return "tls"
        case aiohttp.ClientConnectorError():
            return "connect"
        case _:
            return "answer"


class _Connector(aiohttp.TCPConnector):
    """Notes what TLS showed, before a short answer has given the connection back."""

    def __init__(self, numbers: Numbers, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]  # as they are given above
        self._numbers = numbers

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """As that of aiohttp."""
        connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            note_certificate(connection.transport.get_extra_info("ssl_object"), self._numbers)
        return connection


class _Phases:
    """Seconds of each part; of redirects, all of them together."""

    def __init__(self, clock: Clock, numbers: Numbers) -> None:
        self.numbers = numbers
        self._clock = clock
        self._since = clock.monotonic()

    def begin(self) -> None:
        """What is measured begins now."""
        self._since = self._clock.monotonic()

    def config(self) -> aiohttp.TraceConfig:
        """What aiohttp tells."""
        trace = aiohttp.TraceConfig()
        trace.on_dns_resolvehost_start.append(self._began)
        trace.on_dns_resolvehost_end.append(self._resolved)
        trace.on_connection_create_end.append(self._connected)
        trace.on_request_redirect.append(self._answered)
        trace.on_request_end.append(self._answered)
        return trace

    def transferred(self) -> None:
        """The whole answer is there."""
        self._add("transfer")

    async def _began(self, _session: object, _context: SimpleNamespace, _given: object) -> None:
        self._since = self._clock.monotonic()

    async def _resolved(self, _session: object, _context: SimpleNamespace, _given: object) -> None:
        self._add("resolve")

    async def _connected(self, _session: object, _context: SimpleNamespace, _given: object) -> None:
        self._add("connect")

    async def _answered(self, _session: object, _context: SimpleNamespace, _given: object) -> None:
        self._add("processing")

    def _add(self, phase: str) -> None:
        now = self._clock.monotonic()
        phases = self.numbers.phases
        phases[phase] = phases.get(phase, 0.0) + now - self._since
        self._since = now
