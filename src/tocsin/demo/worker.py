"""The demo's worker: takes jobs from the database and finishes them, or leaks memory."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    exposition,
)

from tocsin.demo import process
from tocsin.demo.database import Database, DatabaseDown
from tocsin.demo.journal import Journal, given_key, since_ms
from tocsin.demo.switches import Switches
from tocsin.demo.tracer import CONSUMER, Tracer

_IDLE_SECONDS = 0.5
_LEAK_BYTES = 4 << 20
_LEAK_LIMIT_BYTES = 600 << 20


class Worker:
    """Takes one job after the other."""

    def __init__(
        self, folder: Path, chance: random.Random, journal: Journal, tracer: Tracer
    ) -> None:
        self._journal = journal
        self._tracer = tracer
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._database = Database(folder / "shop.sqlite", self.registry)
        self._switches = Switches(folder)
        self._chance = chance
        self._leaked: list[bytes] = []
        self._jobs = Counter("jobs", "Jobs finished", ["outcome"], registry=self.registry)
        self._seconds = Histogram(
            "job_duration_seconds",
            "Duration of jobs in seconds",
            buckets=[0.01, 0.05, 0.1, 0.5, 1, 5],
            registry=self.registry,
        )
        self._lag = Gauge(
            "job_queue_age_seconds", "Age of the oldest waiting job", registry=self.registry
        )

    def app(self) -> web.Application:
        """The web application: only its metrics."""
        app = web.Application()
        app.router.add_get("/metrics", self._expose)
        app.cleanup_ctx.append(self._journal.background)
        app.cleanup_ctx.append(self._tracer.background)
        app.cleanup_ctx.append(self._background)
        return app

    async def _expose(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})

    async def _background(self, app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._leak())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            worked = False
            try:
                worked = await self._one_job()
            except DatabaseDown as error:
                self._journal.say("error", f"could not work on jobs: {error}")
            if not worked:
                await asyncio.sleep(_IDLE_SECONDS)

    async def _one_job(self) -> bool:
        def take(db: sqlite3.Connection) -> tuple[int, float] | None:
            query = "select id, created from jobs where state = 'waiting' order by id limit 1"
            row: tuple[int, float] | None = db.execute(query).fetchone()
            return row

        job = await self._database.run("SELECT", "jobs", take)
        if job is None:
            self._lag.set(0)
            return False
        number, created = job
        self._lag.set(max(0.0, time.time() - created))
        with self._tracer.span("process job", CONSUMER, job__id=number):
            await self._do(number)
        return True

    async def _do(self, number: int) -> None:
        started = time.perf_counter()
        with self._seconds.time():
            await asyncio.sleep(min(self._chance.expovariate(20), 2.0))

        def finish(db: sqlite3.Connection) -> None:
            db.execute("update jobs set state = 'done' where id = ?", (number,))

        await self._database.run("UPDATE", "jobs", finish)
        self._jobs.labels("done").inc()
        took_ms = since_ms(started)
        self._journal.say(
            "info", f"job {number} done in {took_ms} ms", job=number, duration_ms=took_ms
        )

    async def _leak(self) -> None:
        while True:
            if not self._switches.is_broken("memory"):
                self._leaked.clear()
            elif len(self._leaked) * _LEAK_BYTES < _LEAK_LIMIT_BYTES:
                self._leaked.append(b"\x01" * _LEAK_BYTES)
                megabytes = len(self._leaked) * _LEAK_BYTES >> 20
                self._journal.say("warn", f"the cache of images has grown to {megabytes} MB")
            await asyncio.sleep(1.0)


async def _run(folder: Path) -> None:
    url, key = sys.argv[2], given_key()
    journal, tracer = Journal("worker", url, key), Tracer("worker", "1.4.2", url, key)
    await process.serve(Worker(folder, random.Random(), journal, tracer).app(), "worker")


if __name__ == "__main__":
    process.main(_run)
