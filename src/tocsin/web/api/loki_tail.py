"""How does Grafana follow lines? Loki's tail over a WebSocket.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#stream-logs
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tocsin.kit.fault import Fault, Rejected, TooMuch
from tocsin.model.logs import LogBatch, LogRecord
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
from tocsin.web.identity import Identity, Kind
from tocsin.web.lease import ENDED, STALLED_SECONDS, Lease
from tocsin.web.lease import SECONDS as LEASE_SECONDS
from tocsin.web.routing import Access
from tocsin.web.services import Services

PATH = "/loki/api/v1/tail"
_BEHIND = 1_000
_REFUSED, _WRONG, _BROKEN, _LATER = 1008, 1003, 1011, 1013
_LONGEST_REASON = 120


def tailing(authenticator: Authenticator) -> Callable[[WebSocket], Awaitable[None]]:
    """The WebSocket's handler, for those who may read."""

    async def tail(socket: WebSocket) -> None:
        ask = partial(
            authenticator.identify,
            socket.headers,
            socket.query_params,
            socket.cookies,
            socket.client.host if socket.client else "",
        )
        try:
            who = await ask()
            _admit(authenticator, socket, who)
        except Fault as fault:
            await socket.close(_REFUSED, str(fault)[:_LONGEST_REASON])
            return
        try:
            query, run = _asked(socket.query_params.get("query", ""))
        except Fault as fault:
            await socket.accept()
            await socket.close(_WRONG, str(fault)[:_LONGEST_REASON])
            return
        await socket.accept()
        lease = Lease(authenticator.people.clock, partial(ask, recent=True), Access.READ)
        following = _Following(socket, query, run, lease, who.name)
        sending = asyncio.create_task(following.send(), name="loki_tail")
        try:
            await _left(socket, sending)
        finally:
            sending.cancel()
            await asyncio.wait({sending})

    return tail


def _admit(authenticator: Authenticator, socket: WebSocket, who: Identity) -> None:
    """Raises Rejected when the caller may not follow."""
    if not who.allows(Access.READ):
        raise Rejected("this address needs a key with the scope read, or a login")
    must_change = who.kind is Kind.SESSION and who.user and who.user.must_change_password
    own = authenticator.people.external_origin
    if must_change or (who.is_ambient and csrf.is_foreign(socket.headers, (own,) if own else ())):
        # Browsers let any page open a WebSocket, and send the cookie with it.
        raise Rejected("this connection was opened by a page of another site")


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


@dataclass(frozen=True, slots=True)
class _Following:
    """One caller's tail."""

    socket: WebSocket
    query: ast.LogQuery
    run: Step
    lease: Lease
    caller: str

    async def send(self) -> None:
        """Lines as they come, until the caller leaves or may not go on."""
        parts: Services = self.socket.app.state.services
        try:
            with parts.log_tail.reading(self._shown, self.caller) as reader:
                told = 0
                if before := await _before(self.socket, parts, self.query):
                    await _told(self.socket, before, 0)
                async for found in reader.batches(LEASE_SECONDS):
                    if not await self.lease.holds():
                        await self.socket.close(_REFUSED, ENDED)
                        return
                    if found or reader.lost > told:
                        await _told(self.socket, found, reader.lost - told)
                        told = reader.lost
        except (WebSocketDisconnect, TimeoutError):
            return
        except TooMuch as fault:
            await self.socket.close(_LATER, str(fault)[:_LONGEST_REASON])
        except Fault as fault:
            await self.socket.close(_BROKEN, str(fault)[:_LONGEST_REASON])

    def _shown(self, record: LogRecord, _batch: LogBatch, _number: int) -> Shown | None:
        wanted = all(matches(one, value_of(record, one.name)) for one in self.query.matchers)
        return shown(record, self.run) if wanted else None


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
    async with asyncio.timeout(STALLED_SECONDS):
        await socket.send_text(msgspec.json.encode(message).decode())
