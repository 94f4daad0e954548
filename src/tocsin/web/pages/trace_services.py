"""Who calls whom, and how each service and operation does: requests, failures, durations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.query.traces.answers import Rate, RatePoint, ServiceSeen
from tocsin.web.pages.connect import PLACEHOLDER, Snippet, address_of
from tocsin.web.pages.log_asked import span_of
from tocsin.web.pages.render import frame, page
from tocsin.web.pages.trace_filters import colours_of
from tocsin.web.pages.trace_graph import Graph, around, graph_of
from tocsin.web.pages.trace_snippets import trace_snippets
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

_SPARKS = 60
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 22
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Course:
    """The requests of a service over time: a path of 120 by 22, and where some failed."""

    path: str = ""
    bad: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class ServicesView:
    """The page. `service` is the one whose operations are listed."""

    rates: Sequence[Rate]
    seconds: float
    graph: Graph | None = None
    courses: Mapping[str, Course] = field(default_factory=dict)
    colours: Mapping[str, int] = field(default_factory=dict)
    service: str = ""
    operations: Sequence[Rate] = ()
    seen: Sequence[ServiceSeen] = ()
    snippets: Sequence[Snippet] = ()
    failed: str = ""

    def alert(self, rate: Rate) -> str:
        """The page that makes an alert of the failures of a service."""
        name = rate.service.replace("\\", "\\\\").replace('"', '\\"')
        calls = "traces_spanmetrics_calls_total"
        expr = (
            f'sum(rate({calls}{{service="{name}",status_code="STATUS_CODE_ERROR"}}[5m]))'
            f' / sum(rate({calls}{{service="{name}"}}[5m])) > 0.05'
        )
        return f"/rules/new?{urlencode({'expr': expr})}"


async def _services(request: Request) -> Response:
    given = services(request)
    span = span_of(frame(request).time)
    seconds = (span.end_ns - span.start_ns) / 1e9
    try:
        view = await _view(request, given, (span.start_ns, span.end_ns), seconds)
    except Fault as fault:
        view = ServicesView((), seconds, failed=str(fault))
    return page(request, "pages/trace_services.html", view=view)


async def _view(
    request: Request, given: Services, ends: tuple[int, int], seconds: float
) -> ServicesView:
    search, chosen = given.trace_search, request.query_params.get("service", "")
    step = max(_MINUTE_S, -(-int(seconds / _SPARKS) // _MINUTE_S) * _MINUTE_S)
    rates, calls, points, operations = await asyncio.gather(
        search.rates(*ends),
        search.dependencies(*ends),
        search.over_time(*ends, step),
        _operations(given, ends, chosen),
    )
    if not rates:
        seen = await search.seen()
        snippets = () if seen else trace_snippets(address_of(request), PLACEHOLDER)
        return ServicesView((), seconds, seen=seen, snippets=snippets)
    by_name = {one.service: one for one in rates}
    return ServicesView(
        rates=rates,
        seconds=seconds,
        graph=graph_of(*(around(chosen, calls, by_name) if chosen else (calls, by_name))),
        courses=_courses(points, ends[0] / 1e9, seconds, step),
        colours=colours_of(by_name),
        service=chosen,
        operations=operations,
    )


async def _operations(given: Services, ends: tuple[int, int], service: str) -> Sequence[Rate]:
    if not service:
        return ()
    return await given.trace_search.rates(*ends, service=service, by_operation=True)


def _courses(
    points: Sequence[RatePoint], start_s: float, seconds: float, step_s: int
) -> dict[str, Course]:
    """A step without requests has none: the line goes down to the ground."""
    by_service: dict[str, dict[int, RatePoint]] = {}
    for one in points:
        by_service.setdefault(one.service, {})[one.start_s] = one
    first = int(start_s // step_s) * step_s
    steps = [first + number * step_s for number in range(int(seconds // step_s) + 1)]
    found = {}
    for name, known in by_service.items():
        most = max(one.requests for one in known.values())
        places = [(at - start_s) / seconds * _SPARK_WIDTH for at in steps]
        heights = [
            _SPARK_HEIGHT - 1 - (known[at].requests if at in known else 0) / most * 19
            for at in steps
        ]
        line = " ".join(
            f"{'L' if number else 'M'}{max(x, 0):.1f} {y:.1f}"
            for number, (x, y) in enumerate(zip(places, heights, strict=True))
        )
        bad = [
            round(max(x, 0), 1)
            for at, x in zip(steps, places, strict=True)
            if at in known and known[at].failures
        ]
        found[name] = Course(line, bad)
    return found


ADDRESSES: Addresses = (get("/traces/services", _services, Access.READ),)
