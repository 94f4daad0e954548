"""What visitors of the public status page ask for: to be told, to confirm it, to be left alone.

Everything else of the page is served by `web.status_door`, ahead of the guard.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary
from tocsin.kit.outside import is_outside
from tocsin.state.throttle import TooManyAttempts
from tocsin.statuspage.desk import StatusDesk
from tocsin.web.attempts import Attempts
from tocsin.web.body import status_of
from tocsin.web.csrf import form_of
from tocsin.web.pages.status_html import BELOW, sheet
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services
from tocsin.web.status_door import is_own_host, own_headers

_OF_ONE, _OF_ALL = 10, 1000
_HOUR_SECONDS = 3600.0


async def _subscribe(request: Request) -> Response:
    """Send a link to an address; the answer is the same whether or not it is known."""
    form = await form_of(request)
    words = _desk(request).board.snapshot.look.words
    try:
        _count(request)
        kind, address = str(form.get("kind") or "email"), str(form.get("address") or "")
        await _desk(request).subscriptions.ask(kind, address)
    except Fault as error:
        return _refused(request, error)
    return _sheet(request, words["subscribe"], words=words["check_inbox"])


async def _question(request: Request) -> Response:
    """What a link would do. Nothing is done: programs that check mails follow every link."""
    words = _desk(request).board.snapshot.look.words
    try:
        _, address = _desk(request).subscriptions.asked(_token(request))
    except Fault as error:
        return _old(request, error)
    asked = words["confirm_question"].replace("{address}", address)
    return _sheet(request, words["subscribe"], words=asked, button=words["confirm"])


async def _confirm(request: Request) -> Response:
    """Tell that address from now on."""
    words = _desk(request).board.snapshot.look.words
    try:
        found = await _desk(request).subscriptions.confirm(_token(request))
    except Fault as error:
        return _old(request, error)
    said = words["confirmed"].replace("{address}", found.address)
    return _sheet(request, words["subscribe"], words=said, secret=found.secret)


async def _leave_question(request: Request) -> Response:
    """Whether to send no more; asks nothing of the database."""
    words = _desk(request).board.snapshot.look.words
    asked = words["unsubscribe_question"]
    return _sheet(request, words["unsubscribe"], words=asked, button=words["unsubscribe"])


async def _leave(request: Request) -> Response:
    """Send no more: at once, without a login or a question (RFC 8058)."""
    words = _desk(request).board.snapshot.look.words
    try:
        await _desk(request).subscriptions.leave(_token(request))
    except Fault as error:
        return _refused(request, error)
    return _sheet(request, words["unsubscribe"], words=words["unsubscribed"])


def _desk(request: Request) -> StatusDesk:
    desk = services(request).status_page
    if not desk.board.config.is_on or not desk.board.site:
        raise NotFound("there is no status page")
    return desk


def _token(request: Request) -> str:
    return str(request.path_params["token"])


def _count(request: Request) -> None:
    """Raises TooManyAttempts for whoever asks often, and for all when many ask."""
    state = request.app.state
    if not hasattr(state, "status_attempts"):
        clock = services(request).clock
        state.status_attempts = (
            Attempts(clock, most=_OF_ONE, seconds=_HOUR_SECONDS),
            Attempts(clock, most=_OF_ALL, seconds=_HOUR_SECONDS),
        )
    one, everybody = state.status_attempts
    one.count(_who(request))
    everybody.count("all")


def _who(request: Request) -> str:
    """The visitor's address: that which a proxy of the inside has noted, else the peer's own."""
    peer = request.client.host if request.client else ""
    # Some proxies add a line of their own below the visitor's: the last of all counts.
    noted = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    try:
        is_proxy = not is_outside(peer)
        is_outside(noted)
    except ValueError:
        return peer
    return noted if is_proxy else peer


def _old(request: Request, error: Fault) -> Response:
    if isinstance(error, Temporary) or not isinstance(error, Rejected):
        return _refused(request, error)
    words = _desk(request).board.snapshot.look.words
    return _sheet(request, words["subscribe"], 410, words=words["link_is_old"])


def _refused(request: Request, error: Fault) -> Response:
    words = _desk(request).board.snapshot.look.words
    status = 429 if isinstance(error, TooManyAttempts) else status_of(error)
    said = str(error) if isinstance(error, (Rejected, TooManyAttempts)) else ""
    said = said or "This cannot be done just now; try again in a minute."
    return _sheet(request, words["subscribe"], status, words=said[:1].upper() + said[1:])


def _sheet(
    request: Request,
    heading: str,
    status: int = 200,
    *,
    words: str = "",
    secret: str = "",
    button: str = "",
) -> Response:
    """Text for programs, where a secret has a line of its own; a page for people."""
    if "text/html" not in request.headers.get("accept", "text/html"):
        told = f"{words}\n{secret}\n" if secret else f"{words}\n"
        return PlainTextResponse(told, status, own_headers())
    base = "" if is_own_host(request.scope) else BELOW
    look = _desk(request).board.snapshot.look
    text = sheet(look, base, heading=heading, words=words, secret=secret, button=button)
    return Response(text, status, own_headers(), media_type="text/html; charset=utf-8")


_ONE, _LEAVE = f"{BELOW}/subscription/{{token}}", f"{BELOW}/unsubscribe/{{token}}"
_PUBLIC = Access.PUBLIC

ADDRESSES: Addresses = (
    Address(f"{BELOW}/subscribe", _subscribe, _PUBLIC, ("POST",)),
    Address(_ONE, _question, _PUBLIC),
    Address(_ONE, _confirm, _PUBLIC, ("POST",)),
    Address(_LEAVE, _leave_question, _PUBLIC),
    Address(_LEAVE, _leave, _PUBLIC, ("POST",)),
)
