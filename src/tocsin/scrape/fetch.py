"""How does an answer come over HTTP, within limits of time and size, and why not, in one line?"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.client_exceptions import UnixClientConnectorError
from yarl import URL

from tocsin import __version__
from tocsin.kit.clock import Clock
from tocsin.kit.compress import inflate
from tocsin.kit.fault import Rejected, Temporary, TooLarge
from tocsin.kit.outside import Inside, OutsideResolver, refuse_inside
from tocsin.kit.secret import read_secret
from tocsin.scrape.http_options import BasicAuth, HttpOptions, OAuth2, ProxyOptions, TlsConfig
from tocsin.scrape.no_proxy import is_exempt

_MOST_REDIRECTS = 10
_CHUNK = 1 << 16
_IDLE_SECONDS = 90.0
_TOKEN_BYTES = 1 << 20
_TOKEN_SPARE_SECONDS = 10.0

USER_AGENT = f"Tocsin/{__version__}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body inflated. `wire_bytes` is what came over the network."""

    status: int
    content_type: str
    body: bytes
    wire_bytes: int
    retry_after: str = ""
    """The header of that name."""


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    expires: float


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 60.0


class Fetcher:
    """One HTTP client for scraping and discovery; connections are shared and bounded. One that is
    `outside_only` reaches public addresses alone, and follows no redirect."""

    def __init__(
        self, clock: Clock, folder: Path, *, connections: int = 512, outside_only: bool = False
    ) -> None:
        self.folder = folder
        self._clock = clock
        self._connections = connections
        self._outside_only = outside_only
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._contexts: dict[tuple[TlsConfig, tuple[int, ...]], ssl.SSLContext] = {}
        self._tokens: dict[int, tuple[OAuth2, _Token]] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def get(
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        limit_bytes: int,
        socket: str = "",
    ) -> Answer:
        """GET the address, over the unix `socket` if one is given.

        Raises Temporary when there is no answer in time, TooLarge beyond `limit_bytes` (inflated),
        Rejected when the options or the encoding are wrong.
        """
        try:
            async with asyncio.timeout(timeout):
                sent = await self._headers(options, headers)
                return await self._request(url, options, sent, limit_bytes, socket=socket)
        except TimeoutError as error:
            raise Temporary(f"no complete answer within {timeout:g} s") from error

    async def post(  # noqa: PLR0913 - each says another thing about one request
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout: float,
        limit_bytes: int,
        method: str = "POST",
    ) -> Answer:
        """POST (or PUT) the body; raises as `get`. Any status is an answer."""
        try:
            async with asyncio.timeout(timeout):
                sent = await self._headers(options, headers)
                return await self._request(
                    url, options, sent, limit_bytes, data=body, method=method
                )
        except TimeoutError as error:
            raise Temporary(f"no complete answer within {timeout:g} s") from error

    async def _headers(self, options: HttpOptions, given: Mapping[str, str]) -> dict[str, str]:
        sent = {"User-Agent": USER_AGENT, **given}
        for name, value in options.extra_headers(self.folder):
            sent[name] = f"{sent[name]}, {value}" if name in sent else value
        if "Authorization" in given:  # a service's own way goes before that of the options
            return sent
        bearer = options.bearer(self.folder)
        if bearer is not None:
            sent["Authorization"] = bearer
        elif options.basic_auth is not None:
            sent["Authorization"] = self._basic(options.basic_auth)
        elif options.oauth2 is not None:
            sent["Authorization"] = f"Bearer {await self._token(options.oauth2)}"
        return sent

    def _basic(self, auth: BasicAuth) -> str:
        user = auth.username or (read_secret(None, auth.username_file, base=self.folder) or "")
        password = read_secret(auth.password, auth.password_file, base=self.folder) or ""
        return _basic(user.strip(), password.strip())

    async def _token(self, oauth: OAuth2) -> str:
        known = self._tokens.get(id(oauth))
        if known is not None and known[1].expires > self._clock.monotonic():
            return known[1].value
        secret = read_secret(oauth.client_secret, oauth.client_secret_file, base=self.folder)
        form = {"grant_type": "client_credentials", **oauth.endpoint_params}
        if oauth.scopes:
            form["scope"] = " ".join(oauth.scopes)
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Authorization": _basic(oauth.client_id, (secret or "").strip()),
        }
        answer = await self._request(oauth.token_url, oauth, headers, _TOKEN_BYTES, data=form)
        token = _read_token(oauth.token_url, answer, self._clock.monotonic())
        # The options stay referenced, so that no other can have the same id meanwhile.
        self._tokens[id(oauth)] = (oauth, token)
        return token.value

    async def _request(  # noqa: PLR0913 - as above
        self,
        url: str,
        options: HttpOptions | OAuth2,
        headers: Mapping[str, str],
        limit_bytes: int,
        *,
        socket: str = "",
        data: bytes | Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        """GET, or `method` with `data`: a body, or the fields of a form."""
        follow = options.follow_redirects if isinstance(options, HttpOptions) else True
        if self._outside_only:
            refuse_inside(url)
            follow = False  # a resolver is not asked about an address in digits
        tls = options.tls_config
        try:
            async with self._session(socket).request(
                "GET" if data is None else method,
                URL(url),
                headers=headers,
                data=data,
                allow_redirects=follow,
                max_redirects=_MOST_REDIRECTS,
                ssl=self._context(tls) if url.startswith("https:") else True,
                server_hostname=tls.server_name or None,
                proxy=_proxy(url, options),
            ) as response:
                found = await _read(response, limit_bytes)
                encoding = response.headers.get("Content-Encoding", "")
                content_type = response.headers.get("Content-Type", "")
                inflated = inflate(found, encoding, limit_bytes)
                after = response.headers.get("Retry-After", "")
                return Answer(response.status, content_type, inflated, len(found), after)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, Inside):
                raise Rejected(str(error.os_error.strerror)) from error
            raise Temporary(words(error)) from error
        except aiohttp.ClientError as error:
            raise Temporary(words(error)) from error
        except (OSError, ValueError) as error:
            raise Temporary(f"the request failed: {error}") from error

    def _session(self, socket: str) -> aiohttp.ClientSession:
        session = self._sessions.get(socket)
        if session is None:
            connector: aiohttp.BaseConnector
            if socket:
                connector = aiohttp.UnixConnector(socket, limit=4)
            else:
                connector = aiohttp.TCPConnector(
                    limit=self._connections,
                    ttl_dns_cache=30,
                    keepalive_timeout=_IDLE_SECONDS,
                    resolver=OutsideResolver() if self._outside_only else None,
                )
            session = self._sessions[socket] = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,  # inflated by kit.compress, which knows bombs
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                max_field_size=64 << 10,
            )
        return session

    def _context(self, tls: TlsConfig) -> ssl.SSLContext:
        """The TLS context, made anew when one of its files changed."""
        files = filter(None, (tls.ca_file, tls.cert_file, tls.key_file))
        key = (tls, tuple(_changed_at(self.folder / file) for file in files))
        context = self._contexts.get(key)
        if context is None:
            self._contexts = {k: v for k, v in self._contexts.items() if k[0] != tls}
            context = self._contexts[key] = tls.context(self.folder)
        return context


def _basic(user: str, password: str) -> str:
    """RFC 7617, in UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            response.close()
            raise TooLarge(f"the body is larger than the limit of {limit_bytes} bytes")
    return b"".join(chunks)


def _read_token(url: str, answer: Answer, now: float) -> _Token:
    if answer.status != 200:
        raise Temporary(f"oauth2: {url} answers HTTP status {answer.status}")
    try:
        found = msgspec.json.decode(answer.body, type=_TokenAnswer)
    except msgspec.MsgspecError as error:
        raise Temporary(f"oauth2: {url} gives no token: {error}") from error
    return _Token(found.access_token, now + max(0.0, found.expires_in - _TOKEN_SPARE_SECONDS))


def _proxy(url: str, options: ProxyOptions) -> str | None:
    if options.proxy_url:
        host = urlsplit(url).hostname or ""
        return None if is_exempt(host, options.no_proxy) else options.proxy_url
    if options.proxy_from_environment:
        parts = urlsplit(url)
        if parts.hostname and urllib.request.proxy_bypass(parts.hostname):
            return None
        return urllib.request.getproxies().get(parts.scheme)
    return None


def words(error: aiohttp.ClientError) -> str:
    """One line that says what went wrong on the way."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {error.host} is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            return _connecting(error)
        case aiohttp.TooManyRedirects():
            return f"more than {_MOST_REDIRECTS} redirects"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            # Not told: the address itself is the secret of many services.
            return "not a valid address; it must be http://HOST… or https://HOST…"
        case aiohttp.ClientResponseError():
            return f"not a valid HTTP answer: {error.message or error}"[:300]
        case _:
            return f"{type(error).__name__}: {error}"[:300]


def _connecting(error: aiohttp.ClientConnectorError) -> str:
    where = f"{error.host}:{error.port}"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"cannot resolve the host name {error.host}"
        case aiohttp.ClientConnectorSSLError():
            return f"no TLS with {where}: {error.os_error}"[:300]
        case UnixClientConnectorError():
            where = error.path
    return f"cannot connect to {where}: {_reason(error.os_error)}"


def _reason(error: OSError) -> str:
    """The system's words, where asyncio has put its own in their place."""
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
