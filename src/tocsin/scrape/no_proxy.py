"""Which hosts are reached without the proxy? (`no_proxy`, golang.org/x/net/http/httpproxy)"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_exempt(host: str, no_proxy: str) -> bool:
    """Whether a host is in the comma-separated list of names, domains, addresses and networks.

    Loopback is always exempt; `*` exempts everything; a name also covers its subdomains.
    """
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_covers(entry, host.lower(), address) for entry in entries)


def _covers(entry: str, host: str, address: _Address | None) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name = entry.removeprefix("*").removeprefix(".")
    return host.endswith("." + name) or (host == name and not entry.startswith((".", "*")))


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
