"""How does Grafana follow lines? Loki's tail over a WebSocket.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#stream-logs
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tocsin.kit.fault import Fault
from tocsin.model.logs import LogRecord
from tocsin.query.logql import ast
from tocsin.query.logql.faults import LogqlError
from tocsin.query.logql.labels import value_of
from tocsin.query.logql.parse import parse
from tocsin.query.logql.process import Step, compiled, matches
from tocsin.query.logql.read import Shown, lines, shown
from tocsin.query.logs.search import Span
from tocsin.web import csrf
from tocsin.web.api.loki_json import grouped
from tocsin.web.authenticator import Authenticator
from tocsin.web.identity import Kind
from tocsin.web.routing import Access
from tocsin.web.services import Services

PATH = "/loki/api/v1/tail"
_IDLE_SECONDS = 15.0
_BEHIND = 1_000
_REFUSED, _WRONG = 1008, 1003


def tailing(authenticator: Authenticator) -> Callable[[WebSocket], Awaitable[None]]:
    """The WebSocket's handler, for those who may read."""

    async def tail(socket: WebSocket) -> None:
        refusal = await _refusal(authenticator, socket)
        if refusal:
            await socket.close(_REFUSED, refusal)
            return
        try:
            query, run = _asked(socket.query_params.get("query", ""))
        except Fault as fault:
            await socket.accept()
            await socket.close(_WRONG, str(fault)[:120])
            return
        await socket.accept()
        sending = asyncio.create_task(_send(socket, query, run), name="loki_tail")
        try:
            await _left(socket, sending)
        finally:
            sending.cancel()
            await asyncio.wait({sending})

    return tail


async def _refusal(authenticator: Authenticator, socket: WebSocket) -> str:
    """Why the caller may not follow, empty when it may."""
    client = socket.client.host if socket.client else ""
    try:
        who = await authenticator.identify(
            socket.headers, socket.query_params, socket.cookies, client
        )
    except Fault as fault:
        return str(fault)[:120]
    if not who.allows(Access.READ):
        return "this address needs a key with the scope read, or a login"
    must_change = who.kind is Kind.SESSION and who.user and who.user.must_change_password
    own = authenticator.people.external_origin
    if must_change or (who.is_ambient and csrf.is_foreign(socket.headers, (own,) if own else ())):
        # Browsers let any page open a WebSocket, and send the cookie with it.
        return "this connection was opened by a page of another site"
    return ""


def _asked(text: str) -> tuple[ast.LogQuery, Step]:
    query = parse(text)
    if not isinstance(query, ast.LogQuery):
        raise LogqlError("only queries for lines can be followed")
    return query, compiled(query.stages)


async def _left(socket: WebSocket, sending: asyncio.Task[None]) -> None:
    """Return when the other side goes, or nothing can be sent any more."""
    while not sending.done():
        reading = asyncio.create_task(socket.receive(), name="loki_tail_reading")
        try:
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and reading.result()["type"] == "websocket.disconnect":
                return
        finally:
            reading.cancel()


async def _send(socket: WebSocket, query: ast.LogQuery, run: Step) -> None:
    parts: Services = socket.app.state.services

    def wanted(record: LogRecord) -> bool:
        return all(matches(one, value_of(record, one.name)) for one in query.matchers)

    try:
        with parts.log_tail.reading(wanted) as reader:
            told = 0
            if before := await _before(socket, parts, query):
                await _told(socket, before, 0)
            async for records in reader.batches(_IDLE_SECONDS):
                found = [line for one in records if (line := shown(one, run)) is not None]
                if found or reader.lost > told:
                    await _told(socket, found, reader.lost - told)
                    told = reader.lost
    except WebSocketDisconnect:
        return
    except Fault as fault:
        await socket.close(1011, str(fault)[:120])


async def _before(socket: WebSocket, parts: Services, query: ast.LogQuery) -> Sequence[Shown]:
    """Lines since `start`, oldest first."""
    start = socket.query_params.get("start", "")
    limit = socket.query_params.get("limit", "100")
    if not (start.isdecimal() and len(start) == 19 and limit.isdecimal() and len(limit) < 6):
        return ()
    search = parts.log_search
    span = Span(int(start), max(search.now_ns(), int(start) + 1))
    found = await lines(search, query, span, min(int(limit), _BEHIND), newest_first=True)
    return found[::-1]


async def _told(socket: WebSocket, found: Sequence[Shown], lost: int) -> None:
    message: dict[str, object] = {"streams": grouped(found, apart=False)}
    if lost:
        at = str(found[-1].ts_ns) if found else "0"
        message["dropped_entries"] = [{"labels": {"lines": str(lost)}, "timestamp": at}]
    await socket.send_text(msgspec.json.encode(message).decode())
