"""Is Tocsin well? For load balancers, uptime checks, and a Prometheus that watches Tocsin."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import psutil
from prometheus_client import exposition
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Fault
from tocsin.kit.gauge import REGISTRY
from tocsin.web.routing import Access, Address, Addresses, get
from tocsin.web.services import Services, services

_CHECK_SECONDS = 2.0
_DISK_LOW_BYTES = 1 << 30
_MEMORY_LOW_SHARE = 0.05


class Check(msgspec.Struct, omit_defaults=True):
    """One part's health; `response_time` in milliseconds."""

    status: str
    response_time: int | None = None
    error: str | None = None
    details: dict[str, int] | None = None


class Health(msgspec.Struct):
    """The body of `/health`; `uptime` in seconds."""

    status: str
    timestamp: str
    checks: dict[str, Check]
    version: str
    uptime: float


async def health(request: Request) -> Response:
    """200 while everything needed works (a degraded part is named), else 503."""
    found = await _health(services(request))
    return Response(
        msgspec.json.encode(found),
        200 if found.status != "unhealthy" else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def metrics(request: Request) -> Response:
    """Tocsin's own metrics, in OpenMetrics or Prometheus's text by the Accept header."""
    encode, content_type = exposition.choose_encoder(request.headers.get("accept", ""))
    return Response(
        await asyncio.to_thread(encode, REGISTRY), headers={"Content-Type": content_type}
    )


async def _health(parts: Services) -> Health:
    now = parts.clock.now()
    status = parts.status()
    checks = {
        "store": await _store(parts),
        "disk_space": _disk(status.disk_free_bytes),
        "memory": _memory(sum(status.memory_bytes.values())),
    }
    if not status.ready:
        checks["start"] = Check("unhealthy", error=status.reason)
    states = {check.status for check in checks.values()}
    worst = next((s for s in ("unhealthy", "degraded") if s in states), "healthy")
    at = datetime.fromtimestamp(now, UTC).isoformat()
    return Health(worst, at, checks, parts.config.version, now - status.started_at)


async def _store(parts: Services) -> Check:
    started = parts.clock.monotonic()
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await parts.store.fetch_bytes("SELECT 1")
    except (Fault, TimeoutError) as error:
        return Check("unhealthy", error=str(error) or f"no answer within {_CHECK_SECONDS:g} s")
    return Check("healthy", response_time=round((parts.clock.monotonic() - started) * 1000))


def _disk(free_bytes: int) -> Check:
    status = "healthy" if free_bytes > _DISK_LOW_BYTES else "degraded"
    return Check(status, details={"free_mb": free_bytes // (1 << 20)})


def _memory(own_bytes: int) -> Check:
    machine = psutil.virtual_memory()
    is_low = machine.available < machine.total * _MEMORY_LOW_SHARE
    details = {"rss_mb": own_bytes // (1 << 20), "available_mb": machine.available // (1 << 20)}
    return Check("degraded" if is_low else "healthy", details=details)


ADDRESSES: Addresses = (
    Address("/health", health, Access.PUBLIC, ("GET", "HEAD")),
    Address("/api/health", health, Access.PUBLIC, ("GET", "HEAD")),
    get("/metrics", metrics, Access.READ),
)
