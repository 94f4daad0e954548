"""The links of mails: `/answer/<token>`. The link shows a page; only its button does something,
because programs that check mails follow every link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.silence import SilenceMatcher
from tocsin.alert.deciding.answers import Who, shared_matchers
from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.kit.signed_link import Expired, SignedLink
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, get
from tocsin.notify.mail_actions import ACKNOWLEDGE, SILENCE
from tocsin.state.throttle import TooManyAttempts
from tocsin.web.answer_doors import doors, recorded
from tocsin.web.body import status_of
from tocsin.web.pages.render import page
from tocsin.web.people import refuse_disabled
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_SILENCE_SECONDS = 3600.0
_LISTED = 20


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An alert as the page names it."""

    name: str
    summary: str
    labels: Labels
    since_s: float
    taken_by: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The page: what a link would do, or what came of it (`done`), or why not (`problem`)."""

    action: str = ""
    recipient: str = ""
    rows: Sequence[AnswerRow] = ()
    rest: int = 0
    is_taken: bool = False
    hides: Sequence[SilenceMatcher] = ()
    done: str = ""
    problem: str = ""
    remedy: str = ""


async def _ask(request: Request) -> Response:
    """What the link would do; nothing is done."""
    try:
        link = await _link(request)
    except Fault as error:
        return _refused(request, error)
    return _shown(request, _view(request, link))


async def _act(request: Request) -> Response:
    """Do it."""
    try:
        link = await _link(request)
        doors(request).attempts.count(f"link {link.recipient} {link.subject}")
        done = await _done(request, link)
    except Fault as error:
        return _refused(request, error)
    return _shown(request, _view(request, link, done))


async def _link(request: Request) -> SignedLink:
    """The link that was followed; raises Expired, TooManyAttempts for whoever tries many that are
    none, or Rejected, also when it was made for a user who is disabled by now."""
    door, now = doors(request), services(request).clock.now()
    links = door.mail_links()
    if links is None:
        raise Rejected("this Tocsin makes no links: listen.external_url is not set")
    try:
        link = links.read(str(request.path_params["token"]), now)
    except Expired:
        raise
    except Rejected:
        door.attempts.count(f"address {request.client.host if request.client else ''}")
        raise
    await refuse_disabled(request, link.recipient)
    return link


async def _done(request: Request, link: SignedLink) -> str:
    answers, who = doors(request).answers, Who(link.recipient, "mail")
    alerts = answers.firing(link.subject)
    detail = {"via": "mail", "link": link.action}
    name = f"mail:{link.recipient}"
    if link.action == ACKNOWLEDGE:
        count = await answers.acknowledge(alerts, who)
        if not count:
            return "It was acknowledged before; nothing has changed."
        await recorded(request, name, "alert_acknowledged", alerts, detail)
        return "Acknowledged. Nobody is reminded of it again while it fires."
    if link.action == SILENCE:
        comment = "Silenced by a mail's link"
        silence = await answers.silence(alerts, who, _SILENCE_SECONDS, comment)
        doors(request).say(link.subject, f"{link.recipient} silenced this for an hour.")
        await recorded(request, name, "silence_set", alerts, {**detail, "silence": silence.id})
        return "Silenced for an hour. Whatever has the labels below is not told until then."
    raise Rejected(f"this Tocsin does not know what the link asks for: {link.action}")


def _view(request: Request, link: SignedLink, done: str = "") -> AnswerView:
    used = services(request)
    now = used.clock.now_ms()
    alerts = doors(request).answers.firing(link.subject)
    rows = []
    for alert in sorted(alerts, key=lambda one: one.starts_ms):
        taken = used.acknowledgements.of(alert.fingerprint, now)
        rows.append(_row(alert, taken.by if taken else ""))
    return AnswerView(
        action=link.action,
        recipient=link.recipient,
        rows=rows[:_LISTED],
        rest=max(0, len(rows) - _LISTED),
        is_taken=bool(rows) and all(row.taken_by for row in rows),
        hides=shared_matchers(alerts) if link.action == SILENCE else (),
        done=done,
    )


def _row(alert: Alert, taken_by: str) -> AnswerRow:
    said = dict(alert.annotations)
    return AnswerRow(
        name=get(alert.labels, "alertname") or "Alert",
        summary=said.get("summary") or said.get("title") or said.get("message") or "",
        labels=tuple(pair for pair in alert.labels if pair[0] != "alertname"),
        since_s=alert.starts_ms / 1000,
        taken_by=taken_by,
    )


def _refused(request: Request, error: Fault) -> Response:
    match error:
        case Expired():
            words = "This link has expired, so that an old mail cannot be used against you."
            remedy = "Log in to acknowledge or silence, or use the link of a newer mail."
            return _shown(request, AnswerView(problem=words, remedy=remedy), 410)
        case NotFound():
            words = "None of these alerts fires any more. Nothing was done."
            return _shown(request, AnswerView(problem=words), 200)
        case TooManyAttempts():
            return _shown(request, AnswerView(problem=f"Not now: {error}."), 429)
        case _:
            words = f"Not done: {error}."
            return _shown(request, AnswerView(problem=words), status_of(error))


def _shown(request: Request, view: AnswerView, status: int = 200) -> Response:
    response = page(request, "pages/answer.html", status=status, view=view)
    # The address is a key: it must reach no other site, and no search engine.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


ADDRESSES: Addresses = (
    Address("/answer/{token}", _ask, Access.PUBLIC),
    Address("/answer/{token}", _act, Access.PUBLIC, ("POST",)),
)
