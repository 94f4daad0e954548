"""The demo's web service: orders over a database, charges and analyses by a partner."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, exposition

from tocsin.demo import process
from tocsin.demo.database import Database, DatabaseDown
from tocsin.demo.fault_report import FaultReport
from tocsin.demo.journal import Journal, given_key, since_ms
from tocsin.demo.shop_metrics import ShopMetrics
from tocsin.demo.switches import Switches
from tocsin.demo.tracer import CLIENT, SERVER, ActiveSpan, Tracer

_VERSION = "1.4.2"
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_TRIM_SECONDS = 300.0
_UNTRACED = ("/metrics", "/health")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PaymentRefused(Exception):
    """The partner did not charge the card."""


class Shop:
    """The handlers and what they share."""

    def __init__(
        self,
        folder: Path,
        partner_url: str,
        journal: Journal,
        faults: FaultReport,
        tracer: Tracer,
    ) -> None:
        self._journal = journal
        self._tracer = tracer
        self._faults = faults
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.metrics = ShopMetrics(self.registry)
        self.database = Database(folder / "shop.sqlite", self.registry)
        self._switches = Switches(folder)
        self._path = folder / "shop.sqlite"
        self._partner = partner_url
        self._started = time.monotonic()

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(middlewares=[self._trace, self._measure])
        app.router.add_get("/metrics", self._expose)
        app.router.add_get("/health", self._health)
        app.router.add_get("/api/products", self._products)
        app.router.add_post("/api/orders", self._order)
        app.router.add_post("/api/analysis", self._analyse)
        app.cleanup_ctx.append(self._journal.background)
        app.cleanup_ctx.append(self._tracer.background)
        app.cleanup_ctx.append(self._faults.background)
        app.cleanup_ctx.append(self._background)
        return app

    async def _background(self, app: web.Application) -> AsyncIterator[None]:
        self._session = aiohttp.ClientSession(self._partner, timeout=_TIMEOUT)
        tasks = [asyncio.create_task(self._hold_lock()), asyncio.create_task(self._housekeep())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    @web.middleware
    async def _trace(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else request.path
        if route in _UNTRACED:
            request["trace"] = ""
            return await handler(request)
        about = {"http__request__method": request.method, "http__route": route}
        parent = request.headers.get("traceparent", "")
        with self._tracer.span(f"{request.method} {route}", SERVER, parent, **about) as span:
            request["trace"] = span.trace_id
            response = await handler(request)
            span.attributes["http.response.status_code"] = response.status
            span.attributes["user.id"] = request.get("user", "")
            if response.status >= 500:
                span.fail(f"answered {response.status}")
            return response

    def _asking(self, path: str) -> ActiveSpan:
        """What the partner is asked for."""
        about = {"http__request__method": "POST", "url__path": path, "peer__service": "partner"}
        return self._tracer.span(f"POST {path}", CLIENT, **about)

    @web.middleware
    async def _measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        status = 500
        self.metrics.active.inc()
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        except (DatabaseDown, aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            self._journal.say("error", f"{why}: {request.path} failed", trace_id=request["trace"])
            self._fault(request, error)
            response = web.json_response({"error": why}, status=500)
        finally:
            self.metrics.active.dec()
            resource = request.match_info.route.resource
            route = resource.canonical if resource else "unknown"
            labels = (request.method, route, str(status))
            example = {"trace_id": request["trace"]} if request["trace"] else None
            self.metrics.seconds.labels(*labels).observe(time.perf_counter() - started, example)
            self.metrics.requests.labels(*labels).inc()
            if route not in _UNTRACED:
                self._told(request, route, status, since_ms(started))
        return response

    def _told(self, request: web.Request, route: str, status: int, took_ms: int) -> None:
        self._journal.say(
            "error" if status >= 500 else "info",
            f"{request.method} {request.path} {status} {took_ms}ms",
            trace_id=request["trace"],
            route=route,
            status=status,
            duration_ms=took_ms,
        )

    def _fault(self, request: web.Request, error: BaseException, *, handled: bool = False) -> None:
        resource = request.match_info.route.resource
        self._faults.tell(
            error,
            trace_id=str(request["trace"]),
            user=str(request.get("user", "")),
            transaction=f"{request.method} {resource.canonical if resource else request.path}",
            request={"method": request.method, "url": str(request.url)},
            handled=handled,
        )

    async def _expose(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})

    async def _health(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        check: dict[str, object] = {"status": "healthy"}
        try:
            await self.database.run(
                "SELECT", "products", lambda db: db.execute("select 1").fetchone()
            )
        except DatabaseDown as error:
            check = {"status": "unhealthy", "error": str(error)}
        check["response_time"] = round((time.perf_counter() - started) * 1000)
        body = {
            "status": check["status"],
            "timestamp": datetime.now(UTC).isoformat(),
            "checks": {"database": check},
            "version": _VERSION,
            "uptime": time.monotonic() - self._started,
        }
        return web.json_response(body, status=200 if body["status"] == "healthy" else 503)

    async def _products(self, request: web.Request) -> web.Response:
        def work(db: sqlite3.Connection) -> list[dict[str, object]]:
            found = db.execute("select id, name, cents from products order by id")
            return [{"id": i, "name": name, "cents": cents} for i, name, cents in found]

        rows = await self.database.run("SELECT", "products", work)
        self.metrics.actions.labels("view", "catalogue").inc()
        return web.json_response(rows)

    async def _order(self, request: web.Request) -> web.Response:
        body = await request.json()
        user, product = str(body["user"]), int(body["product"])
        request["user"] = user
        trace = str(request["trace"])
        try:
            await self._charge(product)
        except PaymentRefused as refused:
            told = f"payment of product {product} was refused: {refused}"
            self._journal.say("warn", told, trace_id=trace, user_id=user)
            self._fault(request, refused, handled=True)
            return web.json_response({"error": "the payment was refused"}, status=502)

        def work(db: sqlite3.Connection) -> tuple[int, int]:
            now = time.time()
            order = db.execute(
                "insert into orders(user, product, state, created) values (?, ?, 'paid', ?)",
                (user, product, now),
            ).lastrowid
            db.execute(
                "insert into jobs(order_id, state, created) values (?, 'waiting', ?)", (order, now)
            )
            waiting = db.execute("select count(*) from jobs where state = 'waiting'").fetchone()[0]
            return order or 0, waiting

        order, waiting = await self.database.run("INSERT", "orders", work)
        self._journal.say(
            "info",
            f"order {order} paid, {waiting} jobs wait",
            trace_id=trace,
            user_id=user,
            product=product,
        )
        self.metrics.queue.set(waiting)
        self.metrics.actions.labels("buy", "checkout").inc()
        self.metrics.features.labels("checkout", str(body.get("plan", "free"))).inc()
        return web.json_response({"order": order}, status=201)

    async def _charge(self, product: int) -> None:
        """Have the card charged; raises PaymentRefused when it is not."""
        path, charge = "/v1/charges", {"product": product}
        with self._asking(path) as span:
            headers = {"traceparent": span.traceparent}
            async with self._session.post(path, json=charge, headers=headers) as answer:
                span.attributes["http.response.status_code"] = answer.status
                level = "info" if answer.status == 200 else "error"
                self._faults.crumb("http", f"POST {path}", level, status=answer.status)
                if answer.status != 200:
                    raise PaymentRefused(f"partner answered {answer.status}")

    async def _analyse(self, request: web.Request) -> web.Response:
        body = await request.json()
        path = "/v1/analyses"
        with self._asking(path) as span:
            headers = {"traceparent": span.traceparent}
            async with self._session.post(path, json=body, headers=headers) as answer:
                self.metrics.features.labels("analysis", str(body.get("plan", "free"))).inc()
                span.attributes["http.response.status_code"] = answer.status
                if answer.status >= 400:
                    span.fail(f"answered {answer.status}")
                return web.json_response(await answer.json(), status=answer.status)

    async def _hold_lock(self) -> None:
        """Be the runaway migration: hold the database's lock while the switch says so."""
        held: sqlite3.Connection | None = None
        try:
            while True:
                broken = self._switches.is_broken("database")
                if broken and held is None:
                    held = _lock(self._path)
                    if held is not None:
                        self._journal.say(
                            "warn", "migration 0042_rebuild_orders holds an exclusive lock"
                        )
                elif not broken and held is not None:
                    held.close()
                    held = None
                await asyncio.sleep(0.2)
        finally:
            if held is not None:
                held.close()

    async def _housekeep(self) -> None:
        while True:
            with contextlib.suppress(DatabaseDown):
                await self.database.trim()
            await asyncio.sleep(_TRIM_SECONDS)


def _lock(path: Path) -> sqlite3.Connection | None:
    """A connection that keeps everybody else out, or None when somebody writes just now."""
    connection = sqlite3.connect(path, timeout=0)
    try:
        connection.execute("begin exclusive")
    except sqlite3.OperationalError:
        connection.close()
        return None
    return connection


async def _run(folder: Path) -> None:
    url, key = sys.argv[2], given_key()
    faults = FaultReport("shop", url, key)
    tracer = Tracer("shop", _VERSION, url, key)
    shop = Shop(folder, sys.argv[3], Journal("shop", url, key), faults, tracer)
    shop.database.create()
    await process.serve(shop.app(), "shop", int(sys.argv[4]))


if __name__ == "__main__":
    process.main(_run)
