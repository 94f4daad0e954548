"""Where `tocsin agent` sends what it reads."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.protocols import agent_lines
from tocsin.web.body import read_body, sender_of
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_ON_LOOP_BYTES = 16 << 10


class AgentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch: `refused` counts lines by the reason they were left out for."""

    kept: int
    refused: dict[str, int]


async def _take(request: Request) -> Response:
    """Keep a batch; the same bytes sent again are kept once."""
    used = services(request)
    body = await read_body(request, used.config.ingest.body)
    now_ns = used.logs.now_ns()
    if len(body) <= _ON_LOOP_BYTES:
        records = agent_lines.decode(body, now_ns=now_ns)
    else:
        records = await asyncio.to_thread(lambda: agent_lines.decode(body, now_ns=now_ns))
    key = key_of(body, carries_times=True, now_ns=now_ns, place="agent")
    taken = await used.logs.take(records, protocol="agent", key=key, sender=sender_of(request))
    answer = AgentAnswer(kept=taken.kept, refused=dict(taken.reasons()))
    return Response(msgspec.json.encode(answer), media_type="application/json")


ADDRESSES: Addresses = (post("/api/logs/agent", _take, Access.INGEST),)
