"""May that address be asked? Where people say which, only public ones: no way into the own network.

What is checked is what is connected to: the check is the resolver of the connection itself.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from tocsin.kit.fault import Rejected

_TRANSLATED = tuple(
    ipaddress.IPv6Network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)
"""IPv6 addresses that stand for IPv4 ones (RFC 6052, 8215, 4291): no push service has one."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in _TRANSLATED):
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return found.is_global and not found.is_multicast


def refuse_literal(url: str) -> None:
    """A resolver is not asked about addresses in digits. Raises Rejected for one that is not
    public."""
    try:
        # As the connection reads it: there １２７。0.0.1 is 127.0.0.1.
        host = URL(url).host or ""
        allowed = is_public(host)
    except ValueError:
        return
    if not allowed:
        raise Rejected(_words(host))


class PublicResolver(AbstractResolver):
    """Finds public addresses only."""

    def __init__(self) -> None:
        self._below = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when there is none."""
        found = await self._below.resolve(host, port, family)
        allowed = [one for one in found if is_public(one["host"])]
        if not allowed:
            raise OSError(None, _words(host))
        return allowed

    async def close(self) -> None:
        """Nothing is held."""
        await self._below.close()


def _words(host: str) -> str:
    return (
        f"{host} is not on the public internet; a push service of your own needs "
        "oncall.paging.web_push.allow_private: true"
    )
