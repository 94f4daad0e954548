"""How is a fault told: to a program as JSON, to a person as a page?"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.state.throttle import TooManyAttempts
from tocsin.web.body import retry_headers, status_of

_TYPES = {
    400: "bad_data",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    421: "misdirected",
    429: "too_many_requests",
    503: "unavailable",
}

_TITLES = {
    400: "This request cannot be answered",
    401: "Log in first",
    403: "This is not allowed",
    404: "There is nothing here",
    413: "This is too large",
    429: "Too many attempts",
    503: "Try again in a moment",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error, in the words of Prometheus's API so that its clients show it."""

    status: str = "error"
    errorType: str  # noqa: N815 - Prometheus's own name
    error: str


def wants_html(request: Request) -> bool:
    """Whether a person's browser asks for a page, not a program or a page's own script."""
    accepts = "text/html" in request.headers.get("accept", "")
    return accepts and request.headers.get("sec-fetch-mode", "navigate") == "navigate"


def problem(
    request: Request, status: int, words: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in the form that the caller reads."""
    if wants_html(request) and "app" in request.scope:
        title = _TITLES.get(status, "Something went wrong")
        from tocsin.web.pages.render import error_page  # pages use addresses that use this

        response = error_page(request, status, title, words)
        response.headers.update(headers or {})
        return response
    body = Problem(errorType=_TYPES.get(status, "internal"), error=words)
    return Response(
        msgspec.json.encode(body),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )


def of_fault(request: Request, fault: Fault) -> Response:
    """The answer to a fault that no protocol answered in its own shape."""
    status = 429 if isinstance(fault, TooManyAttempts) else status_of(fault)
    return problem(request, status, str(fault), retry_headers(fault))
