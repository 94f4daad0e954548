"""How does a person log in, log out, and change the password?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.kit.fault import Rejected, Temporary
from tocsin.state.throttle import TooManyAttempts
from tocsin.web import csrf
from tocsin.web.body import retry_headers
from tocsin.web.credentials import COOKIE, SECURE_COOKIE
from tocsin.web.guard import LOGIN, LOGOUT, PASSWORD
from tocsin.web.identity import identity
from tocsin.web.pages.render import page
from tocsin.web.people import People, people
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Addresses, get, post


async def _login_page(request: Request) -> Response:
    """The form, or straight on for somebody who is logged in or need not be."""
    target = safe_next(request.query_params.get("next", ""))
    if identity(request).session is not None or people(request).auth_off:
        return _see(target)
    return _login_form(request, target)


async def _login(request: Request) -> Response:
    known = people(request)
    if csrf.is_foreign(request.headers, (known.external_origin,)):
        return problem(request, 403, "this login was sent by a page of another site")
    form = await _fields(request)
    name, target = form.get("name", ""), safe_next(form.get("next", ""))
    ip = request.client.host if request.client else ""
    try:
        known.throttle.attempt(name, ip)
    except TooManyAttempts as fault:
        response = _login_form(request, target, name=name, problem=str(fault), status=429)
        response.headers.update(retry_headers(fault))
        return response
    try:
        user = await known.users.check(name, form.get("password", ""))
    except Temporary as fault:
        return _login_form(request, target, name=name, problem=str(fault), status=503)
    if user is None:
        await known.audit.record(name, "login_failed", ip=ip)
        words = "The name or the password is wrong."
        return _login_form(request, target, name=name, problem=words, status=401)
    known.throttle.succeeded(name, ip)
    before = identity(request).session
    if before is not None:  # a new login never takes over an old session's name
        await known.sessions.end(before.hash)
    secret, _ = await known.sessions.start(user, ip=ip, agent=request.headers.get("user-agent", ""))
    await known.audit.record(user.name, "login", ip=ip)
    response = _see(PASSWORD if user.must_change_password else target)
    _set_cookie(request, response, secret)
    return response


async def _logout(request: Request) -> Response:
    session = identity(request).session
    if session is not None:
        await people(request).sessions.end(session.hash)
        await people(request).audit.record(session.user.name, "logout")
    response = _see(LOGIN)
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def _password_page(request: Request) -> Response:
    """The form; nobody needs it where login is off."""
    if identity(request).session is None:
        return _see("/")
    return _password_form(request)


async def _change_password(request: Request) -> Response:
    session = identity(request).session
    if session is None:
        return problem(request, 403, "only a person who is logged in on a browser has a password")
    known, user = people(request), session.user
    form = await _fields(request)
    ip = request.client.host if request.client else ""
    old, new = form.get("old", ""), form.get("new", "")
    if new != form.get("again", new):
        return _password_form(request, problem="The two new passwords differ.", status=400)
    try:
        known.throttle.attempt(user.name, ip)
        if await known.users.check(user.name, old) is None:
            words = "The old password is wrong."
            return _password_form(request, problem=words, status=400)
        known.throttle.succeeded(user.name, ip)
        await known.users.set_password(user.id, new, keep_session=session.hash)
    except Rejected as fault:
        return _password_form(request, problem=f"{_sentence(str(fault))}", status=400)
    except TooManyAttempts as fault:
        return _password_form(request, problem=_sentence(str(fault)), status=429)
    await known.audit.record(user.name, "password_changed", user.name, ip=ip)
    return _see("/")


def _login_form(
    request: Request, target: str, *, name: str = "", problem: str = "", status: int = 200
) -> Response:
    return page(request, "pages/login.html", status=status, next=target, name=name, problem=problem)


def _password_form(request: Request, *, problem: str = "", status: int = 200) -> Response:
    session = identity(request).session
    must = session is not None and session.user.must_change_password
    return page(request, "pages/password.html", status=status, problem=problem, must=must)


async def _fields(request: Request) -> dict[str, str]:
    form = await csrf.form_of(request)
    return {key: value for key, value in form.items() if isinstance(value, str)}


def safe_next(target: str) -> str:
    """Where to go after the login: an address of ours, the overview for anything else.

    Browsers read `//host` and `/\\host` as another site, and drop tabs and newlines.
    """
    is_ours = target.startswith("/") and target[1:2] not in ("/", "\\")
    if not is_ours or "\\" in target or not target.isprintable() or len(target) > 2000:
        return "/"
    return "/" if target.split("?")[0] in (LOGIN, LOGOUT) else target


def _set_cookie(request: Request, response: Response, secret: str) -> None:
    known = people(request)
    is_secure = _is_tls(request, known)
    response.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        secret,
        max_age=known.sessions.lifetime_seconds,
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def _is_tls(request: Request, known: People) -> bool:
    """Whether the browser came over TLS, to us or to the proxy that `external_url` names."""
    if request.url.scheme == "https":
        return True
    origin = known.external_origin
    return origin.startswith("https://") and request.headers.get("host", "").lower() == origin[8:]


def _see(target: str) -> Response:
    return RedirectResponse(target, 303, {"Cache-Control": "no-store"})


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


ADDRESSES: Addresses = (
    get(LOGIN, _login_page, Access.PUBLIC),
    post(LOGIN, _login, Access.PUBLIC),
    post(LOGOUT, _logout, Access.READ),
    get(PASSWORD, _password_page, Access.READ),
    post(PASSWORD, _change_password, Access.READ),
)
