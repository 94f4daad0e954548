"""How does a message go to an address that a stranger gave, without reaching what is inside?

Whoever may name an address could otherwise make Tocsin ask the cloud's metadata, a router or a
database of the private network (server-side request forgery). So every address that a name resolves
to is looked at when the connection is made, and redirects are not followed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tocsin.kit.fault import Permanent, Rejected, Temporary

_SECONDS = 5.0
_LONGEST_URL = 1000
_MOST_CONNECTIONS = 16

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Gone(Permanent):
    """The receiver says that it wants nothing more (status 410)."""


class _Private(OSError):
    """An address that lies inside."""


def is_outside(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether an IP address belongs to the public internet, or to a network that is allowed."""
    ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip.version == network.version and ip in network for network in allowed):
        return True
    if ip.version == 6 and any(ip in network for network in _STANDS_FOR):
        return False
    return ip.is_global and not ip.is_multicast


def _inner(ip: Ip) -> Ip:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_STANDS_FOR = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""IPv6 addresses of a site's own translator, and the old ones of IPv4 (RFC 8215, 4291)."""


def web_address(text: str, allowed: Sequence[Network] = ()) -> str:
    """The address of a webhook as it is kept. Raises Rejected when it is none, or lies inside."""
    url = text.strip()
    if len(url) > _LONGEST_URL or any(one.isspace() or ord(one) < 32 for one in url):
        raise Rejected(f"a webhook's address has at most {_LONGEST_URL} characters and no space")
    try:
        parts = urlsplit(url)
        # As the connection reads it: there １２７。0.0.1 is 127.0.0.1.
        host, port = URL(url).host or "", parts.port
    except ValueError as error:
        raise Rejected(f"this is no address: {error}") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and allowed):
        raise Rejected("a webhook's address begins with https://")
    if not host or parts.username is not None or parts.password is not None or port == 0:
        raise Rejected("a webhook's address is https://HOST/PATH, without a name or password")
    if _is_literal(host) and not is_outside(host, allowed):
        raise Rejected("this address lies in a private network, which webhooks may not reach")
    return url


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class _Guarding(AbstractResolver):
    """Resolves names, and refuses those of the inside."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._names = aiohttp.ThreadedResolver()
        self._allowed = allowed

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = 0,
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)  # type: ignore[arg-type]  # as above
        if not all(is_outside(one["host"], self._allowed) for one in found):
            raise _Private("it lies in a private network, which webhooks may not reach")
        return found

    async def close(self) -> None:
        await self._names.close()


class Outward:
    """Posts to the outside alone; `allowed` are private networks that may be reached too."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None

    async def call(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises Temporary, Gone or Permanent when the answer is not 2xx."""
        web_address(url, self._allowed)
        try:
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            cause = error.__cause__ if error.__cause__ is not None else error
            if isinstance(cause, _Private) or isinstance(getattr(error, "os_error", 0), _Private):
                raise Permanent("the webhook lies in a private network") from error
            raise Temporary(f"the webhook cannot be reached: {type(error).__name__}") from error
        if 200 <= status < 300:
            return
        if status == 410:
            raise Gone("the webhook answers 410: it wants nothing more")
        if status in (408, 425, 429) or status >= 500:
            raise Temporary(f"the webhook answers status {status}")
        raise Permanent(f"the webhook answers status {status}; redirects are not followed")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Guarding(self._allowed), use_dns_cache=False, limit=_MOST_CONNECTIONS
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                trust_env=False,
            )
        return self._session
