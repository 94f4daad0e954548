"""To which issue does a log line, an event or a trace belong?"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.errortracking.answers import EventRow
from tocsin.kit.fault import NotFound, Rejected
from tocsin.web.pages.render import error_page, page
from tocsin.web.services import services


async def sought(request: Request) -> Response | None:
    """Where the address leads to; None when it asks for the list."""
    query = request.query_params
    try:
        if line := query.get("line"):
            return _leads_to(*await services(request).issues.issue_of_line(line))
        if event := query.get("event"):
            return _leads_to(await services(request).issues.issue_of_event(event), event)
    except (NotFound, Rejected) as fault:
        return error_page(request, 404, "No issue is known", f"{fault}.")
    return await _of_trace(request, query["trace"]) if query.get("trace") else None


def _leads_to(issue: int, event: str) -> Response:
    return RedirectResponse(f"/errors/{issue}?{urlencode({'event': event})}", 303)


async def _of_trace(request: Request, trace: str) -> Response:
    """The one issue of a trace, or all errors of it."""
    rows: Sequence[EventRow] = await services(request).issues.of_trace(trace)
    if not rows:
        words = (
            f"No error of the trace {trace[:64]} is kept: nothing failed in it as far as was told, "
            "or it is older than errors are kept."
        )
        return error_page(request, 404, "No issue is known", words)
    if len({row.issue_id for row in rows}) == 1:
        return _leads_to(rows[-1].issue_id, rows[-1].event_id)
    return page(request, "pages/error_events.html", rows=rows, trace=trace, trace_path=quote(trace))
