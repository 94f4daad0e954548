"""Every part in all its states, for those who build pages: `/ui`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.pages.connect import scraping
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get

STATES = ("ok", "info", "warning", "critical", "unknown", "silenced")

SAMPLE_ROWS = (
    ("checkout", "ok", 1_284_112, 0.0123, "2026-05-04 13:37:00 UTC"),
    ("payments", "critical", 88_120, 1.9031, "2026-05-04 13:36:40 UTC"),
    ("search", "warning", 45_001_200, 0.2210, "2026-05-04 13:36:55 UTC"),
    ("mail-worker", "unknown", 12, 0.0001, "2026-05-03 02:10:00 UTC"),
    ("billing-nightly-with-a-name-that-is-far-too-long", "silenced", 0, 0.0, ""),
)


async def _catalogue(request: Request) -> Response:
    return page(
        request, "pages/catalogue.html", states=STATES, rows=SAMPLE_ROWS, snippets=scraping()
    )


ADDRESSES: Addresses = (get("/ui", _catalogue, Access.READ),)
