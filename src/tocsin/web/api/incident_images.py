"""Pictures on an incident's timeline: `/api/incidents/INC-2026-0042/images`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.api.incident_json import as_json, author_of, book_of, number_of
from tocsin.web.body import read_body
from tocsin.web.routing import Access, Address, Addresses, get
from tocsin.web.services import services

_HEADERS = {
    # Whatever somebody gets past the check of the content runs nothing here.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=31536000, immutable",
}


class ImageShown(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was kept."""

    id: int
    name: str
    media_type: str
    size: int
    url: str


async def _put(request: Request) -> Response:
    """Put a picture (PNG, JPEG, GIF or WebP: the body) on the timeline, by its `name`."""
    content = await read_body(request, services(request).config.ingest.body)
    name = request.query_params.get("name", "")[:200]
    number = number_of(request)
    kept = await book_of(request).attach_image(
        number, name, content, author_of(request), text=request.query_params.get("text", "")
    )
    told = ImageShown(
        id=kept.id,
        name=kept.name,
        media_type=kept.media_type,
        size=kept.size,
        url=f"/api/incidents/{number}/images/{kept.id}",
    )
    return as_json(told, 201)


async def _get(request: Request) -> Response:
    """One picture."""
    book = book_of(request)
    one = await book.get(number_of(request))
    kept = await book.image(one.id, int(str(request.path_params["image"])[:12]))
    name = kept.name.encode("ascii", "replace").decode().replace('"', "")
    headers = {**_HEADERS, "Content-Disposition": f'inline; filename="{name}"'}
    return Response(kept.content, headers=headers, media_type=kept.media_type)


_ALL = "/api/incidents/{number}/images"

ADDRESSES: Addresses = (
    Address(_ALL, _put, Access.RESPOND, ("POST",), answer=ImageShown),
    get(f"{_ALL}/{{image:int}}", _get, Access.READ),
)
