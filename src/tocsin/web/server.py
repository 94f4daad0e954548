"""Which addresses does Tocsin answer? The one list of them, and the application they make."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from tocsin.web import ingest, session
from tocsin.web.api import (
    acknowledgements,
    admin,
    alertmanager,
    backtest,
    backup,
    dashboards,
    drills,
    elasticsearch_search,
    errors,
    federate,
    health,
    heartbeats,
    incident_acts,
    incident_evidence,
    incident_images,
    incident_response,
    incident_webhook,
    incidents,
    jaeger,
    log_pipelines,
    logs,
    loki_query,
    loki_tail,
    mail_actions,
    maintenance,
    maintenance_calendar,
    monitors,
    my_contact,
    my_devices,
    notifications,
    oncall,
    oncall_calendar,
    oncall_changes,
    openapi,
    otlp,
    page_answers,
    pagerduty_hook,
    postmortems,
    prometheus,
    prometheus_read,
    prometheus_series,
    prometheus_status,
    receipts,
    routing,
    rules_made,
    sentry_web,
    silences,
    slack_actions,
    slack_commands,
    slos,
    status_page,
    tempo,
    traces,
)
from tocsin.web.authenticator import Authenticator
from tocsin.web.body import Bodies
from tocsin.web.compressed import Compressed
from tocsin.web.guard import Front, Guard
from tocsin.web.measured import Measured
from tocsin.web.pages import PAGES
from tocsin.web.people import People
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services
from tocsin.web.status_door import StatusDoor


async def _openapi(request: Request) -> Response:
    """The description of every address for programs, as OpenAPI 3.1."""
    version = services(request).config.version
    body = await asyncio.to_thread(openapi.describe, ADDRESSES, version)
    return Response(body, media_type="application/json")


ADDRESSES: Addresses = (
    *health.ADDRESSES,
    *prometheus.ADDRESSES,
    *prometheus_series.ADDRESSES,
    *prometheus_status.ADDRESSES,
    *prometheus_read.ADDRESSES,
    *federate.ADDRESSES,
    *logs.ADDRESSES,
    *log_pipelines.ADDRESSES,
    *traces.ADDRESSES,
    *jaeger.ADDRESSES,
    *tempo.ADDRESSES,
    *elasticsearch_search.ADDRESSES,
    *loki_query.ADDRESSES,
    *alertmanager.ADDRESSES,
    *silences.ADDRESSES,
    *errors.ADDRESSES,
    *sentry_web.ADDRESSES,
    *slos.ADDRESSES,
    *monitors.ADDRESSES,
    *heartbeats.ADDRESSES,
    *status_page.ADDRESSES,
    *rules_made.ADDRESSES,
    *receipts.ADDRESSES,
    *routing.ADDRESSES,
    *slack_actions.ADDRESSES,
    *slack_commands.ADDRESSES,
    *pagerduty_hook.ADDRESSES,
    *mail_actions.ADDRESSES,
    *page_answers.ADDRESSES,
    *my_devices.ADDRESSES,
    *my_contact.ADDRESSES,
    *notifications.ADDRESSES,
    *acknowledgements.ADDRESSES,
    *incident_webhook.ADDRESSES,
    *incidents.ADDRESSES,
    *incident_evidence.ADDRESSES,
    *postmortems.ADDRESSES,
    *dashboards.ADDRESSES,
    *incident_acts.ADDRESSES,
    *incident_images.ADDRESSES,
    *incident_response.ADDRESSES,
    *maintenance_calendar.ADDRESSES,
    *maintenance.ADDRESSES,
    *oncall.ADDRESSES,
    *oncall_changes.ADDRESSES,
    *oncall_calendar.ADDRESSES,
    *ingest.ADDRESSES,
    *admin.ADDRESSES,
    *backtest.ADDRESSES,
    *backup.ADDRESSES,
    *drills.ADDRESSES,
    *session.ADDRESSES,
    get("/api/openapi.json", _openapi, Access.READ),
    *PAGES,
)


def create_app(parts: Services, people: People, authenticator: Authenticator) -> ASGIApp:
    """The whole application, behind its guard."""
    follow = WebSocketRoute(loki_tail.PATH, loki_tail.tailing(authenticator))
    return _application(ADDRESSES, parts, people, authenticator, sockets=(follow,))


def create_otlp_app(parts: Services, people: People, authenticator: Authenticator) -> ASGIApp:
    """What OpenTelemetry's own HTTP port answers, and nothing else."""
    return _application((*otlp.ADDRESSES, *health.ADDRESSES), parts, people, authenticator)


def _application(
    addresses: Addresses,
    parts: Services,
    people: People,
    authenticator: Authenticator,
    *,
    sockets: Sequence[WebSocketRoute] = (),
) -> ASGIApp:
    _check(addresses)
    routes = Guard(authenticator).routes(addresses)
    app = Starlette(
        routes=[*routes, *sockets],
        exception_handlers={404: _not_found, 405: _not_allowed},
    )
    app.state.services = parts
    app.state.people = people
    app.state.addresses = addresses
    app.router.redirect_slashes = False
    door = StatusDoor(app, lambda: parts.status_page.board)
    front = Compressed(Bodies(Front(door, people), parts.body_room))
    return Measured(front, {route.endpoint: route.path for route in routes})


def _check(addresses: Addresses) -> None:
    """Two owners of one address would hide one of them."""
    seen: set[tuple[str, str]] = set()
    for address in addresses:
        for method in address.methods:
            if (address.path, method) in seen:
                raise ValueError(f"{method} {address.path} is claimed twice")
            seen.add((address.path, method))


async def _not_found(request: Request, error: Exception) -> Response:
    return problem(request, 404, f"there is nothing at {request.url.path}")


async def _not_allowed(request: Request, error: Exception) -> Response:
    return problem(request, 405, f"{request.method} is not used at {request.url.path}")
