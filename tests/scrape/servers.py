"""Real HTTP servers that answer as a test tells them to, and a sink that keeps what it is given."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tocsin.model.labels import Labels
from tocsin.model.samples import Interner, SampleBatch, is_stale


@dataclass
class Page:
    """What a server answers, and what it was asked."""

    body: bytes = b""
    content_type: str = "text/plain; version=0.0.4"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[web.BaseRequest] = field(default_factory=list)
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.answer is not None:
            return await self.answer(request)
        headers = dict(self.headers)
        if self.content_type:
            headers["Content-Type"] = self.content_type
        return web.Response(body=self.body, status=self.status, headers=headers)


@asynccontextmanager
async def serve(
    page: Page, path: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """`host:port` of a server of this page, or the unix socket `path` that it listens on."""
    runner = web.ServerRunner(web.Server(page), shutdown_timeout=0.1)
    await runner.setup()
    site: web.BaseSite
    site = (
        web.UnixSite(runner, path) if path else web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    )
    await site.start()
    try:
        yield path or f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Kept(Interner):
    """An intake and a sink: what was submitted, by series, with staleness markers as "stale"."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[SampleBatch] = []
        self._arrived = asyncio.Event()

    def submit(self, batch: SampleBatch) -> bool:
        self.batches.append(batch)
        self._arrived.set()
        return True

    async def more(self) -> None:
        """Return when something was submitted since the last call."""
        async with asyncio.timeout(60):
            await self._arrived.wait()
        self._arrived.clear()

    def all(self) -> dict[Labels, list[tuple[int, float | str]]]:
        found: dict[Labels, list[tuple[int, float | str]]] = {}
        for batch in self.batches:
            stale = is_stale(batch.values).tolist()
            for ref, ts, value, is_end in zip(
                batch.refs.tolist(), batch.ts.tolist(), batch.values.tolist(), stale, strict=True
            ):
                found.setdefault(self.labels[ref], []).append((ts, "stale" if is_end else value))
        return found

    def values(self, metric: str) -> list[float | str]:
        """All values of the metric's series in order of submission."""
        series = self.all()
        return [v for labels in series if ("__name__", metric) in labels for _, v in series[labels]]

    def last(self, metric: str) -> float | str:
        return next(iter(self.values(metric)[-1:]), math.nan)
