"""How does a message go to an address that a stranger gave, without reaching what is inside?

Only to the outside (`kit.outside`), and redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.outside import Inside, Network, OutsideResolver, host_of, refuse_inside

_SECONDS = 5.0
_LONGEST_URL = 1000
_MOST_CONNECTIONS = 16


class Gone(Permanent):
    """The receiver says that it wants nothing more (status 410)."""


def web_address(text: str, allowed: Sequence[Network] = ()) -> str:
    """The address of a webhook as it is kept. Raises Rejected when it is none, or lies inside."""
    url = text.strip()
    if len(url) > _LONGEST_URL or any(one.isspace() or ord(one) < 32 for one in url):
        raise Rejected(f"a webhook's address has at most {_LONGEST_URL} characters and no space")
    try:
        parts = urlsplit(url)
        host, port = host_of(url), parts.port
    except ValueError as error:
        raise Rejected(f"this is no address: {error}") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and allowed):
        raise Rejected("a webhook's address begins with https://")
    if not host or parts.username is not None or parts.password is not None or port == 0:
        raise Rejected("a webhook's address is https://HOST/PATH, without a name or password")
    refuse_inside(url, allowed)
    return url


class Outward:
    """Posts to the outside alone; `allowed` are private networks that may be reached too."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = allowed
        self._resolver = OutsideResolver(allowed)
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
            if isinstance(cause, Inside) or isinstance(getattr(error, "os_error", 0), Inside):
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
                resolver=self._resolver, use_dns_cache=False, limit=_MOST_CONNECTIONS
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                trust_env=False,
            )
        return self._session
