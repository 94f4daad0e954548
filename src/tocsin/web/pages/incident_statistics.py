"""How do incidents go over time, and what does being on call cost people? One page of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.afterwards.response_times import DEFINITIONS
from tocsin.incident.afterwards.statistics import Row, Statistics
from tocsin.kit.fault import Rejected
from tocsin.web.api.postmortems import asked_range
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

RANGES = ((28, "4 weeks"), (90, "90 days"), (182, "26 weeks"), (365, "a year"))
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CHART_WIDTH, _CHART_HEIGHT = 800, 120


@dataclass(frozen=True, slots=True)
class Bar:
    """One week as a bar, in the drawing's own units; `height` 0 for a week without incidents."""

    x: float
    width: float
    y: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of a weekday; `depth` 0 to 1 of the fullest."""

    x: int
    y: int
    depth: float
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class View:
    """The page; `problem` says why there are no numbers."""

    found: Statistics | None
    problem: str
    days: str
    zone: str
    bars: Sequence[Bar] = ()
    cells: Sequence[Cell] = ()
    tables: Sequence[tuple[str, str, Sequence[Row]]] = ()


async def _page(request: Request) -> Response:
    query = request.query_params
    days, zone = query.get("days", "") or "90", query.get("zone", "") or "UTC"
    try:
        start, end, zone = asked_range(request)
        found = await services(request).afterwards.statistics(start, end, zone)
    except Rejected as error:
        view = View(None, str(error), days, zone)
    else:
        view = View(
            found=found,
            problem="",
            days=days,
            zone=zone,
            bars=bars(found.by_week),
            cells=cells(found.heatmap),
            tables=(
                ("By severity", "Severity", found.by_severity),
                ("By service", "Service", found.by_service),
                ("By cause", "Cause", found.by_cause),
                ("By week", "Week from", found.by_week),
                ("By hour of day", "Hour", found.by_hour),
            ),
        )
    return page(
        request,
        "pages/incident_statistics.html",
        status=400 if view.problem else 200,
        view=view,
        ranges=RANGES,
        definitions=DEFINITIONS,
        weekdays=_WEEKDAYS,
    )


def bars(weeks: Sequence[Row]) -> list[Bar]:
    """A bar a week, the highest as high as the drawing."""
    most = max((one.incidents for one in weeks), default=0) or 1
    step = _CHART_WIDTH / max(1, len(weeks))
    return [
        Bar(
            x=round(at * step + 1, 1),
            width=round(max(1.0, step - 2), 1),
            y=round(_CHART_HEIGHT * (1 - one.incidents / most), 1),
            height=round(_CHART_HEIGHT * one.incidents / most, 1),
            words=f"Week from {one.name}: {one.incidents} "
            f"incident{'' if one.incidents == 1 else 's'}",
        )
        for at, one in enumerate(weeks)
    ]


def cells(heatmap: Sequence[Sequence[int]]) -> list[Cell]:
    """A cell an hour."""
    most = max((count for row in heatmap for count in row), default=0) or 1
    return [
        Cell(
            x=hour,
            y=day,
            depth=round(count / most, 3),
            count=count,
            words=f"{_WEEKDAYS[day]} {hour:02d}:00: {count} opened",
        )
        for day, row in enumerate(heatmap)
        for hour, count in enumerate(row)
    ]


ADDRESSES: Addresses = (get("/incidents/statistics", _page, Access.READ),)
