"""Does everything that people rely on answer? The page Uptime, and one page a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound
from tocsin.uptime.rules import CERTIFICATE, DOWN, selected
from tocsin.web.alert_board import BoardAlert
from tocsin.web.pages.render import page
from tocsin.web.pages.timerange import read
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services
from tocsin.web.uptime_standing import Standing, standings


@dataclass(frozen=True, slots=True)
class UptimeView:
    """Every monitor; `problem` is why their past is not known, empty when it is."""

    standings: Sequence[Standing] = ()
    monitors: int = 0
    problem: str = ""

    @property
    def down(self) -> int:
        """How many do not answer."""
        return sum(one.tone == "critical" for one in self.standings)

    @property
    def waiting(self) -> int:
        """How many were not asked since the start."""
        return sum(one.tone == "unknown" for one in self.standings)


@dataclass(frozen=True, slots=True)
class MonitorView:
    """One monitor, with the queries of its charts."""

    one: Standing
    took: str
    phases: str
    up: str
    alerts: Sequence[BoardAlert]


def path_of(name: str) -> str:
    """Where a monitor's page is."""
    return f"/uptime/{quote(name, safe='')}"


async def _uptime(request: Request) -> Response:
    """Those that are down first; what is known now is told even when the past is not."""
    given = services(request)
    time = read(request.query_params, given.clock.now())
    count = len(given.prober.monitors)
    try:
        view = UptimeView(await standings(given, time.start_s, time.end_s), count)
    except Fault as fault:
        view = UptimeView(monitors=count, problem=str(fault))
    return page(request, "pages/uptime.html", view=view, path_of=path_of)


async def _monitor(request: Request) -> Response:
    given = services(request)
    time = read(request.query_params, given.clock.now())
    name = request.path_params["name"]
    found = await standings(given, time.start_s, time.end_s, name)
    if not found:
        raise NotFound(f"there is no monitor {name!r}; the page Uptime lists those that are")
    view = MonitorView(
        one=found[0],
        took=selected("probe_duration_seconds", name),
        phases=selected("probe_http_duration_seconds", name) if found[0].monitor.url else "",
        up=selected("probe_success", name),
        alerts=await _alerts(given, name),
    )
    return page(request, "pages/monitor.html", view=view)


async def _alerts(given: Services, name: str) -> list[BoardAlert]:
    return [
        one
        for one in await given.board.read(given)
        if one.name in (DOWN, CERTIFICATE) and ("monitor", name) in one.labels
    ]


ADDRESSES: Addresses = (
    get("/uptime", _uptime, Access.READ),
    get("/uptime/{name:path}", _monitor, Access.READ),
)
