"""To which issue does a log line, an event or a trace belong?"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.errortracking.answers import EventRow
from tocsin.kit.fault import NotFound, Rejected
from tocsin.web.pages.render import page
from tocsin.web.services import services


async def sought(request: Request) -> Response | None:
    """Where the address leads to; None when it asks for the list."""
    book, query = services(request).issues, request.query_params
    try:
        if line := query.get("line"):
            return _leads_to(*await book.issue_of_line(line))
        if event := query.get("event"):
            return _leads_to(await book.issue_of_event(event), event)
    except (NotFound, Rejected):
        return _none(request)
    return await _of_trace(request, query["trace"]) if query.get("trace") else None


def _leads_to(issue: int, event: str) -> Response:
    return RedirectResponse(f"/errors/{issue}?{urlencode({'event': event})}", 303)


async def _of_trace(request: Request, trace: str) -> Response:
    """The one issue of a trace, or all errors of it."""
    rows: Sequence[EventRow] = await services(request).issues.of_trace(trace)
    if not rows:
        return _none(request)
    if len({row.issue_id for row in rows}) == 1:
        return _leads_to(rows[-1].issue_id, rows[-1].event_id)
    path = f"/traces/{quote(trace, safe='')}"
    return page(request, "pages/error_events.html", rows=rows, trace_path=path)


def _none(request: Request) -> Response:
    """Say that there is none, and where to go back to."""
    query = request.query_params
    if line := query.get("line"):
        words = "It holds no exception that was recognised, or is older than errors are kept."
        back = f"/logs/line/{quote(line, safe='')}"
        return _told(request, "line", words, back)
    if query.get("event"):
        words = "It is not kept: it did not come, was deleted, or is older than errors are kept."
        return _told(request, "event", words, "")
    words = "Nothing failed in it as far as was told, or it is older than errors are kept."
    return _told(request, "trace", words, f"/traces/{quote(query['trace'], safe='')}")


def _told(request: Request, what: str, words: str, back: str) -> Response:
    return page(request, "pages/error_none.html", status=404, what=what, words=words, back=back)
