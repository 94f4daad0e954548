"""The door for other tools: `POST /api/incidents/webhook?key=…`, with a key of the scope ingest."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tocsin.incident.from_webhook import Event, FromWebhook, Told
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.identity import identity
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


async def _take(request: Request) -> Response:
    """Open, acknowledge or resolve an incident by an event with a key of its own (`dedup_key`), in
    these words or in those of PagerDuty's Events API v2."""
    used = services(request)
    event = await body_of(request, Event)
    door = FromWebhook(used.incidents, used.alerts.group_keys, used.clock)
    told = await door.take(event, identity(request).name or "webhook")
    return as_json(told, 202)


ADDRESSES: Addresses = (
    Address("/api/incidents/webhook", _take, Access.INGEST, ("POST",), Event, Told),
)
