"""Where do Sentry's SDKs send to? `/api/<project>/{envelope,store,security}/`.

https://develop.sentry.dev/sdk/overview/. The key is a key of Tocsin: in `X-Sentry-Auth`, in the
query, or in the DSN of the envelope's header.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errortracking.answers import Project
from tocsin.errortracking.sentry_event import report
from tocsin.errortracking.sentry_intake import csp_report, reasons
from tocsin.ingest.protocols.sentry_envelope import header_of, json_object, read, stored
from tocsin.kit import compress
from tocsin.kit.fault import Fault, Rejected, TooLarge, TooMuch
from tocsin.state.tokens import allows_origin
from tocsin.web.body import answering, read_body, retry_headers, sender_of
from tocsin.web.csrf import keep_body
from tocsin.web.identity import Kind, identity
from tocsin.web.routing import Access, Address, Addresses, Handler
from tocsin.web.services import services

_MOST_REPORTS = 100
_ERROR_HEADER = "X-Sentry-Error"


class _Foreign(Rejected):
    """A page of a site that the project does not name."""


async def _project(request: Request) -> Project:
    used = services(request)
    number = request.path_params["project"]
    # A browser's key is public: whoever reads it could fill the list of projects.
    is_public = identity(request).kind is Kind.BROWSER_KEY
    may_make = used.errors.intake.config.create_projects and not is_public
    project = await used.errors.projects.numbered(number, may_make=may_make)
    origin = request.headers.get("origin", "")
    allowed = used.errors.projects.config(project.name).origins
    if origin and allowed and not allows_origin(allowed, origin):
        raise _Foreign(f"the project {project.name} takes nothing from pages of {origin[:200]}")
    return project


async def envelope(request: Request) -> Response:
    """Items of a Sentry SDK: errors, transactions, sessions and others. What is broken is left out
    and said in the header X-Sentry-Error."""
    used = services(request)
    project = await _project(request)
    body = await read_body(request, used.config.ingest.body)
    found = await used.errors.intake.thought(lambda: read(body), len(body))
    outcome = await used.errors.sentry.envelope(found, project, sender_of(request))
    headers = _told(reasons(outcome.problems))
    return _answer({"id": outcome.event_id} if outcome.event_id else {}, headers)


async def store(request: Request) -> Response:
    """One error of an old Sentry SDK."""
    used = services(request)
    project = await _project(request)
    limits, most = used.config.ingest.body, int(used.errors.intake.config.max_event)
    sent = await read_body(request, limits)
    # Base64 makes four of three bytes: what is longer is too large, packed or not.
    body = stored(sent, most) if len(sent) <= 2 * most else sent
    if len(body) > most:
        raise TooLarge(
            f"the event has {len(body):,} bytes, the most is {most:,} (setting errors.max_event)"
        )
    now_ns = used.clock.now_ms() * 1_000_000
    raw = json_object(body, "the event")
    found = report(raw, project.name, now_ns)
    await used.errors.sentry.errors((found,), len(body))
    return _answer({"id": found.event.event_id})


async def security(request: Request) -> Response:
    """A browser's reports of what a page's Content-Security-Policy kept it from."""
    used = services(request)
    project = await _project(request)
    body = await read_body(request, used.config.ingest.body)
    most = int(used.errors.intake.config.max_event)
    if len(body) > most:
        raise TooLarge(
            f"the report has {len(body):,} bytes, the most is {most:,} (setting errors.max_event)"
        )
    text = body.strip()
    if text.startswith(b"["):
        text = b'{"reports":' + text + b"}"
    raw = json_object(text, "the report")
    given = raw.get("reports") if text is not body and "reports" in raw else [raw]
    now_ns = used.clock.now_ms() * 1_000_000
    reports = [
        csp_report(one, project.name, now_ns)
        for one in (given if isinstance(given, list) else [raw])[:_MOST_REPORTS]
        if isinstance(one, dict)
    ]
    if reports:
        await used.errors.sentry.errors(reports, len(body))
    return Response(status_code=201)


async def key_of_envelope(request: Request) -> str:
    """The public key in the DSN of an envelope that came without any other (SDKs' `tunnel`)."""
    await keep_body(request)
    body = await request.body()
    encoding = request.headers.get("content-encoding", "")
    try:
        if encoding:
            limit = services(request).config.ingest.body.max_inflated_size
            body = compress.inflate(body, encoding, min(limit, 4 << 20))
        header = header_of(body)
    except Rejected:
        return ""
    dsn, trace = header.get("dsn"), header.get("trace")
    if isinstance(dsn, str):
        return _user_of(dsn[:1_000])
    key = trace.get("public_key") if isinstance(trace, dict) else ""
    return key[:200] if isinstance(key, str) else ""


def _user_of(dsn: str) -> str:
    try:
        return urlsplit(dsn).username or ""
    except ValueError:
        return ""


def _told(why: str) -> dict[str, str]:
    """Senders' own words are in it: nothing of them may end the header."""
    said = "".join(one if " " <= one <= "~" else "?" for one in why[:1_000])
    return {_ERROR_HEADER: said} if said else {}


def _answer(value: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value), 200, dict(headers or {}), media_type="application/json"
    )


def _refuse(_request: Request, fault: Fault, status: int) -> Response:
    """As Relay refuses: `detail`, and the reason in a header; 429 with how long to be silent."""
    # Causes of other faults are our databases' own words, and no matter of a public key.
    cause = fault.__cause__ if isinstance(fault, Rejected) else None
    body = {"detail": str(fault), "causes": [str(cause)[:500]] if cause else []}
    headers = _told(str(fault))
    if isinstance(fault, TooMuch):
        seconds = retry_headers(fault)["Retry-After"]
        headers["X-Sentry-Rate-Limits"] = f"{seconds}:error;default:project:max_per_minute"
    if isinstance(fault, _Foreign):
        status = 403
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def _at(path: str, handler: Handler) -> Address:
    return Address(
        path,
        answering(handler, _refuse),
        Access.BROWSER_INGEST,
        ("POST",),
        key_in_body=key_of_envelope if handler is envelope else None,
    )


ADDRESSES: Addresses = (
    _at("/api/{project:int}/envelope/", envelope),
    _at("/api/{project:int}/envelope", envelope),
    _at("/api/{project:int}/store/", store),
    _at("/api/{project:int}/store", store),
    _at("/api/{project:int}/security/", security),
    _at("/api/{project:int}/security", security),
)
