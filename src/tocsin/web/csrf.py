"""Did the person really mean this, or did another site make the browser do it?"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request

from tocsin.kit.fault import Rejected, TooLarge
from tocsin.web.body import TooSlow
from tocsin.web.identity import Identity, Kind

HEADER = "x-csrf-token"
FIELD = "csrf"
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

_LARGEST_FORM_BYTES = 1 << 20
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def is_foreign(headers: Mapping[str, str], own_origins: tuple[str, ...]) -> bool:
    """Whether a browser says that another site caused this request.

    Programs send neither `Sec-Fetch-Site` nor `Origin` and are not foreign.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if not origin:
        return False
    if origin.lower() in own_origins:
        return False
    host = headers.get("host", "").lower()
    return not host or _netloc(origin) != host


def _netloc(origin: str) -> str:
    """`host[:port]` of an origin, empty when it is none."""
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return ""


async def has_token(request: Request, identity: Identity) -> bool:
    """Whether the request carries its session's token, in the header or in the form.

    Only sessions have one; for others there is nothing to carry. Raises TooLarge for a form that is
    too large to be looked into.
    """
    if identity.kind is not Kind.SESSION or identity.session is None:
        return True
    given = request.headers.get(HEADER) or await _from_form(request)
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), identity.session.csrf.encode()
    )


async def _from_form(request: Request) -> str:
    content_type = request.headers.get("content-type", "").lower()
    if not content_type.startswith(_FORMS):
        return ""
    value = (await form_of(request)).get(FIELD, "")
    return value if isinstance(value, str) else ""


async def form_of(request: Request) -> FormData:
    """The form that was sent; raises as `keep_body`."""
    await keep_body(request)
    return await request.form()


async def keep_body(request: Request, *, limit_seconds: float = 30.0) -> None:
    """Read a form or a small JSON body once and keep it, so that it can be read again.

    Raises TooLarge beyond 1 MiB, TooSlow beyond `limit_seconds`, Rejected when it breaks off.
    """
    try:
        async with asyncio.timeout(limit_seconds):
            await _keep_body(request)
    except TimeoutError as error:
        raise TooSlow(f"the body did not arrive within {limit_seconds:g} s") from error
    except ClientDisconnect as error:
        raise Rejected("the sender left before its body was complete") from error


async def _keep_body(request: Request) -> None:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_FORM_BYTES:
            raise TooLarge(f"the body is larger than {_LARGEST_FORM_BYTES} bytes")
        chunks.append(chunk)
    request._body = b"".join(chunks)  # what Request.body() itself keeps
