"""What may still fail? The page of objectives and their error budgets."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services
from tocsin.web.slo_standing import Standing, standings

_ORDER = {"critical": 0, "warning": 1, "unknown": 2, "ok": 3}


async def _slos(request: Request) -> Response:
    """The worst first; what cannot be read is said."""
    found: list[Standing] = []
    problem = ""
    try:
        found = await standings(services(request))
    except Fault as fault:
        problem = str(fault)
    found.sort(key=lambda one: (_ORDER[one.tone], one.slo.name, one.labels))
    return page(request, "pages/slos.html", standings=found, problem=problem)


ADDRESSES: Addresses = (get("/slos", _slos, Access.READ),)
