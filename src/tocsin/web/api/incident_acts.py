"""What is done to an incident: `/api/incidents/INC-2026-0042/acknowledge` and its like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.book import Author, IncidentBook, Resolution, status_named
from tocsin.model.incidents import Incident
from tocsin.web.api.incident_json import (
    IncidentShown,
    LinkShown,
    as_json,
    author_of,
    body_of,
    book_of,
    link_of,
    number_of,
    shown,
    time_of,
)
from tocsin.web.routing import Access, Address, Addresses, Handler
from tocsin.web.services import services

B = TypeVar("B")


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing needs to be said."""


class AssignBody(_Body, frozen=True):
    """To whom; nobody when it is empty."""

    person: str


class RoleBody(_Body, frozen=True):
    """Who does what, such as commander; nobody when `person` is empty."""

    role: str
    person: str


class IncidentSeverityBody(_Body, frozen=True):
    """One of the severities, and why."""

    severity: str
    why: str = ""


class IncidentStatusBody(_Body, frozen=True):
    """open, investigating, identified, monitoring, resolved or closed; `text` says more."""

    status: str
    text: str = ""


class ResolveBody(_Body, frozen=True):
    """How it ended, why it happened (`cause` is its kind, such as deploy), and what shall prevent
    it from happening again."""

    resolution: str = ""
    root_cause: str = ""
    cause: str = ""
    measures: list[str] = []


class ReopenBody(_Body, frozen=True):
    """Why it is not over after all."""

    why: str = ""


class MergeBody(_Body, frozen=True):
    """The number of the incident that it becomes part of, which is answered."""

    into: str


class NoteBody(_Body, frozen=True):
    """Markdown."""

    text: str


class LinksBody(_Body, frozen=True):
    """What belongs to it; `kind` is alert, error, log, trace, deploy, graph or url."""

    links: list[LinkShown]


class UnlinkBody(_Body, frozen=True):
    """Which link."""

    kind: str
    ref: str


class PromiseBody(_Body, frozen=True):
    """When the next update comes: a time (RFC 3339) or a length from now; empty for none."""

    at: str = ""


Act = Callable[[IncidentBook, str, B, Author], Awaitable[Incident]]


def _doing(kind: type[B], act: Act[B], words: str) -> Handler:
    """A handler that reads such a body and does it; `words` describe it."""

    async def handler(request: Request) -> Response:
        body = await body_of(request, kind)
        one = await act(book_of(request), number_of(request), body, author_of(request))
        return as_json(shown(one, services(request)))

    handler.__doc__ = words
    return handler


async def _promise(request: Request) -> Response:
    """Promise the next update; it is missed at that time, the assignee is reminded."""
    body, used = await body_of(request, PromiseBody), services(request)
    at_ms = time_of(body.at, "at", used.clock.now_ms())
    one = await used.incidents.promise(number_of(request), at_ms, author_of(request))
    return as_json(shown(one, used))


async def _pin(request: Request) -> Response:
    """Have an entry of the timeline shown above the others."""
    entry = int(str(request.path_params["entry"])[:12])
    one = await book_of(request).pin(number_of(request), entry, author_of(request))
    return as_json(shown(one, services(request)))


async def _unpin(request: Request) -> Response:
    """Have an entry shown in its place alone."""
    entry = int(str(request.path_params["entry"])[:12])
    one = await book_of(request).unpin(number_of(request), entry, author_of(request))
    return as_json(shown(one, services(request)))


def _resolution(body: ResolveBody) -> Resolution:
    return Resolution(
        resolution=body.resolution,
        root_cause=body.root_cause,
        cause=body.cause,
        measures=tuple(body.measures),
    )


_acknowledge = _doing(
    _Body, lambda book, n, b, who: book.acknowledge(n, who), "Take it on: nobody else is called."
)
_give_back = _doing(
    _Body, lambda book, n, b, who: book.unacknowledge(n, who), "Give it back: it escalates anew."
)
_assign = _doing(
    AssignBody, lambda book, n, b, who: book.assign(n, b.person, who), "Assign it to a person."
)
_role = _doing(
    RoleBody,
    lambda book, n, b, who: book.set_role(n, b.role, b.person, who),
    "Give somebody a role, such as commander or communications.",
)
_severity = _doing(
    IncidentSeverityBody,
    lambda book, n, b, who: book.set_severity(n, b.severity, who, why=b.why),
    "Change its severity.",
)
_status = _doing(
    IncidentStatusBody,
    lambda book, n, b, who: book.set_status(n, status_named(b.status), who, text=b.text),
    "Say how far it has come.",
)
_resolve = _doing(
    ResolveBody,
    lambda book, n, b, who: book.resolve(n, _resolution(b), who),
    "It is over, and how; said again, only the words change.",
)
_reopen = _doing(
    ReopenBody, lambda book, n, b, who: book.reopen(n, who, b.why), "It is not over after all."
)
_close = _doing(
    _Body, lambda book, n, b, who: book.close(n, who), "Close what is resolved: nothing is left."
)
_merge = _doing(
    MergeBody,
    lambda book, n, b, who: book.merge(n, b.into, who),
    "Make it part of another incident, which is answered.",
)
_note = _doing(NoteBody, lambda book, n, b, who: book.note(n, b.text, who), "Write a note on it.")
_link = _doing(
    LinksBody,
    lambda book, n, b, who: book.link(n, [link_of(one) for one in b.links], who),
    "Link what belongs to it.",
)
_unlink = _doing(
    UnlinkBody, lambda book, n, b, who: book.unlink(n, b.kind, b.ref, who), "Remove a link."
)


def _act(name: str, handler: Handler, body: type | None, method: str = "POST") -> Address:
    path = f"/api/incidents/{{number}}/{name}"
    return Address(path, handler, Access.RESPOND, (method,), body, IncidentShown)


ADDRESSES: Addresses = (
    _act("acknowledge", _acknowledge, None),
    _act("acknowledge", _give_back, None, "DELETE"),
    _act("assign", _assign, AssignBody),
    _act("role", _role, RoleBody),
    _act("severity", _severity, IncidentSeverityBody),
    _act("status", _status, IncidentStatusBody),
    _act("resolve", _resolve, ResolveBody),
    _act("reopen", _reopen, ReopenBody),
    _act("close", _close, None),
    _act("merge", _merge, MergeBody),
    _act("notes", _note, NoteBody),
    _act("links", _link, LinksBody),
    _act("links", _unlink, UnlinkBody, "DELETE"),
    _act("promise", _promise, PromiseBody),
    _act("pins/{entry:int}", _pin, None),
    _act("pins/{entry:int}", _unpin, None, "DELETE"),
)
