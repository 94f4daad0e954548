"""A small shop's traces: `web` asks `api`, which asks a database; a worker sends the mail."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tocsin.kit.clock import SystemClock
from tocsin.model.spans import Span, SpanBatch, SpanEvent, SpanLink
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate
from tocsin.store.span_writer import SpanWriter
from tocsin.store.wal_journal import Journal

START_S = 1_700_000_040
START_NS = START_S * 1_000_000_000
SECOND, MS = 1_000_000_000, 1_000_000
HOUR_NS = 3600 * SECOND
END_NS = START_NS + HOUR_NS
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
STACK = "Traceback (most recent call last):\n  File 'db.py'\nTimeoutError: database"


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def checkout(number: int, at_ns: int) -> list[Span]:
    """Every fifth fails in the database, every seventh is slow."""
    is_failed, took = number % 5 == 0, (900 if number % 7 == 0 else 90) * MS
    of = trace_id(number)

    def span(place: int, name: str, service: str, kind: int, took_ns: int, **more: object) -> Span:
        return Span(
            ts_ns=at_ns + place * 5 * MS,
            duration_ns=took_ns,
            trace_id=of,
            span_id=f"{number * 16 + place + 1:016x}",
            name=name,
            service=service,
            kind=kind,
            resource={"service.version": "1.2.3", "cloud.region": "eu"},
            **more,  # type: ignore[arg-type]  # a test's further columns
        )

    parents = [f"{number * 16 + place + 1:016x}" for place in range(5)]
    failed = {"status": 2, "status_message": "timed out"} if is_failed else {}
    thrown = SpanEvent(
        ts_ns=at_ns + 20 * MS,
        name="exception",
        attributes={
            "exception.type": "TimeoutError",
            "exception.message": "database",
            "exception.stacktrace": STACK,
        },
    )
    return [
        span(0, "GET /checkout", "web", SERVER, took, attributes={"http.route": "/checkout"}),
        span(1, "POST", "web", CLIENT, took - 10 * MS, parent_id=parents[0]),
        span(
            2,
            "POST /orders",
            "api",
            SERVER,
            took - 20 * MS,
            parent_id=parents[1],
            user_id=f"u{number % 3}",
            attributes={"http.status_code": "500" if is_failed else "200"},
            **failed,
        ),
        span(
            3,
            "INSERT orders",
            "api",
            CLIENT,
            took - 40 * MS,
            parent_id=parents[2],
            attributes={"db.system": "postgresql", "db.statement": "INSERT INTO orders"},
            events=(thrown,) if is_failed else (),
            **failed,
        ),
        span(
            4,
            "mail",
            "worker",
            CONSUMER,
            30 * MS,
            parent_id=parents[2],
            links=(SpanLink(trace_id=trace_id(999), span_id="f" * 16),),
        ),
    ]


def spans(count: int = 60) -> list[Span]:
    return [one for n in range(count) for one in checkout(n, START_NS + n * 50 * SECOND)]


@asynccontextmanager
async def a_store(engine: EngineChild) -> AsyncIterator[Store]:
    """A migrated database, in which old spans do not expire."""
    name = f"traces_{uuid.uuid4().hex[:12]}"
    store = await Store.connect(engine.endpoint, database=name, clock=SystemClock())
    await migrate(store)
    for table in ("spans", "traces", "spans_1m"):
        await store.command(f"ALTER TABLE {table} REMOVE TTL")
    yield store
    await store.command(f"DROP DATABASE IF EXISTS {name}", on="default")
    await store.close()


@asynccontextmanager
async def written(store: Store, folder: Path, given: Sequence[Span]) -> AsyncIterator[SpanWriter]:
    """A writer that has these spans."""
    clock = SystemClock()
    writer = SpanWriter(store, clock, Journal(store, folder, clock))
    await writer.open()
    task = asyncio.create_task(writer.run())
    await writer.write(SpanBatch(spans=tuple(given), key=7, taken_ms=START_S * 1000))
    yield writer
    assert await writer.drain()
    await task
