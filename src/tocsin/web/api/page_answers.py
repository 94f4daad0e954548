"""How pages are answered without a login: `/page/<token>`, signed for one person and incident.

Whoever has the link may do what it names. A GET only shows what would be done, because programs
that check messages follow every link; notifications and telephones post.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.kit.signed_link import Expired, SignedLink
from tocsin.oncall.paging.answers import ACKNOWLEDGE, ACTIONS, ANSWER, ESCALATE
from tocsin.state.throttle import TooManyAttempts
from tocsin.web.body import status_of
from tocsin.web.csrf import form_of
from tocsin.web.pager import Standing, pager
from tocsin.web.pages.render import page
from tocsin.web.people import people, refuse_disabled
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_WANTED = {"acknowledge": ACKNOWLEDGE, "escalate": ESCALATE}
_DIGITS = {"1": ACKNOWLEDGE, "2": ESCALATE}
_SOURCES = {ACKNOWLEDGE: "push", ESCALATE: "push", ANSWER: "link"}


@dataclass(frozen=True, slots=True)
class PageView:
    """The page: what it is about, what came of it (`done`), or why not (`problem`)."""

    recipient: str = ""
    standing: Standing | None = None
    done: str = ""
    problem: str = ""


async def _ask(request: Request) -> Response:
    """What the link is about; nothing is done."""
    try:
        link = await _link(request)
        return _shown(request, await _view(request, link))
    except Fault as error:
        return _refused(request, error)


async def _act(request: Request) -> Response:
    """Acknowledge or escalate, as the link says or the button that was pressed."""
    is_program = "application/json" in request.headers.get("accept", "")
    try:
        link = await _link(request)
        action = link.action
        if action == ANSWER:
            action = _WANTED.get(str((await form_of(request)).get("do", "")), "")
        done = await _done(request, link, action, _SOURCES[link.action])
    except Fault as error:
        if is_program:
            return _json({"problem": _sentence(error)}, _status(error))
        return _refused(request, error)
    if is_program:
        return _json({"done": done}, 200)
    return _shown(request, await _view(request, link, done))


async def _digits(request: Request) -> Response:
    """The digit that was pressed during a call; answered as Twilio wants it.

    https://www.twilio.com/docs/voice/twiml/gather
    """
    try:
        link = await _link(request)
        if link.action != ANSWER:
            raise Rejected("this link is not one of a call")
        digit = str((await form_of(request)).get("Digits", ""))
        words = await _done(request, link, _DIGITS.get(digit, ""), "call")
    except Fault as error:
        words = _sentence(error)
    body = f"<Response><Say>{escape(words)}</Say></Response>"
    return Response(body, media_type="text/xml", headers={"Cache-Control": "no-store"})


async def _link(request: Request) -> SignedLink:
    """The link; raises Expired, TooManyAttempts for whoever tries many, or Rejected, also when it
    was made for a user who is disabled by now."""
    door, now = pager(request), services(request).clock.now()
    links = door.links()
    if links is None:
        raise Rejected("Tocsin is still starting")
    try:
        link = links.read(str(request.path_params["token"]), now)
    except Expired:
        raise
    except Rejected:
        door.attempts.count(f"address {request.client.host if request.client else ''}")
        raise
    if link.action not in ACTIONS:
        raise Rejected("this link is not one of a page")
    person = await door.book.person(link.recipient)
    await refuse_disabled(request, link.recipient, person.email)
    return link


async def _done(request: Request, link: SignedLink, action: str, source: str) -> str:
    door = pager(request)
    door.attempts.count(f"link {link.recipient} {link.subject}")
    if action == ACKNOWLEDGE:
        words = await door.answers.acknowledge(link.subject, link.recipient, source)
    elif action == ESCALATE:
        words = await door.answers.escalate(link.subject, link.recipient, source)
    else:
        raise Rejected("choose one: acknowledge or escalate")
    ip = request.client.host if request.client else ""
    what = "incident_acknowledged" if action == ACKNOWLEDGE else "incident_escalated"
    name = f"page:{link.recipient}"
    audit = people(request).audit
    await audit.record(name, what, link.subject, detail={"via": source}, ip=ip)
    return words


async def _view(request: Request, link: SignedLink, done: str = "") -> PageView:
    standing = await pager(request).standing(link)
    return PageView(recipient=link.recipient, standing=standing, done=done)


def _status(error: Fault) -> int:
    match error:
        case Expired():
            return 410
        case TooManyAttempts():
            return 429
        case _:
            return status_of(error)


def _sentence(error: Fault) -> str:
    if isinstance(error, Expired):
        return "This page is more than a day old and cannot be answered any more."
    if isinstance(error, NotFound):
        return "That incident is not there any more. Nothing was done."
    return f"Not done: {error}."


def _refused(request: Request, error: Fault) -> Response:
    return _shown(request, PageView(problem=_sentence(error)), _status(error))


def _shown(request: Request, view: PageView, status: int = 200) -> Response:
    response = page(request, "pages/page_answer.html", status=status, view=view)
    # The address is a key: it must reach no other site, and no search engine.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _json(value: dict[str, str], status: int) -> Response:
    body = msgspec.json.encode(value)
    headers = {"Cache-Control": "no-store"}
    return Response(body, status, headers=headers, media_type="application/json")


ADDRESSES: Addresses = (
    Address("/page/{token}", _ask, Access.PUBLIC),
    Address("/page/{token}", _act, Access.PUBLIC, ("POST",)),
    Address("/page/{token}/digits", _digits, Access.PUBLIC, ("POST",)),
)
