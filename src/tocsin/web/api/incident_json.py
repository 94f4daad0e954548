"""How do incidents look in the API's JSON, and what may be asked of them?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.book import Author, Conflict, IncidentBook
from tocsin.incident.measures import measures
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.incident_shown import EntryShown, IncidentShown, LinkShown
from tocsin.model.incidents import Entry, Incident, Link
from tocsin.model.labels import from_mapping
from tocsin.web.api.alertmanager_json import iso, moment_ms
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.services import Services, services

__all__ = ["EntryShown", "IncidentShown", "LinkShown"]

T = TypeVar("T")

SOURCE_HEADER = "x-tocsin-source"
_SOURCES = ("api", "cli")


class ConflictShown(msgspec.Struct, frozen=True, kw_only=True):
    """Status 409: who changed what meanwhile, and what the incident is by now."""

    status: str = "error"
    errorType: str = "conflict"  # noqa: N815 - Prometheus's own name, as in every error
    error: str
    incident: IncidentShown
    meanwhile: list[EntryShown] = []


def shown(one: Incident, used: Services) -> IncidentShown:
    """As the API tells it."""
    config = used.incidents.config
    return IncidentShown(
        number=one.number,
        version=one.version,
        severity=one.severity,
        severity_name=config.level(one.severity).name,
        status=one.status.value,
        title=one.title,
        description=one.description,
        services=list(one.services),
        assignee=one.assignee,
        roles=dict(one.roles),
        tags=list(one.tags),
        links=[_link(link) for link in one.links],
        source=one.source,
        opened_by=one.opened_by,
        started=_time(one.started_ms),
        opened=_time(one.opened_ms),
        acknowledged=_time(one.acknowledged_ms),
        acknowledged_by=one.acknowledged_by,
        mitigated=_time(one.mitigated_ms),
        resolved=_time(one.resolved_ms),
        closed=_time(one.closed_ms),
        resolution=one.resolution,
        root_cause=one.root_cause,
        cause=one.cause,
        measures=list(one.measures),
        merged_into=one.merged_into,
        next_update=_time(one.next_update_ms),
        is_public=one.is_public,
        is_drill=one.is_drill,
        took=measures(one, config, used.clock.now_ms()),
        page=f"{used.config.external_url.rstrip('/')}/incidents/{one.number}",
    )


def shown_entries(entries: Iterable[Entry]) -> list[EntryShown]:
    """A timeline as the API tells it."""
    return [
        EntryShown(
            id=one.id,
            at=iso(one.at_ms),
            kind=one.kind,
            author=one.author,
            source=one.source,
            text=one.text,
            data=dict(one.data),
        )
        for one in entries
    ]


def _link(link: Link) -> LinkShown:
    return LinkShown(
        kind=link.kind,
        ref=link.ref,
        title=link.title,
        url=link.url,
        labels=dict(link.labels),
        starts=_time(link.starts_ms),
        ends=_time(link.ends_ms),
    )


def link_of(given: LinkShown) -> Link:
    """What somebody links. Raises Rejected for a time that is none."""
    return Link(
        kind=given.kind,
        ref=given.ref,
        title=given.title,
        url=given.url,
        labels=from_mapping(given.labels),
        starts_ms=moment_ms(given.starts, "starts"),
        ends_ms=moment_ms(given.ends, "ends"),
    )


def _time(at_ms: int) -> str:
    return iso(at_ms) if at_ms else ""


def time_of(text: str, name: str, now: int, *, sign: int = 1) -> int:
    """A time (RFC 3339), or a length from now such as 30m (back from now when `sign` is -1); 0 for
    none. Raises Rejected for anything else."""
    text = text.strip()
    if not text:
        return 0
    if text[:4].isdigit() and "-" in text:
        return moment_ms(text, name)
    try:
        return now + sign * Duration.from_config(text).ms
    except Rejected as error:
        raise Rejected(
            f"{name} must be a length such as 30m or a time such as 2026-05-01T12:00:00Z, "
            f"got {text[:40]!r}"
        ) from error


def author_of(request: Request) -> Author:
    """Whoever asks; a command of the command line says that it is one in a header."""
    said = request.headers.get(SOURCE_HEADER, "api")
    return Author(identity(request).name, said if said in _SOURCES else "api")


def number_of(request: Request) -> str:
    """The incident that the address names."""
    return str(request.path_params["number"])


def book_of(request: Request) -> IncidentBook:
    """Through what it changes."""
    return services(request).incidents


async def body_of(request: Request, kind: type[T]) -> T:
    """The JSON that was sent; an empty body is an empty object. Raises Rejected."""
    await keep_body(request)
    body = await request.body() or b"{}"
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


def as_json(value: object, status: int = 200) -> Response:
    """An answer that nobody keeps."""
    body = msgspec.json.encode(value)
    return Response(body, status, {"Cache-Control": "no-store"}, media_type="application/json")


def conflict(request: Request, error: Conflict) -> Response:
    """Status 409, with who changed what."""
    told = ConflictShown(
        error=str(error),
        incident=shown(error.now, services(request)),
        meanwhile=shown_entries(error.entries),
    )
    return as_json(told, 409)
