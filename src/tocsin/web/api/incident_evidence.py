"""Evidence of incidents over the API, and as files: what was frozen when they opened and ended."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.evidence.document import policy
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.incident_json import as_json, number_of
from tocsin.web.routing import Access, Address, Addresses, get
from tocsin.web.services import services

_PRIVATE = {
    "Cache-Control": "private, max-age=86400, immutable",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_INERT = "default-src 'none'; sandbox"


class EvidenceShown(msgspec.Struct, frozen=True, kw_only=True):
    """One file of evidence; `size` is what it takes here, packed."""

    id: int
    name: str
    created: str
    size: int
    url: str


async def _list(request: Request) -> Response:
    """The evidence that is kept of an incident, the oldest first."""
    number = number_of(request)
    found = await services(request).afterwards.evidence(number)
    return as_json(
        [
            EvidenceShown(
                id=one.id,
                name=one.name,
                created=iso(one.created_ms),
                size=one.size,
                url=f"/incidents/{number}/evidence/{one.id}",
            )
            for one in found
        ]
    )


async def _file(request: Request) -> Response:
    """One file, to be kept and opened without Tocsin."""
    return await answer_file(request, is_kept=True)


async def _shown(request: Request) -> Response:
    """The same in the browser: it may run its own script, as nobody, and reach nothing."""
    return await answer_file(request, is_kept="download" in request.query_params)


async def answer_file(request: Request, *, is_kept: bool) -> Response:
    """A file as an attachment, or shown within a sandbox."""
    its_id = int(str(request.path_params["evidence"])[:9])
    name, content = await services(request).afterwards.evidence_file(number_of(request), its_id)
    way = "attachment" if is_kept else "inline"
    headers = {
        **_PRIVATE,
        "Content-Disposition": f'{way}; filename="{name}"',
        "Content-Security-Policy": f"sandbox allow-scripts; {policy()}; frame-ancestors 'none'",
    }
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")


async def _graph(request: Request) -> Response:
    """One graph of a file as SVG, as documents show it."""
    its_id = int(str(request.path_params["evidence"])[:9])
    graph = f"g{str(request.path_params['graph'])[:4]}"
    desk = services(request).afterwards
    drawn = await desk.evidence_graph(number_of(request), its_id, graph)
    headers = {**_PRIVATE, "Content-Security-Policy": _INERT}
    return Response(drawn.content, headers=headers, media_type=drawn.media_type)


_ALL = "/api/incidents/{number}/evidence"

ADDRESSES: Addresses = (
    Address(_ALL, _list, Access.READ, answer=list[EvidenceShown]),
    get(f"{_ALL}/{{evidence:int}}", _file, Access.READ),
    get("/incidents/{number}/evidence/{evidence:int}", _shown, Access.READ),
    get("/incidents/{number}/evidence/{evidence:int}/g{graph:int}.svg", _graph, Access.READ),
)
