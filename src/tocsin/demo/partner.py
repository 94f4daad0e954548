"""The demo's external dependency: it charges cards and writes analyses, well or badly."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, Summary, exposition

from tocsin.demo import process
from tocsin.demo.journal import Journal, given_key, since_ms, trace_of
from tocsin.demo.switches import Switches


class Partner:
    """A payment service and an assistant behind one address."""

    def __init__(self, folder: Path, chance: random.Random, journal: Journal) -> None:
        self._journal = journal
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._switches = Switches(folder)
        self._chance = chance
        self._turn = itertools.count()
        self._calls = Counter("partner_calls", "Calls", ["call", "outcome"], registry=self.registry)
        self._tokens = Summary("partner_tokens", "Tokens an analysis used", registry=self.registry)

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.router.add_get("/metrics", self._expose)
        app.router.add_post("/v1/charges", self._charge)
        app.router.add_post("/v1/analyses", self._analyse)
        app.cleanup_ctx.append(self._journal.background)
        return app

    async def _expose(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})

    async def _charge(self, request: web.Request) -> web.Response:
        slow = self._switches.is_broken("latency")
        started, trace = time.perf_counter(), trace_of(request.headers.get("traceparent", ""))
        await asyncio.sleep(self._chance.uniform(2.5, 4.0) if slow else self._seconds(0.03))
        if self._switches.is_broken("errors") and next(self._turn) % 3 == 0:
            self._calls.labels("charge", "error").inc()
            self._journal.say("error", "charge failed: ledger shard 3 is read-only", trace_id=trace)
            return web.json_response({"error": "internal error"}, status=500)
        self._calls.labels("charge", "ok").inc()
        took_ms = since_ms(started)
        level = "warn" if took_ms > 2_000 else "info"
        told = f"card charged in {took_ms} ms"
        self._journal.say(level, told, trace_id=trace, duration_ms=took_ms)
        return web.json_response({"charged": True})

    async def _analyse(self, request: web.Request) -> web.Response:
        broken = self._switches.is_broken("ai")
        trace = trace_of(request.headers.get("traceparent", ""))
        await asyncio.sleep(self._chance.uniform(10.5, 14.0) if broken else self._seconds(0.6))
        if broken and self._chance.random() < 0.4:
            self._calls.labels("analysis", "error").inc()
            self._journal.say("error", "the model small-1 is overloaded", trace_id=trace)
            return web.json_response({"error": "the model is overloaded"}, status=503)
        tokens = int(self._chance.lognormvariate(6.5, 0.5))
        self._tokens.observe(tokens)
        self._calls.labels("analysis", "ok").inc()
        self._journal.say("info", f"analysis of {tokens} tokens", trace_id=trace, tokens=tokens)
        return web.json_response({"tokens": tokens, "model": "small-1"})

    def _seconds(self, typical: float) -> float:
        """A right-skewed duration around `typical`, as real services have."""
        return min(self._chance.lognormvariate(0.0, 0.4) * typical, 10 * typical)


async def _run(folder: Path) -> None:
    journal = Journal("partner", sys.argv[2], given_key())
    await process.serve(Partner(folder, random.Random(), journal).app(), "partner")


if __name__ == "__main__":
    process.main(_run)
