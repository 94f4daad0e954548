"""Does an address lie outside, on the public internet? Where strangers say which address is asked,
only such ones are: whoever may name one could otherwise make Tocsin ask the cloud's metadata, a
router or a database of the private network (server-side request forgery).

What is checked is what is connected to: the check is the resolver of the connection itself, so that
a name that leads elsewhere the second time leads nowhere. Redirects must not be followed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from tocsin.kit.fault import Rejected

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_STANDS_FOR = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""IPv6 addresses of a site's own translator, and the old ones of IPv4 (RFC 8215, 4291)."""


class Inside(OSError):
    """A name that leads to an address of the inside."""


def is_outside(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether an IP address belongs to the public internet, or to a network that is allowed. Raises
    ValueError for what is no IP address."""
    ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip.version == network.version and ip in network for network in allowed):
        return True
    if ip.version == 6 and any(ip in network for network in _STANDS_FOR):
        return False
    return ip.is_global and not ip.is_multicast


def _inner(ip: Ip) -> Ip:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64: RFC 6052)."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def host_of(url: str) -> str:
    """As the connection reads it: there １２７。0.0.1 is 127.0.0.1. Raises ValueError."""
    return URL(url).host or ""


def refuse_inside(url: str, allowed: Sequence[Network] = (), *, remedy: str = "") -> None:
    """No resolver is asked about an address in digits. Raises Rejected for one of the inside."""
    try:
        host = host_of(url)
        is_fine = is_outside(host, allowed)
    except ValueError:
        return
    if not is_fine:
        raise Rejected(_words(host, remedy))


class OutsideResolver(AbstractResolver):
    """Finds addresses of the outside, and of `allowed` networks; `remedy` is told with refusals."""

    def __init__(self, allowed: Sequence[Network] = (), *, remedy: str = "") -> None:
        self._below: AbstractResolver = ThreadedResolver()
        self._allowed = allowed
        self._remedy = remedy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises Inside when any of them lies inside: nobody publishes both in good faith."""
        found = await self._below.resolve(host, port, family)
        if not all(is_outside(one["host"], self._allowed) for one in found):
            raise Inside(None, _words(host, self._remedy))
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._below.close()


def _words(host: str, remedy: str) -> str:
    return f"{host} is not on the public internet{f'; {remedy}' if remedy else ''}"
