"""How is Tocsin installed on a phone, and what rings it? The manifest, and the worker's address.

https://www.w3.org/TR/appmanifest/, https://www.w3.org/TR/service-workers/
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.pages.assets import asset, url
from tocsin.web.routing import Access, Addresses, get

WORKER = "pwa/worker.js"
_DARK = "#1b232d"


@lru_cache(maxsize=1)
def manifest() -> bytes:
    """The manifest; its icons are addressed by their content."""
    icons = [
        {"src": url("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        _icon("icon-192.png", 192, "any"),
        _icon("icon-512.png", 512, "any"),
        _icon("maskable-512.png", 512, "maskable"),
    ]
    return msgspec.json.encode(
        {
            "id": "/",
            "name": "Tocsin",
            "short_name": "Tocsin",
            "description": "Alerts, incidents and pages",
            "start_url": "/?source=installed",
            "scope": "/",
            "display": "standalone",
            "background_color": _DARK,
            "theme_color": _DARK,
            "icons": icons,
            "shortcuts": [
                {"name": "Incidents", "url": "/incidents"},
                {"name": "On call", "url": "/oncall"},
                {"name": "Alerts", "url": "/alerts"},
            ],
        }
    )


def _icon(name: str, size: int, purpose: str) -> dict[str, str]:
    source = url(f"pwa/{name}")
    return {"src": source, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}


async def _manifest(request: Request) -> Response:
    return Response(
        manifest(),
        media_type="application/manifest+json",
        headers={"Cache-Control": "public, max-age=3600"},
    )


async def _worker(request: Request) -> Response:
    """The service worker, at an address from which it may serve every page."""
    return Response(
        asset(WORKER).content,
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
    )


ADDRESSES: Addresses = (
    get("/manifest.webmanifest", _manifest, Access.PUBLIC),
    get("/sw.js", _worker, Access.PUBLIC),
)
