"""The demo's external dependency: it charges cards and writes analyses, well or badly."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, Summary, exposition

from tocsin.demo import process
from tocsin.demo.switches import Switches


class Partner:
    """A payment service and an assistant behind one address."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
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
        return app

    async def _expose(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})

    async def _charge(self, request: web.Request) -> web.Response:
        slow = self._switches.is_broken("latency")
        await asyncio.sleep(self._chance.uniform(2.5, 4.0) if slow else self._seconds(0.03))
        if self._switches.is_broken("errors") and next(self._turn) % 3 == 0:
            self._calls.labels("charge", "error").inc()
            return web.json_response({"error": "internal error"}, status=500)
        self._calls.labels("charge", "ok").inc()
        return web.json_response({"charged": True})

    async def _analyse(self, request: web.Request) -> web.Response:
        broken = self._switches.is_broken("ai")
        await asyncio.sleep(self._chance.uniform(10.5, 14.0) if broken else self._seconds(0.6))
        if broken and self._chance.random() < 0.4:
            self._calls.labels("analysis", "error").inc()
            return web.json_response({"error": "the model is overloaded"}, status=503)
        tokens = int(self._chance.lognormvariate(6.5, 0.5))
        self._tokens.observe(tokens)
        self._calls.labels("analysis", "ok").inc()
        return web.json_response({"tokens": tokens, "model": "small-1"})

    def _seconds(self, typical: float) -> float:
        """A right-skewed duration around `typical`, as real services have."""
        return min(self._chance.lognormvariate(0.0, 0.4) * typical, 10 * typical)


async def _run(folder: Path) -> None:
    await process.serve(Partner(folder, random.Random()).app(), "partner")


if __name__ == "__main__":
    process.main(_run)
