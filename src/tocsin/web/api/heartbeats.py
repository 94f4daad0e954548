"""`/ping/<key>`: programs say that they ran, as they say it to Healthchecks.io; and how they are.

Source: healthchecks.io/docs/http_api (pinging API): success, `/start`, `/fail`, `/<exit status>`,
by HEAD, GET or POST; the body of a POST is kept.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest.config import BodyConfig
from tocsin.kit.fault import Fault, NotFound, TooLarge
from tocsin.kit.quantity import Size
from tocsin.uptime.heartbeats.book import NOBODYS, Heartbeat
from tocsin.uptime.heartbeats.pulse import Signal, State, deadline_ms, state_of
from tocsin.web.body import answering, read_body
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_METHODS = ("GET", "HEAD", "POST")
_HIGHEST_STATUS = 255
_LARGEST_BYTES = 1 << 20


class ShownHeartbeat(msgspec.Struct, kw_only=True):
    """A program that says when it runs; times in seconds since the epoch, null is not known."""

    name: str
    state: State
    last_success_at: float | None
    last_start_at: float | None
    last_failure_at: float | None
    deadline_at: float | None
    took_seconds: float | None
    exit_code: int
    labels: dict[str, str]


class ShownHeartbeats(msgspec.Struct, kw_only=True):
    """All of them, in the order of the configuration."""

    heartbeats: list[ShownHeartbeat]


def shown(one: Heartbeat, now_ms: int) -> ShownHeartbeat:
    """As programs are told of it; its key is not."""
    pulse = one.pulse
    return ShownHeartbeat(
        name=one.config.name,
        state=state_of(one.config, pulse, now_ms),
        last_success_at=pulse.success_ms / 1000 or None,
        last_start_at=pulse.start_ms / 1000 or None,
        last_failure_at=pulse.fail_ms / 1000 or None,
        deadline_at=deadline_ms(one.config, pulse) / 1000 or None,
        took_seconds=pulse.took_ms / 1000 or None,
        exit_code=pulse.exit_code,
        labels=dict(one.config.labels),
    )


async def _ping(request: Request) -> Response:
    """Take what a program says; 200 once it is kept."""
    given, key = services(request), request.path_params["key"]
    if not given.heartbeats.knows(key):  # before anything that it sends is read
        raise NotFound(NOBODYS)
    signal, exit_code = _said(request.path_params.get("what", ""))
    words = await _words(request, given.config.ingest.body) if request.method == "POST" else ""
    await given.heartbeats.hear(key, signal, exit_code=exit_code, words=words)
    return PlainTextResponse("OK")


async def _words(request: Request, usual: BodyConfig) -> str:
    """What a program prints may be long: that it ran counts all the same."""
    limits = msgspec.structs.replace(
        usual, max_size=Size(_LARGEST_BYTES), max_inflated_size=Size(_LARGEST_BYTES)
    )
    try:
        body = await read_body(request, limits)
    except TooLarge:
        return "(What it said is longer than 1 MiB, and not kept.)"
    return body.decode("utf-8", "replace")


def _said(what: str) -> tuple[Signal, int]:
    if what in ("", Signal.SUCCESS):
        return Signal.SUCCESS, 0
    if what == Signal.START:
        return Signal.START, 0
    if what == Signal.FAIL:
        return Signal.FAIL, 1
    if what.isascii() and what.isdigit() and len(what) <= 3 and int(what) <= _HIGHEST_STATUS:
        status = int(what)
        return (Signal.FAIL if status else Signal.SUCCESS), status
    raise NotFound("after the key comes nothing, start, fail, or an exit status from 0 to 255")


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


async def _heartbeats(request: Request) -> Response:
    """Every program that says when it runs, and how it is."""
    given = services(request)
    now = given.clock.now_ms()
    told = ShownHeartbeats(heartbeats=[shown(one, now) for one in await given.heartbeats.all()])
    return Response(msgspec.json.encode(told), media_type="application/json")


_handler = answering(_ping, _refuse)

ADDRESSES: Addresses = (
    Address("/ping/{key}", _handler, Access.PUBLIC, _METHODS),
    Address("/ping/{key}/{what}", _handler, Access.PUBLIC, _METHODS),
    Address("/api/heartbeats", _heartbeats, Access.READ, ("GET",), answer=ShownHeartbeats),
)
