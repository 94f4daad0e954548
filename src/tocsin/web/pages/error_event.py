"""What happened? One error as a page tells it: within bounds, the nearest to the cause first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tocsin.errortracking.answers import Breadcrumb, EventRow, EventShown, Feedback, RequestSeen
from tocsin.query.logs.compare import quoted
from tocsin.web.pages.error_frames import Purse, Raised, raised_of

_CRUMBS = 100
_CONTEXTS = 16
_PACKAGES = 300
_TAGS = 100
_AROUND_MS = 60_000
_TEXT = 8_000
_TONES = {
    "fatal": "critical",
    "critical": "critical",
    "error": "critical",
    "warning": "warning",
    "warn": "warning",
}
_FIRST = ("runtime", "browser", "os", "device", "app")

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Crumb:
    """One thing that happened before. `at_s` is epoch seconds, 0 when that was not told, and
    `before_s` how long before the error it was."""

    at_s: float
    before_s: float
    category: str
    level: str
    tone: str
    message: str
    data: Pairs


@dataclass(frozen=True, slots=True)
class Request:
    """The request during which it happened; empty parts were not told."""

    method: str
    url: str
    query: str
    headers: Pairs
    body: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where the same moment is seen from elsewhere; empty when the event does not say enough."""

    trace: str
    trace_logs: str
    logs: str
    """Lines of the service from a minute before until a minute after."""
    line: str


@dataclass(frozen=True, slots=True)
class EventView:
    """An error, whole. `is_cut` when a page cannot show all that it holds."""

    event: EventRow
    older: str
    newer: str
    message: str
    raised: Sequence[Raised]
    crumbs: Sequence[Crumb]
    more_crumbs: int
    request: Request | None
    user: Pairs
    contexts: Sequence[tuple[str, Pairs]]
    extra: Pairs
    tags: Pairs
    packages: Pairs
    feedback: Sequence[Feedback]
    left_out: Sequence[str]
    attachments: Sequence[str]
    sdk: str
    grouped_by: str
    group_parts: Sequence[str]
    links: Links
    is_cut: bool


def view_of(shown: EventShown) -> EventView:
    """The event as its page shows it; for 1 MB of locals it takes some 10 ms."""
    purse, content, event = Purse(), shown.content, shown.event
    raised = raised_of(content.exceptions, purse)
    message = "" if raised and content.message == event.value else content.message
    newest = reversed(content.breadcrumbs[-_CRUMBS:])
    crumbs = [_crumb(one, event.at_ms, purse) for one in newest][::-1]
    named = [*(name for name in _FIRST if name in content.contexts), *content.contexts]
    names = [name for name in dict.fromkeys(named) if name != "trace"][:_CONTEXTS]
    contexts = [(purse.name(name, 60), purse.pairs(content.contexts[name])) for name in names]
    return EventView(
        event=event,
        older=shown.older,
        newer=shown.newer,
        message=purse.take(message, _TEXT),
        raised=raised,
        crumbs=crumbs,
        more_crumbs=max(0, len(content.breadcrumbs) - _CRUMBS),
        request=_request(content.request, purse) if content.request else None,
        user=purse.pairs(content.user),
        contexts=[(name, pairs) for name, pairs in contexts if pairs],
        extra=purse.pairs(content.extra),
        tags=purse.pairs(event.tags, _TAGS),
        packages=purse.pairs(dict(sorted(content.modules.items())), _PACKAGES),
        feedback=shown.feedback,
        left_out=content.left_out,
        attachments=content.attachments,
        sdk=content.sdk,
        grouped_by=content.grouped_by,
        group_parts=content.group_parts,
        links=links_of(event, content.line_id),
        is_cut=purse.is_cut,
    )


def _crumb(one: Breadcrumb, at_ms: int, purse: Purse) -> Crumb:
    level = one.level.lower()[:20]
    return Crumb(
        at_s=one.at_ms / 1000,
        before_s=(at_ms - one.at_ms) / 1000,
        category=purse.name(one.category or one.kind, 60),
        level=level,
        tone=_TONES.get(level, ""),
        message=purse.take(one.message, 1_000),
        data=purse.pairs(one.data, 20),
    )


def _request(one: RequestSeen, purse: Purse) -> Request:
    return Request(
        method=purse.name(one.method, 20),
        url=purse.take(one.url),
        query=purse.take(one.query),
        headers=purse.pairs(one.headers),
        body=purse.take(one.data, _TEXT),
    )


def links_of(event: EventRow, line_id: str = "") -> Links:
    """The trace, the lines and the line that belong to an event."""
    near = {"from": str(event.at_ms - _AROUND_MS), "to": str(event.at_ms + _AROUND_MS)}
    of_service = f"service:{quoted(event.service)}" if event.service else ""
    trace = f"/traces/{quote(event.trace_id, safe='')}" if event.trace_id else ""
    span = f"?{urlencode({'span': event.span_id})}" if event.span_id else ""
    return Links(
        trace=f"{trace}{span}" if trace else "",
        trace_logs=f"/logs?{urlencode({'q': f'trace_id:{event.trace_id}', **near})}"
        if event.trace_id
        else "",
        logs=f"/logs?{urlencode({'q': of_service, **near})}",
        line=f"/logs/line/{quote(line_id, safe='')}" if line_id else "",
    )
