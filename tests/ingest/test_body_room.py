"""Large bodies find room in memory together, however many come at once."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.ingest.asgi import call
from tocsin.ingest.body_room import BodyRoom
from tocsin.ingest.config import BodyConfig
from tocsin.kit.fault import Temporary, TooLarge
from tocsin.kit.quantity import Size
from tocsin.web.body import Bodies, read_body

MIB = 1 << 20


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_finds_no_room_waits_in_turn() -> None:
    room, order = BodyRoom(), []

    async def come(name: str, size: int) -> None:
        await room.take(size, 10)
        order.append(name)

    await come("first", 8)
    waiting = [asyncio.create_task(come("large", 9)), asyncio.create_task(come("small", 1))]
    await turns()
    assert order == ["first"]
    room.give_back(8)
    await asyncio.gather(*waiting)
    assert (order, room.held_bytes) == (["first", "large", "small"], 10)


async def test_nobody_waits_for_ever() -> None:
    room = BodyRoom(wait_seconds=0.0)
    await room.take(8, 10)
    with pytest.raises(Temporary, match=r"ingest\.body\.max_held"):
        await room.take(3, 10)
    room.give_back(8)
    await room.take(30, 10)  # alone it may be larger
    assert room.held_bytes == 30


async def test_who_leaves_while_waiting_takes_no_room() -> None:
    room = BodyRoom()
    await room.take(8, 10)
    leaving = asyncio.create_task(room.take(9, 10))
    behind = asyncio.create_task(room.take(2, 10))
    await turns()
    leaving.cancel()
    await behind
    assert room.held_bytes == 10
    last = asyncio.create_task(room.take(5, 10))
    await turns()
    room.give_back(8)
    last.cancel()  # it was let in at that moment
    await asyncio.wait((last,))
    assert room.held_bytes == 2


async def test_small_bodies_go_by() -> None:
    room = BodyRoom(wait_seconds=0.0)
    async with room.holding(8 * MIB, MIB), room.holding(MIB, MIB):
        assert room.held_bytes == 8 * MIB
    assert room.held_bytes == 0


class Desk:
    """An address that looks at bodies until it is told to answer."""

    def __init__(self) -> None:
        self.room = BodyRoom(wait_seconds=0.0)
        self.limits = BodyConfig(max_inflated_size=Size(64 * MIB), max_held=Size(80 * MIB))
        self.looking = asyncio.Event()
        self.answer = asyncio.Event()
        app = Starlette(routes=[Route("/", self._taken, methods=["POST"])])
        self.app = Bodies(app, self.room)

    async def _taken(self, request: Request) -> Response:
        try:
            body = await read_body(request, self.limits)
        except Temporary:
            return Response(status_code=503)
        except TooLarge:
            return Response(status_code=413)
        self.looking.set()
        await self.answer.wait()
        return Response(str(len(body)))


async def test_a_request_has_its_room_until_it_is_answered() -> None:
    desk = Desk()
    bomb = gzip.compress(bytes(60 * MIB))
    first = asyncio.create_task(call(desk.app, "POST", "/", bomb, content_encoding="gzip"))
    await desk.looking.wait()
    assert desk.room.held_bytes == 60 * MIB
    assert (await call(desk.app, "POST", "/", bomb, content_encoding="gzip")).status == 503
    assert (await call(desk.app, "POST", "/", bytes(30 * MIB))).status == 503
    desk.answer.set()
    assert (await call(desk.app, "POST", "/", b"small")).body == b"5"
    assert (await first).body == str(60 * MIB).encode()
    assert desk.room.held_bytes == 0


async def test_what_is_refused_has_no_room() -> None:
    desk = Desk()
    bomb = gzip.compress(bytes(70 * MIB))
    assert (await call(desk.app, "POST", "/", bomb, content_encoding="gzip")).status == 413
    assert desk.room.held_bytes == 0
