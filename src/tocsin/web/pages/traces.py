"""Traces: found by what any of their spans is, drawn by duration over time, listed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.kit.fault import Rejected, Temporary
from tocsin.query.logs.search import Span
from tocsin.query.traces.answers import Operation, ServiceSeen, TraceAsked, TraceSummary
from tocsin.query.traces.fields import duration_ns
from tocsin.web.api.logs import step_for
from tocsin.web.pages.connect import PLACEHOLDER, Snippet, address_of
from tocsin.web.pages.log_asked import span_of
from tocsin.web.pages.render import frame, page
from tocsin.web.pages.trace_filters import colours_of
from tocsin.web.pages.trace_heat import Heat, heat_of
from tocsin.web.pages.trace_snippets import trace_snippets
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

LIMITS = (50, 200, 1_000)
_TRACE_ID = re.compile(r"\s*[0-9a-fA-F]{32}\s*")
_PLACE = re.compile(r"character (\d+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TraceChosen:
    """What the page's address says. `problem_at` is where a mistake is, -1 when that is unknown."""

    q: str
    service: str
    operation: str
    status: str
    min: str
    max: str
    order: str
    limit: int
    problem: str = ""
    problem_at: int = -1

    @property
    def is_any(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.q or self.service or self.operation or self.status or self.min or self.max)

    @property
    def for_api(self) -> dict[str, str]:
        """The same as parameters of /api/traces/search."""
        given = {
            "q": self.q,
            "service": self.service,
            "operation": self.operation,
            "status": self.status,
            "min_duration": self.min,
            "max_duration": self.max,
            "order": self.order,
            "limit": str(self.limit),
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class TracesView:
    """The page. `seen` is which services sent spans of late, where nothing was found."""

    chosen: TraceChosen
    names: Sequence[str]
    operations: Sequence[Operation] = ()
    traces: Sequence[TraceSummary] = ()
    heat: Heat | None = None
    seen: Sequence[ServiceSeen] = ()
    snippets: Sequence[Snippet] = ()
    failed: str = ""

    @property
    def colours(self) -> Mapping[str, int]:
        """The colour of each service."""
        shown = (part.service for one in self.traces for part in one.services)
        return colours_of([*self.names, *shown])

    @property
    def longest_ns(self) -> int:
        """What the bars of durations are measured by."""
        return max((one.duration_ns for one in self.traces), default=1) or 1


def chosen_of(request: Request) -> TraceChosen:
    """What is asked for."""
    params = request.query_params
    limit = params.get("limit", "")
    return TraceChosen(
        q=params.get("q", "").strip(),
        service=params.get("service", ""),
        operation=params.get("operation", ""),
        status=params.get("status", "") if params.get("status") in ("error", "ok") else "",
        min=params.get("min", "").strip(),
        max=params.get("max", "").strip(),
        order="slowest" if params.get("order") == "slowest" else "newest",
        limit=int(limit) if limit in map(str, LIMITS) else LIMITS[0],
    )


def asked_of(chosen: TraceChosen, span: Span) -> TraceAsked:
    """The question; raises Rejected for a duration that is none."""
    return TraceAsked(
        from_ns=span.start_ns,
        until_ns=span.end_ns,
        service=chosen.service,
        operation=chosen.operation,
        is_error=chosen.status == "error" if chosen.status else None,
        min_duration_ns=duration_ns(chosen.min) if chosen.min else 0,
        max_duration_ns=duration_ns(chosen.max) if chosen.max else 0,
        question=chosen.q,
        limit=chosen.limit,
        order="slowest" if chosen.order == "slowest" else "newest",
    )


async def _traces(request: Request) -> Response:
    given, chosen = services(request), chosen_of(request)
    if _TRACE_ID.fullmatch(chosen.q):
        return RedirectResponse(f"/traces/{chosen.q.strip().lower()}", 303)
    time = frame(request).time
    span = span_of(time)
    names: Sequence[str] = ()
    try:
        names = await given.trace_search.services(span.start_ns, span.end_ns)
        view = await _view(request, given, chosen, span, names)
    except Rejected as fault:
        found = _PLACE.fullmatch(str(fault))
        at, words = (int(found[1]) - 1, found[2]) if found else (-1, str(fault))
        wrong = replace(chosen, problem=words, problem_at=at)
        view = TracesView(wrong, names)
    except Temporary as fault:
        view = TracesView(chosen, names, failed=str(fault))
    return page(request, "pages/traces.html", view=view, LIMITS=LIMITS)


async def _view(
    request: Request, given: Services, chosen: TraceChosen, span: Span, names: Sequence[str]
) -> TracesView:
    asked = asked_of(chosen, span)
    search, step = given.trace_search, step_for(span)
    traces, cells, operations = await asyncio.gather(
        search.find(asked), search.heat(_drawn(chosen, asked), step), _operations(given, asked)
    )
    seen = await search.seen() if not traces else ()
    return TracesView(
        chosen=chosen,
        names=names,
        operations=operations,
        traces=traces,
        heat=heat_of(cells, span, step) if cells else None,
        seen=seen,
        snippets=() if seen or traces else trace_snippets(address_of(request), PLACEHOLDER),
    )


def _drawn(chosen: TraceChosen, asked: TraceAsked) -> TraceAsked:
    """Where nothing is asked, whole requests are drawn, not each of their parts."""
    if chosen.is_any:
        return asked
    return TraceAsked(from_ns=asked.from_ns, until_ns=asked.until_ns, question="root:true")


async def _operations(given: Services, asked: TraceAsked) -> Sequence[Operation]:
    if not asked.service:
        return ()
    found = await given.trace_search.operations(asked.service, "", asked.from_ns, asked.until_ns)
    return list({one.name: one for one in found}.values())


def trace_path(trace_id: str, span_id: str = "") -> str:
    """Where a trace is shown."""
    return f"/traces/{quote(trace_id)}" + (f"?span={quote(span_id)}" if span_id else "")


ADDRESSES: Addresses = (get("/traces", _traces, Access.READ),)
