"""A push service of the tests' own: it takes what a real one takes, and reads it as a browser."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tocsin.oncall.webpush.encoding import raw, text
from tocsin.oncall.webpush.encryption import CURVE, decrypted, point, public_key


@dataclass
class Browser:
    """The keys of one subscription."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def p256dh(self) -> str:
        """As a subscription has it."""
        return text(point(self.key.public_key()))


@dataclass
class Taken:
    """One message as it came."""

    headers: dict[str, str]
    plain: bytes


class PushService:
    """Answers `status` and keeps what it read."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.taken: list[Taken] = []
        self.status = 201
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """RFC 8030, section 5."""
        body = await request.read()
        plain = decrypted(body, self.browser.key, self.browser.auth)
        self.taken.append(Taken({k.lower(): v for k, v in request.headers.items()}, plain))
        return web.Response(status=self.status, text="" if self.status == 201 else "no")


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """On a free port of loopback."""
    service = PushService(Browser())
    app = web.Application()
    app.router.add_post("/wp/{id}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    service.url = f"http://127.0.0.1:{port}/wp/one"
    yield service
    await runner.cleanup()


def verified(authorization: str) -> dict[str, object]:
    """The claims of a VAPID header whose signature holds; raises otherwise."""
    parts = dict(part.strip().split("=", 1) for part in authorization[6:].split(","))
    head, claims, mark = parts["t"].split(".")
    signature = raw(mark, "signature")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = public_key(raw(parts["k"], "k"))
    key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    padded = claims + "=" * (-len(claims) % 4)
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(padded))
    return found
