"""How many log lines a second go in over bulk requests, beside the engine's own JSONEachRow?

Run: `python bench/log_ingest.py [seconds]`; 10 by default, for each of the two. Bulk requests of
5,000 lines of some 184 bytes over HTTP into `tocsin serve`'s own parts, one sender and four; then
the same rows as JSONEachRow into a table of the same kind in the same engine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil

from tocsin.app.build import build
from tocsin.app.config import load_config
from tocsin.app.product import Tocsin
from tocsin.kit.clock import SystemClock

LINES = 5_000
SENDERS = 4
_numbers = itertools.count()
_SAID = (
    "payment of {} for order {} declined by the bank",
    "user {} logged in from 10.0.{}.7",
    "GET /api/cart/{} took {} ms",
    "cache miss for key session:{} after {} hits",
    "worker {} finished job {}",
    "connection to db-{} timed out after {} ms, trying again",
    "order {} shipped with parcel {}",
    "queue depth is {} of {}",
)
_SERVICES = ("api", "worker", "web", "auth", "billing")
_LEVELS = ("info", "info", "info", "info", "debug", "warn", "error")
_TABLE = """
CREATE TABLE bench_logs (ts DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
 service LowCardinality(String), level LowCardinality(String), body String CODEC(ZSTD(1)),
 trace_id String CODEC(ZSTD(1)), attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
 INDEX by_text lower(body) TYPE text(tokenizer = splitByNonAlpha))
ENGINE = MergeTree PARTITION BY toYYYYMMDD(ts) ORDER BY (service, ts)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, before it is written in either way."""

    ts_ms: int
    service: str
    level: str
    body: str
    trace_id: str
    status: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one measurement found."""

    lines: int
    seconds: float
    own_cpu: float
    engine_cpu: float

    @property
    def rate(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds

    def told(self, name: str) -> str:
        """The row of the table."""
        million = self.lines / 1e6
        return (
            f"{name:<34} {self.rate:>9,.0f} lines/s; CPU s per million: "
            f"{self.own_cpu / million:.1f} here, {self.engine_cpu / million:.1f} engine"
        )


def made(count: int, seed: int) -> list[Line]:
    """Lines as services write them, the newest of now."""
    pick = random.Random(seed)
    now = time.time_ns() // 1_000_000
    return [
        Line(
            now - count + number,
            pick.choice(_SERVICES),
            pick.choice(_LEVELS),
            pick.choice(_SAID).format(pick.randrange(10**6), pick.randrange(250)),
            f"{pick.getrandbits(128):032x}",
            pick.choice((200, 201, 404, 500)),
        )
        for number in range(count)
    ]


def bulk(lines: list[Line]) -> bytes:
    """A bulk request."""
    action = b'{"index":{"_index":"bench-logs"}}\n'
    rows: list[bytes] = []
    for one in lines:
        at = datetime.fromtimestamp(one.ts_ms / 1000, UTC).isoformat(timespec="milliseconds")
        document = {
            "@timestamp": at.replace("+00:00", "Z"),
            "message": one.body,
            "severity": one.level,
            "fields": {
                "service": one.service, "trace_id": one.trace_id, "status": one.status,
            },
        }  # fmt: skip
        rows += (action, json.dumps(document, separators=(",", ":")).encode(), b"\n")
    return b"".join(rows)


def each_row(lines: list[Line]) -> bytes:
    """The same as JSONEachRow."""
    return b"".join(
        json.dumps(
            {
                "ts": f"{one.ts_ms / 1000:.3f}",
                "service": one.service,
                "level": one.level,
                "body": one.body,
                "trace_id": one.trace_id,
                "attributes": {"status": str(one.status)},
            },
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for one in lines
    )


async def measured(
    engine: psutil.Process, seconds: float, senders: int, send: Callable[[int], Awaitable[None]]
) -> Round:
    """So many senders at once for so long; `send` takes a number that is never the same."""
    own = psutil.Process()
    before = [sum(one.cpu_times()[:2]) for one in (own, engine)]
    began = time.perf_counter()

    async def sender() -> int:
        sent = 0
        while time.perf_counter() - began < seconds:
            await send(next(_numbers))
            sent += 1
        return sent

    requests = sum(await asyncio.gather(*(sender() for _ in range(senders))))
    took = time.perf_counter() - began
    after = [sum(one.cpu_times()[:2]) for one in (own, engine)]
    return Round(requests * LINES, took, after[0] - before[0], after[1] - before[1])


async def main() -> None:
    """Run both, and tell their ratio."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    prepared = [made(LINES, seed) for seed in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tocsin.yaml"
        file.write_text("scrape: {host: false, itself: false}\nauth: off\n")
        listen = {"http": "127.0.0.1:0", "otlp_http": "off", "otlp_grpc": "off"}
        flags = {f"listen.{name}": value for name, value in listen.items()}
        tocsin = await build(load_config(file, {"data": f"{folder}/data", **flags}), SystemClock())
        await tocsin.start()
        try:
            await compare(tocsin, prepared, seconds)
        finally:
            await tocsin.stop()


async def compare(tocsin: Tocsin, prepared: list[list[Line]], seconds: float) -> None:
    """Measure both ways in turn, each of them twice."""
    engine = psutil.Process(tocsin.status().engine_pid)
    store = tocsin.parts.kept.store
    bodies = [bulk(lines) for lines in prepared]
    rows = [each_row(lines) for lines in prepared]
    size = len(bodies[0]) / LINES
    print(f"{LINES:,} lines a request, {size:.0f} bytes a line with its action")
    await store.command(_TABLE)
    url = f"{tocsin.http.url}/elasticsearch/_bulk"
    async with aiohttp.ClientSession() as session:

        async def post(number: int) -> None:
            # A request that was kept already would cost nothing: each has a line of its own.
            mark = f'{{"index":{{"_index":"bench-{number}"}}}}\n'.encode()
            body = mark + bodies[number % len(bodies)].split(b"\n", 1)[1]
            async with session.post(url, data=body) as response:
                answer = await response.read()
                assert response.status == 200, answer[:500]
                assert answer.startswith(b'{"errors":false'), answer[:500]

        async def insert(number: int) -> None:
            await store.insert(
                "bench_logs",
                ("ts", "service", "level", "body", "trace_id", "attributes"),
                rows[number % len(rows)],
                "JSONEachRow",
                token=f"bench-{number}-{time.monotonic_ns()}",
            )

        await measured(engine, seconds / 3, SENDERS, post)  # the first seconds are slower
        await tocsin.parts.logs.writer.flush(60.0)
        base = await measured(engine, seconds / 2, SENDERS, insert)
        found = await measured(engine, seconds, SENDERS, post)
        began = time.perf_counter()
        await tocsin.parts.logs.writer.flush(60.0)
        flush_seconds = time.perf_counter() - began
        alone = await measured(engine, seconds / 2, 1, post)
        await tocsin.parts.logs.writer.flush(60.0)
        again = await measured(engine, seconds / 2, SENDERS, insert)
    total = Round(found.lines, found.seconds + flush_seconds, found.own_cpu, found.engine_cpu)
    print(base.told(f"JSONEachRow, {SENDERS} at once"))
    print(again.told("JSONEachRow, after"))
    print(total.told(f"bulk, {SENDERS} senders, until stored"))
    print(alone.told("bulk, one sender"))
    print(f"ratio {total.rate / ((base.rate + again.rate) / 2):.2f} (wanted: 0.5 or more)")
    sql = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table = 'logs'"
    sql += " AND database = currentDatabase()"
    print(f"{float(await store.fetch_bytes(sql, fmt='TSV')):.0f} bytes a line on disk")


if __name__ == "__main__":
    asyncio.run(main())
