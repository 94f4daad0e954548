"""Which other sites' pages may send here, and what must the answer say so that they can?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from tocsin.state.tokens import allows_origin

_HEADER_NAMES = re.compile(r"[A-Za-z0-9\-_, ]{1,1000}")
_DAY_SECONDS = 86_400


def headers_for(origin: str, allowed: Iterable[str]) -> dict[str, str]:
    """What tells the browser that this origin's page may read the answer (Fetch, section 3.2)."""
    if not origin or not allows_origin(allowed, origin):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        # sendBeacon always sends in the mode "include", which the browser then wants allowed.
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After, X-Sentry-Rate-Limits, X-Sentry-Error",
        "Vary": "Origin",
    }


def preflight(request: Request, methods: Iterable[str], allowed: Iterable[str]) -> Response:
    """The answer to a preflight: 204 whether or not the origin may; the headers say which."""
    headers = headers_for(request.headers.get("origin", ""), allowed)
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods))
        headers["Access-Control-Max-Age"] = str(_DAY_SECONDS)
        asked = request.headers.get("access-control-request-headers", "")
        if _HEADER_NAMES.fullmatch(asked):
            headers["Access-Control-Allow-Headers"] = asked
    return Response(status_code=204, headers=headers)
