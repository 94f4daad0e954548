"""The demo's external dependency: it charges cards and writes analyses, well or badly."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, Summary, exposition

from tocsin.demo import process
from tocsin.demo.journal import Journal, given_key, since_ms
from tocsin.demo.switches import Switches
from tocsin.demo.tracer import SERVER, Tracer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Partner:
    """A payment service and an assistant behind one address."""

    def __init__(
        self, folder: Path, chance: random.Random, journal: Journal, tracer: Tracer
    ) -> None:
        self._journal = journal
        self._tracer = tracer
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._switches = Switches(folder)
        self._chance = chance
        self._turn = itertools.count()
        self._calls = Counter("partner_calls", "Calls", ["call", "outcome"], registry=self.registry)
        self._tokens = Summary("partner_tokens", "Tokens an analysis used", registry=self.registry)

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(middlewares=[self._trace])
        app.router.add_get("/metrics", self._expose)
        app.router.add_post("/v1/charges", self._charge)
        app.router.add_post("/v1/analyses", self._analyse)
        app.cleanup_ctx.append(self._journal.background)
        app.cleanup_ctx.append(self._tracer.background)
        return app

    @web.middleware
    async def _trace(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/metrics":
            return await handler(request)
        parent, name = request.headers.get("traceparent", ""), f"{request.method} {request.path}"
        with self._tracer.span(name, SERVER, parent, http__route=request.path) as span:
            response = await handler(request)
            span.attributes["http.response.status_code"] = response.status
            if response.status >= 500:
                span.fail(f"answered {response.status}")
            return response

    async def _expose(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})

    async def _charge(self, request: web.Request) -> web.Response:
        slow = self._switches.is_broken("latency")
        started = time.perf_counter()
        await asyncio.sleep(self._chance.uniform(2.5, 4.0) if slow else self._seconds(0.03))
        if self._switches.is_broken("errors") and next(self._turn) % 3 == 0:
            self._calls.labels("charge", "error").inc()
            self._journal.say("error", "charge failed: ledger shard 3 is read-only")
            return web.json_response({"error": "internal error"}, status=500)
        self._calls.labels("charge", "ok").inc()
        took_ms = since_ms(started)
        level = "warn" if took_ms > 2_000 else "info"
        told = f"card charged in {took_ms} ms"
        self._journal.say(level, told, duration_ms=took_ms)
        return web.json_response({"charged": True})

    async def _analyse(self, request: web.Request) -> web.Response:
        broken = self._switches.is_broken("ai")
        await asyncio.sleep(self._chance.uniform(10.5, 14.0) if broken else self._seconds(0.6))
        if broken and self._chance.random() < 0.4:
            self._calls.labels("analysis", "error").inc()
            self._journal.say("error", "the model small-1 is overloaded")
            return web.json_response({"error": "the model is overloaded"}, status=503)
        tokens = int(self._chance.lognormvariate(6.5, 0.5))
        self._tokens.observe(tokens)
        self._calls.labels("analysis", "ok").inc()
        self._journal.say("info", f"analysis of {tokens} tokens", tokens=tokens)
        return web.json_response({"tokens": tokens, "model": "small-1"})

    def _seconds(self, typical: float) -> float:
        """A right-skewed duration around `typical`, as real services have."""
        return min(self._chance.lognormvariate(0.0, 0.4) * typical, 10 * typical)


async def _run(folder: Path) -> None:
    url, key = sys.argv[2], given_key()
    journal, tracer = Journal("partner", url, key), Tracer("partner", "2.0.1", url, key)
    await process.serve(Partner(folder, random.Random(), journal, tracer).app(), "partner")


if __name__ == "__main__":
    process.main(_run)
