"""By which secret addresses do calendar programs read schedules?"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import quote

from starlette.requests import Request

from tocsin.kit.fault import NotFound
from tocsin.web.identity import identity
from tocsin.web.oncall_acts import record
from tocsin.web.services import services

_KINDS = ("schedules", "people")


def _setting(kind: str, name: str) -> str:
    return f"oncall_feed/{kind}/{name}"


async def feed_url(request: Request, kind: str, name: str, *, renew: bool = False) -> str:
    """The address of a schedule ("schedules") or a person ("people"); a new one makes the old one
    useless. Raises NotFound."""
    used = services(request)
    need_feed(request, kind, name)
    token = await used.settings.get(_setting(kind, name), str, "")
    if renew or not token:
        token = secrets.token_urlsafe(32)
        await used.settings.set(_setting(kind, name), token, by=identity(request).name)
        await record(request, "oncall_feed_made", f"{kind}/{name}", {})
    root = used.config.external_url or str(request.base_url)
    path = f"/api/oncall/{kind}/{quote(name, safe='')}.ics"
    return f"{root.rstrip('/')}{path}?token={quote(token, safe='')}"


async def revoke_feed(request: Request, kind: str, name: str) -> None:
    """Whoever subscribed is shut out. Raises NotFound."""
    need_feed(request, kind, name)
    await services(request).settings.set(_setting(kind, name), "", by=identity(request).name)
    await record(request, "oncall_feed_revoked", f"{kind}/{name}", {})


def need_feed(request: Request, kind: str, name: str) -> None:
    """Raises NotFound when there is no such calendar."""
    roster = services(request).oncall.rota.roster
    if kind not in _KINDS or name not in (
        roster.schedules if kind == "schedules" else roster.people
    ):
        raise NotFound(f"there is no calendar of {name[:100]!r} among the {kind[:20]} of oncall")


async def holds_token(request: Request, kind: str, name: str) -> bool:
    """Whether the request has the `token` of that calendar's address."""
    given = request.query_params.get("token", "")
    token = await services(request).settings.get(_setting(kind, name[:150]), str, "")
    return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
