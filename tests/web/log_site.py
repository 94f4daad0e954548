"""The addresses that answer about lines, over a store of their own, without the guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.ingest.asgi import Answer
from tests.store.test_log_writer import writing
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.logs.tail import TailBus
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logs.search import LogSearch
from tocsin.store.client import Store
from tocsin.store.log_writer import LogWriter
from tocsin.web.problem import of_fault
from tocsin.web.routing import Address, Handler

NOW_S = 1_700_000_040
NOW_NS = NOW_S * 10**9


@dataclass(slots=True)
class LogSite:
    """The application, and what writes lines into its store."""

    app: Starlette
    search: LogSearch
    tail: TailBus
    writer: LogWriter

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        *,
        stop: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        """Send one request; with `stop`, leave once it is true of what came so far."""
        raw_path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": raw_path,
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("localhost", 7777),
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "root_path": "",
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        left = asyncio.Event()
        answer = Answer(0, {}, b"")

        async def receive() -> Any:  # ASGI messages
            if messages:
                return messages.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:  # ASGI messages
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {n.decode(): v.decode() for n, v in message["headers"]}
            else:
                answer.body += message.get("body", b"")
                if stop is not None and stop(answer.body):
                    left.set()

        async with asyncio.timeout(60):
            await self.app(scope, receive, send)
        return answer

    async def get(self, path: str, status: int = 200, **params: object) -> Any:  # any answer
        asked = f"{path}?{urlencode(params)}" if params else path
        answer = await self.call("GET", asked)
        assert answer.status == status, answer.body
        return answer.json()

    async def post(self, path: str, body: object, status: int = 200) -> Any:  # any answer
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = await self.call("POST", path, raw)
        assert answer.status == status, answer.body
        return answer.json()


@asynccontextmanager
async def log_site(
    store: Store, folder: Path, addresses: Sequence[Address], records: Sequence[LogRecord]
) -> AsyncIterator[LogSite]:
    """A site whose clock says `NOW_S`, over these lines."""
    clock = FakeClock(NOW_S)
    async with writing(store, folder) as writer:
        await writer.write(LogBatch(records=tuple(records), key=7, taken_ms=NOW_S * 1000))
        search, tail = LogSearch(store, writer, clock), TailBus()
        app = Starlette(
            routes=[
                Route(one.path, _told(one.handler), methods=list(one.methods)) for one in addresses
            ]
        )
        app.state.services = SimpleNamespace(
            store=store,
            clock=clock,
            log_search=search,
            log_tail=tail,
            log_writer=writer,
            config=SimpleNamespace(ingest=IngestConfig(), query=None),
        )
        yield LogSite(app, search, tail, writer)


def _told(handler: Handler) -> Handler:
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Fault as fault:
            return of_fault(request, fault)

    return answered
