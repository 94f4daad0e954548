"""`/api/metrics` and `/api/analytics/…`: what front ends and back ends post by hand."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.protocols import tocsin_push
from tocsin.ingest.protocols.tocsin_push import Pushed
from tocsin.kit.fault import Fault
from tocsin.web.body import answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, Handler, post
from tocsin.web.services import services


def _push(decode: Callable[[bytes, int], Pushed]) -> Handler:
    async def push(request: Request) -> Response:
        used = services(request)
        body = await read_body(request, used.config.ingest.body)
        pushed = decode(body, used.clock.now_ms())
        accepted = await used.intake.accept_pushed("push", pushed.events, sender_of(request))
        answer: dict[str, object] = {"success": True}
        if pushed.invalid:
            answer["rejected"] = pushed.invalid
        if accepted.refused:
            answer["warning"] = f"kept as events, not as series: {accepted.reasons()}"
        return _json(answer)

    return answering(push, _refuse)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return _json({"error": str(fault)}, status)


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


ADDRESSES: Addresses = (
    post("/api/metrics", _push(tocsin_push.metrics), Access.BROWSER_INGEST),
    post("/api/analytics/web-vitals", _push(tocsin_push.web_vitals), Access.BROWSER_INGEST),
    post(
        "/api/analytics/page-performance",
        _push(tocsin_push.page_performance),
        Access.BROWSER_INGEST,
    ),
    post("/api/analytics/slow-render", _push(tocsin_push.slow_render), Access.BROWSER_INGEST),
    post("/api/analytics/page-view", _push(tocsin_push.page_view), Access.BROWSER_INGEST),
)
