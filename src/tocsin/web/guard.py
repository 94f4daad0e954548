"""May this caller use this address? Every route is made here, so none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.kit.fault import Fault, Temporary
from tocsin.web import cors, csrf
from tocsin.web.authenticator import Authenticator
from tocsin.web.identity import NOBODY, Identity, Kind, scope_of
from tocsin.web.lease import Lease
from tocsin.web.pages.modules import content_security_policy
from tocsin.web.pages.render import Viewer
from tocsin.web.people import People
from tocsin.web.problem import of_fault, problem, wants_html
from tocsin.web.routing import Access, Address, Handler

LOGIN = "/login"
PASSWORD = "/password"
LOGOUT = "/logout"
_LOOPBACK_NAMES = ("localhost", "[::1]", "::1")


class Guard:
    """Makes the routes of addresses; each asks for its credential, whatever is around it."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator

    @property
    def people(self) -> People:
        """Whom it lets in."""
        return self.authenticator.people

    def routes(self, addresses: Iterable[Address]) -> list[Route]:
        """The routes of all addresses."""
        return [self.route(address) for address in addresses]

    def route(self, address: Address) -> Route:
        """A route that answers only those who may."""
        methods = list(address.methods)
        if address.access is Access.BROWSER_INGEST:
            methods.append("OPTIONS")
        return Route(address.path, self.protect(address), methods=methods)

    def protect(self, address: Address) -> Handler:
        """The address's handler behind its access."""

        async def protected(request: Request) -> Response:
            if address.access is Access.BROWSER_INGEST:
                return await self._for_browsers(request, address)
            return await self._answered(request, address)

        return protected

    async def _for_browsers(self, request: Request, address: Address) -> Response:
        is_off = self.people.auth_off
        allowed = ("*",) if is_off else await self.authenticator.browser_origins()
        if request.method == "OPTIONS":
            return cors.preflight(request, address.methods, allowed)
        response = await self._answered(request, address)
        response.headers.update(cors.headers_for(request.headers.get("origin", ""), allowed))
        return response

    async def _answered(self, request: Request, address: Address) -> Response:
        try:
            who = await self._identified(request, address)
            refusal = await self._refusal(request, address, who)
            return refusal if refusal is not None else await address.handler(request)
        except Fault as fault:
            return of_fault(request, fault)

    async def _identified(self, request: Request, address: Address) -> Identity:
        access = address.access
        client = request.client.host if request.client else ""
        identify, headers, cookies = self.authenticator.identify, request.headers, request.cookies
        ask = partial(identify, headers, request.query_params, cookies, client)
        try:
            who = await ask()
            if who is NOBODY and address.key_in_body is not None:
                key = await address.key_in_body(request)
                ask = partial(identify, headers, {"sentry_key": key}, cookies, client)
                who = await ask() if key else who
        except Temporary:
            if access is not Access.PUBLIC:
                raise
            who = NOBODY  # health and login answer while the database is away
        request.state.identity = who
        request.state.lease = Lease(self.people.clock, partial(ask, recent=True), access)
        request.state.key_name = who.name
        request.state.viewer = Viewer(
            name=who.name,
            is_admin=who.is_admin,
            may_respond=who.may_respond,
            csrf=who.session.csrf if who.session else "",
            signed_in=who.kind in (Kind.SESSION, Kind.PASSWORD),
        )
        return who

    async def _refusal(self, request: Request, address: Address, who: Identity) -> Response | None:
        if address.access is Access.PUBLIC:
            return None
        if not who.allows(address.access):
            return self._denied(request, address.access, who)
        if (
            who.kind is Kind.SESSION
            and who.user is not None
            and who.user.must_change_password
            and request.scope["path"] not in (PASSWORD, LOGOUT)
        ):
            return self._to(request, PASSWORD, 403, "set a password of your own first")
        return await self._forged(request, address, who)

    async def _forged(self, request: Request, address: Address, who: Identity) -> Response | None:
        """A refusal when another site may have caused this with the person's own credential."""
        if request.method in csrf.SAFE_METHODS or not who.is_ambient:
            return None
        if who.kind is Kind.LOCAL and address.access is Access.BROWSER_INGEST:
            return None
        origin = self.people.external_origin
        if csrf.is_foreign(request.headers, (origin,) if origin else ()):
            return problem(request, 403, "this request was made by a page of another site")
        if not await csrf.has_token(request, who):
            return problem(
                request,
                403,
                "the form's token is missing or old; load the page again and repeat it (programs: "
                "send a key as Authorization: Bearer instead of a cookie)",
            )
        return None

    def _denied(self, request: Request, access: Access, who: Identity) -> Response:
        if who.kind is Kind.NOBODY:
            words = _missing(access, who.problem)
            return self._to(request, LOGIN, 401, words, _challenges(request))
        return problem(request, 403, _too_little(access, who))

    def _to(
        self,
        request: Request,
        path: str,
        status: int,
        words: str,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a person to that page, and tell a program what is wrong."""
        if request.headers.get("hx-request"):
            return Response(status_code=status, headers={"HX-Redirect": path})
        if wants_html(request) and request.method in ("GET", "HEAD"):
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            tail = "" if here == "/" else f"?next={quote(here, safe='')}"
            return RedirectResponse(path + tail, 303, {"Cache-Control": "no-store"})
        return problem(request, status, words, headers)


def _missing(access: Access, why: str) -> str:
    scope = scope_of(access)
    name = scope.value if scope else ""
    words = f"{why}; " if why else ""
    return (
        f"{words}this address needs a key with the scope {name!r} or a login. An administrator "
        "makes keys in Settings or with POST /api/tokens; send it as `Authorization: Bearer "
        "<key>` or as the password of Basic authentication"
    )


def _too_little(access: Access, who: Identity) -> str:
    scope = scope_of(access)
    name = scope.value if scope else ""
    if who.kind is Kind.BROWSER_KEY:
        return f"{who.name!r} is a browser's public key; this address needs a secret key"
    if who.kind is Kind.TOKEN:
        has = ", ".join(sorted(scope.value for scope in who.scopes))
        return (
            f"the key {who.name!r} has the scope {has}, this address needs {name!r}; an "
            "administrator makes such a key in Settings or with POST /api/tokens"
        )
    role = who.user.role.value if who.user else "nobody"
    if access is Access.RESPOND:
        return f"{who.name} is a {role}, who looks only; a member or an administrator may do this"
    return (
        f"{who.name} is a {role}; this needs an administrator"
        if name == "admin"
        else (f"{who.name} is a {role}, which does not include {name!r}; ask an administrator")
    )


def _challenges(request: Request) -> dict[str, str]:
    # A browser's script must not make the browser ask for a password of its own.
    basic = "" if "sec-fetch-site" in request.headers else ', Basic realm="tocsin", charset="UTF-8"'
    return {"WWW-Authenticate": f'Bearer realm="tocsin"{basic}'}


class Front:
    """Around the whole application: checks the Host, and adds the headers that protect pages."""

    def __init__(self, app: ASGIApp, people: People) -> None:
        self._app = app
        self._people = people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            host = Headers(scope=scope).get("host", "") if "headers" in scope else ""
            if self._people.auth_off and not _is_loopback_name(host):
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._people.auth_off and not _is_loopback_name(request.headers.get("host", "")):
            # DNS rebinding: a site's own name may resolve to 127.0.0.1 while its page is open.
            words = "login is off, so only http://127.0.0.1 and http://localhost are answered"
            await problem(request, 421, words)(scope, receive, send)
            return
        is_tls = scope.get("scheme") == "https"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), is_tls=is_tls)
            await send(message)

        await self._app(scope, receive, guarded)


def _add_headers(headers: MutableHeaders, *, is_tls: bool) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", content_security_policy())
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if is_tls:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _is_loopback_name(host: str) -> bool:
    if not host:
        return True  # HTTP/1.0 programs; browsers always send one
    name = host.lower()
    if not name.endswith("]"):
        head, colon, port = name.rpartition(":")
        name = head if colon and port.isdigit() else name
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
