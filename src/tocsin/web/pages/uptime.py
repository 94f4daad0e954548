"""Does everything that people rely on answer? The page Uptime, and one page a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault, NotFound
from tocsin.uptime.heartbeats.book import Heartbeat
from tocsin.uptime.heartbeats.config import HeartbeatConfig
from tocsin.uptime.heartbeats.pulse import Pulse, State, deadline_ms, state_of
from tocsin.uptime.rules import CERTIFICATE, DOWN, selected
from tocsin.web.alert_board import BoardAlert
from tocsin.web.pages.connect import address_of
from tocsin.web.pages.render import page, viewer
from tocsin.web.pages.timerange import read
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services
from tocsin.web.uptime_standing import Standing, standings

_TONES = ("critical", "warning", "unknown", "ok")
_WORDS = {
    State.NEW: ("unknown", "Not heard of yet"),
    State.UP: ("ok", "Up"),
    State.RUNNING: ("ok", "Running"),
    State.LATE: ("warning", "Late"),
    State.MISSING: ("critical", "Missing"),
    State.FAILED: ("critical", "Failed"),
}


@dataclass(frozen=True, slots=True)
class BeatRow:
    """A program that says when it runs; times in seconds since the epoch, 0 when it never did."""

    config: HeartbeatConfig
    pulse: Pulse
    tone: str
    word: str
    deadline_s: float
    url: str
    """Where it says so; empty for those who may not know."""


@dataclass(frozen=True, slots=True)
class UptimeView:
    """Every monitor; `problem` is why their past is not known, empty when it is."""

    standings: Sequence[Standing] = ()
    monitors: int = 0
    problem: str = ""
    beats: Sequence[BeatRow] = ()
    beats_problem: str = ""

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
    try:
        view = replace(view, beats=await _beats(request))
    except Fault as fault:
        view = replace(view, beats_problem=str(fault))
    return page(request, "pages/uptime.html", view=view, path_of=path_of)


async def _beats(request: Request) -> list[BeatRow]:
    """The worst first."""
    given = services(request)
    now, base = given.clock.now_ms(), address_of(request)
    rows = [
        beat_row(one, now, base if viewer(request).may_respond else "")
        for one in await given.heartbeats.all()
    ]
    return sorted(rows, key=lambda row: (_TONES.index(row.tone), row.config.name.lower()))


def beat_row(one: Heartbeat, now_ms: int, base: str) -> BeatRow:
    """As the page shows it; without `base` its address is not told."""
    tone, word = _WORDS[state_of(one.config, one.pulse, now_ms)]
    url = f"{base}/ping/{one.key}" if base else ""
    return BeatRow(
        one.config, one.pulse, tone, word, deadline_ms(one.config, one.pulse) / 1000, url
    )


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
