"""How does a message come to a browser? One request to its push service (RFC 8030)."""

from __future__ import annotations

import asyncio
import hashlib

import aiohttp

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.kit.outside import OutsideResolver, refuse_inside
from tocsin.model import outbox
from tocsin.oncall.webpush.device import Device
from tocsin.oncall.webpush.encoding import raw, text
from tocsin.oncall.webpush.encryption import encrypted
from tocsin.oncall.webpush.vapid import Vapid
from tocsin.scrape.fetch import words

_SECONDS = 15.0
_TTL_SECONDS = 4 * 3600
"""How long a push service keeps it for a phone that is off."""
_REMEDY = "a push service of your own needs oncall.paging.web_push.allow_private: true"
_SHOWN = 200
_GONE = (404, 410)


class Gone(Permanent):
    """The browser has given the subscription up: it is to be forgotten."""


class PushSender:
    """Sends to push services; `allow_private` is for one of one's own. Close it at the end."""

    def __init__(self, clock: Clock, *, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, vapid: Vapid, device: Device, plain: bytes, *, urgency: str, topic: str
    ) -> None:
        """Raises Gone, Temporary, Permanent or Rejected. A later message of the same `topic` takes
        the place of one that has not been fetched."""
        if not self.allow_private:
            refuse_inside(device.endpoint, remedy=_REMEDY)
        keys = raw(device.p256dh, "p256dh"), raw(device.auth, "auth")
        body = await asyncio.to_thread(encrypted, plain, *keys)
        headers = {
            "Authorization": vapid.authorization(device.endpoint, self._clock.now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_TTL_SECONDS),
            "Urgency": "high" if urgency == "high" else "normal",
            "Topic": text(hashlib.sha256(topic.encode()).digest()[:24]),
        }
        status, said, wait = await self._post(device, body, headers)
        outbox.answered(f"{status} {said}")
        _judge(device.host, status, said, wait)

    async def _post(
        self, device: Device, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str, str]:
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._opened().post(
                    device.endpoint, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                said = (await answer.content.read(_SHOWN)).decode("utf-8", "replace").strip()
                return answer.status, said, answer.headers.get("Retry-After", "")
        except TimeoutError as error:
            raise Temporary(f"{device.host}: no answer within {_SECONDS:g} s") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Temporary(f"{device.host}: {error.os_error}"[:300]) from error
        except aiohttp.ClientError as error:
            raise Temporary(words(error)) from error
        except (OSError, ValueError) as error:
            raise Temporary(f"{device.host}: {error}"[:300]) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self.allow_private else OutsideResolver(remedy=_REMEDY)
            connector = aiohttp.TCPConnector(limit=32, resolver=resolver)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


def _judge(host: str, status: int, said: str, wait: str) -> None:
    """RFC 8030, section 5: 201 says that it was taken."""
    if 200 <= status < 300:
        return
    refusal = f"{host} answers status {status}{f': {said}' if said else ''}"
    if status in _GONE:
        raise Gone(f"{refusal}; the browser has given this up and is forgotten")
    if status == 429 or status >= 500:
        seconds = float(wait) if wait.isascii() and wait.isdigit() else None
        raise Temporary(refusal, min(seconds, 3600.0) if seconds is not None else None)
    raise Permanent(refusal)
