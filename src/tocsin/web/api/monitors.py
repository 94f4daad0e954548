"""How does everything that is monitored fare, for programs?"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.pages.timerange import read
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services
from tocsin.web.uptime_standing import Standing, standings


class ShownMonitor(msgspec.Struct, kw_only=True):
    """One monitor; shares are between 0 and 1, times in seconds, null is not known."""

    name: str
    kind: str
    """"http", "tcp" or "dns"."""
    target: str
    up: bool | None
    reason: str
    error: str
    """Why it is down; empty when it is up."""
    asked_at: float | None
    attempts: int | None
    took_seconds: float | None
    """The last attempt."""
    uptime: float | None
    """The share of the range asked for in which it was up."""
    uptime_24h: float | None
    uptime_7d: float | None
    certificate_ends_at: float | None
    labels: dict[str, str]


class ShownMonitors(msgspec.Struct, kw_only=True):
    """All monitors, those that are down first."""

    monitors: list[ShownMonitor]


def shown(one: Standing) -> ShownMonitor:
    """As programs are told of it."""
    monitor, found = one.monitor, one.finding
    return ShownMonitor(
        name=monitor.name,
        kind=monitor.kind,
        target=monitor.target,
        up=found.is_up if found else None,
        reason=found.reason if found else "",
        error=found.words if found else "",
        asked_at=found.at_ms / 1000 if found else None,
        attempts=found.attempts if found else None,
        took_seconds=found.seconds if found else None,
        uptime=one.up_ratio,
        uptime_24h=one.day_ratio,
        uptime_7d=one.week_ratio,
        certificate_ends_at=one.certificate_s,
        labels=dict(monitor.labels),
    )


async def _monitors(request: Request) -> Response:
    """Every monitor: how it is now, and how it was in the range of `from` and `to`."""
    given = services(request)
    time = read(request.query_params, given.clock.now())
    found = await standings(given, time.start_s, time.end_s)
    told = ShownMonitors(monitors=[shown(one) for one in found])
    return Response(msgspec.json.encode(told), media_type="application/json")


ADDRESSES: Addresses = (
    Address("/api/monitors", _monitors, Access.READ, ("GET",), answer=ShownMonitors),
)
