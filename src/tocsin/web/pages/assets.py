"""Where are our style sheets, scripts and icons, and may a browser keep them for ever?"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound
from tocsin.web.routing import Access, Addresses, get

STATIC = Path(__file__).resolve().parent.parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_SHORTEST_TO_COMPRESS = 1024


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file as it is sent."""

    content: bytes
    packed: bytes
    """The same, gzipped; empty when that does not pay."""
    media_type: str
    digest: str


@lru_cache(maxsize=256)
def asset(name: str) -> Asset:
    """The file `static/<name>`; raises NotFound when there is none."""
    path = (STATIC / name).resolve()
    if STATIC not in path.parents or not path.is_file():
        raise NotFound(f"there is no static file {name!r}")
    content = path.read_bytes()
    packed = gzip.compress(content, 6, mtime=0) if len(content) > _SHORTEST_TO_COMPRESS else b""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(content, packed, kind, hashlib.sha256(content).hexdigest()[:16])


@lru_cache(maxsize=256)
def url(name: str) -> str:
    """The address of a static file; it changes with the content, so it is cached for ever."""
    return f"/static/{name}?v={_digest(STATIC / name)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


async def _serve(request: Request) -> Response:
    found = asset(request.path_params["name"])
    tag = f'"{found.digest}"'
    hashed = request.query_params.get("v") == found.digest
    headers = {
        "ETag": tag,
        "Cache-Control": _FOR_EVER if hashed else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = found.content
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        content = found.packed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=found.media_type, headers=headers)


async def _favicon(request: Request) -> Response:
    found = asset("icon.svg")
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"Cache-Control": "public, max-age=86400"},
    )


ADDRESSES: Addresses = (
    get("/static/{name:path}", _serve, Access.PUBLIC),
    get("/favicon.ico", _favicon, Access.PUBLIC),
)
