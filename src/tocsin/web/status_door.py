"""The public's door: documents of the status page, from memory, before anything else is asked.

Nobody is asked who they are here, so no visitor's request reaches the database, and a host name
that belongs to the page shows nothing of the rest of Tocsin.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.statuspage.board import Board, Document
from tocsin.web.pages.status_html import BELOW, OWN

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_CACHED = "public, max-age=30, stale-while-revalidate=60, stale-if-error=86400"
_PAGES = "text/html"
_OWN_HOST = "tocsin.status_host"
_ASKED_FOR = (f"{BELOW}/subscribe", f"{BELOW}/subscription/", f"{BELOW}/unsubscribe/")
"""What visitors ask for: the addresses of `pages.status`."""
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
_SHARED = ("/static/", "/favicon.ico")


class StatusDoor:
    """Around the application: answers GETs of the page's documents, hands on everything else."""

    def __init__(self, app: ASGIApp, board: Callable[[], Board | None]) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        board = self._board() if scope["type"] == "http" else None
        if board is None or not board.config.is_on:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope = _with_path_below(scope, headers, board)
        path: str = scope["path"]
        if path == BELOW or path.startswith(f"{BELOW}/"):
            answer = _answered(board, scope, headers)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _answered(board: Board, scope: Scope, headers: Headers) -> Response | None:
    """None for what an address of the application answers: whoever subscribes."""
    path, method = scope["path"], scope["method"]
    if path.startswith(_ASKED_FOR):
        return None
    if method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT)
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("this is only read\n", 405, {"Allow": "GET, HEAD"})
    found = _found(board, path, is_own=is_own_host(scope))
    if found is not None:
        return _answer(found, headers)
    if not board.site:
        words = "the status page is being made; try again in a few seconds\n"
        return PlainTextResponse(words, 503, {"Retry-After": "5", "Cache-Control": "no-store"})
    return PlainTextResponse("there is nothing here\n", 404, {"Cache-Control": "max-age=30"})


def is_own_host(scope: Scope) -> bool:
    """Whether the request came to the page's own host name."""
    return bool(scope.get(_OWN_HOST))


def own_headers() -> dict[str, str]:
    """Of answers to one visitor alone: nobody keeps them, no other site learns their address."""
    return {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }


def _with_path_below(scope: Scope, headers: Headers, board: Board) -> Scope:
    """The same request at `/status`, when it came to the page's own host name."""
    host = board.config.host
    given = _without_dot(headers.get("host", "").lower())
    if not host or (given not in (host, host.partition(":")[0]) and not _is_with_port(given, host)):
        return scope
    path: str = scope["path"]
    if path.startswith(_SHARED):
        return scope
    below = BELOW if path == "/" else f"{BELOW}{path}"
    return {**scope, "path": below, "raw_path": below.encode(), _OWN_HOST: True}


def _without_dot(given: str) -> str:
    """A host name as it is written: `status.example.com.` is the same host (RFC 1034, 3.1)."""
    name, colon, port = given.partition(":")
    return f"{name.removesuffix('.')}{colon}{port}"


def _is_with_port(given: str, host: str) -> bool:
    """Whether a host name that was given without a port came with one."""
    name, colon, port = given.rpartition(":")
    return ":" not in host and bool(colon) and name == host and port.isdigit()


def _found(board: Board, path: str, *, is_own: bool) -> Document | None:
    name = path.removeprefix(BELOW).removeprefix("/")
    site = board.site
    own = site.get(f"{OWN}{name}") if is_own else None
    return own or (None if name.startswith(OWN) else site.get(name))


def _answer(found: Document, asked: Headers) -> Response:
    headers = {"ETag": found.etag, "Cache-Control": _CACHED, "Vary": "Accept-Encoding"}
    if found.media_type.startswith(_PAGES):
        headers["Content-Security-Policy"] = _POLICY
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    else:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    tags = asked.get("if-none-match", "")
    if tags == "*" or found.etag in (tag.strip().removeprefix("W/") for tag in tags.split(",")):
        # A browser that looks again behind a sheet it shows meanwhile refuses one without a type.
        return Response(status_code=304, headers=headers, media_type=found.media_type)
    body = found.body
    if found.packed and "gzip" in asked.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = found.packed, "gzip"
    return Response(body, 200, headers, media_type=found.media_type)
