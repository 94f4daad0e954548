"""How do the objectives stand, for programs?"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services
from tocsin.web.slo_standing import Standing, standings


class ShownBurnAlert(msgspec.Struct, kw_only=True):
    """A burn-rate alert that is pending or firing."""

    severity: str
    window: str
    state: str


class ShownSlo(msgspec.Struct, kw_only=True):
    """One objective; shares are between 0 and 1, times in seconds, null is not known yet."""

    name: str
    about: str
    labels: dict[str, str]
    objective: float
    window_seconds: float
    bad_ratio: float | None
    budget_left: float | None
    burn_rate: float | None
    exhausted_in_seconds: float | None
    alerts: list[ShownBurnAlert]
    problem: str


class ShownSlos(msgspec.Struct, kw_only=True):
    """All objectives."""

    slos: list[ShownSlo]


def _shown(one: Standing) -> ShownSlo:
    slo = one.slo
    return ShownSlo(
        name=slo.name,
        about=slo.about,
        labels={**dict(slo.labels), **dict(one.labels)},
        objective=slo.objective,
        window_seconds=slo.window_ms / 1000,
        bad_ratio=one.bad_ratio,
        budget_left=one.budget_left,
        burn_rate=one.burn_rate,
        exhausted_in_seconds=one.exhausted_s,
        alerts=[
            ShownBurnAlert(severity=alert.severity, window=alert.window, state=alert.state)
            for alert in one.alerts
        ],
        problem=one.problem,
    )


async def _slos(request: Request) -> Response:
    """Every objective: what is left of its error budget, how fast it burns, which alerts say so."""
    shown = ShownSlos(slos=[_shown(one) for one in await standings(services(request))])
    return Response(msgspec.json.encode(shown), media_type="application/json")


ADDRESSES: Addresses = (Address("/api/slos", _slos, Access.READ, ("GET",), answer=ShownSlos),)
