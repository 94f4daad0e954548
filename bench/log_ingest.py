"""How many log lines a second go in over bulk requests, beside the engine's own JSONEachRow?

Run: `python -m bench.log_ingest [SECONDS] [ROUNDS]`; 4 seconds and 3 rounds by default. Bulk
requests of 5,000 lines of some 184 bytes over HTTP into `tocsin serve`'s own parts, by four senders
and by one; and the same lines as JSONEachRow into the same engine: into a table of six columns with
the text index, and into one with all the columns and indexes of `logs`, which keeps as much of a
line. What sends is another process, the same program for all.

Each measurement begins when no merge runs, and its lines count once they are stored; processor
time includes the merges that follow. The rounds take turns, and of each kind the best one counts,
so that what else the machine does counts as little as possible.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil
import uvloop

from bench.log_senders import MARK, Order, sent
from tocsin.app.build import build
from tocsin.app.config import load_config
from tocsin.app.product import Tocsin
from tocsin.kit.clock import SystemClock
from tocsin.store.client import Store

LINES = 5_000
SENDERS = 4
_PREPARED = 20
_COLLECTED_AT = (5_000, 5, 50)  # as `tocsin serve` sets it
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


_NARROW = ("ts", "service", "level", "body", "trace_id", "attributes")
_WIDE = (*_NARROW, "severity", "source", "pattern", "original", "batch", "number", "taken")


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

    @property
    def cpu(self) -> float:
        """Processor seconds per million lines, of both processes."""
        return (self.own_cpu + self.engine_cpu) / self.lines * 1e6

    def told(self, name: str) -> str:
        """The row of the table."""
        own, engine = (one / self.lines * 1e6 for one in (self.own_cpu, self.engine_cpu))
        return f"{name:<36}{self.rate:>9,.0f} lines/s {own:6.1f} + {engine:5.1f} = {self.cpu:5.1f}"


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


def each_row(lines: list[Line], *, wide: bool) -> bytes:
    """The same as JSONEachRow; `wide` with everything that Tocsin keeps of a line."""
    documents = bulk(lines).split(b"\n")[1::2]
    rows = []
    for number, (one, document) in enumerate(zip(lines, documents, strict=True)):
        row: dict[str, object] = {
            "ts": f"{one.ts_ms / 1000:.3f}",
            "service": one.service,
            "level": one.level,
            "body": one.body,
            "trace_id": one.trace_id,
            "attributes": {"status": str(one.status)},
        }
        if wide:
            row |= {
                "level": 9,
                "severity": one.level,
                "source": "bench-logs",
                "pattern": len(one.body),
                "original": document.decode(),
                "batch": lines[0].ts_ms,
                "number": number,
                "taken": one.ts_ms // 1000,
            }
        rows.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    return b"".join(rows)


Way = Callable[[int, int, float], Order]
"""What is sent, given the first of its numbers, the senders and the seconds."""


class Measure:
    """Runs one kind of sending at a time, beginning with an engine that has nothing to do."""

    def __init__(self, tocsin: Tocsin) -> None:
        self.store = tocsin.parts.kept.store
        self._writer = tocsin.parts.logs.writer
        self._processes = psutil.Process(), psutil.Process(tocsin.status().engine_pid)

    async def __call__(self, seconds: float, senders: int, way: Way) -> Round:
        """So many senders at once for so long."""
        await self._merged()
        before = self._cpu()
        order = way(next(_numbers) * 1_000_000, senders, seconds)
        requests, began = await asyncio.to_thread(sent, order)
        await self._writer.flush(60.0)
        took = time.perf_counter() - began
        await self._merged()
        own, engine = (now - then for now, then in zip(self._cpu(), before, strict=True))
        return Round(requests * LINES, took, own, engine)

    def _cpu(self) -> list[float]:
        return [sum(one.cpu_times()[:2]) for one in self._processes]

    async def _merged(self) -> None:
        """Wait until no merge has run for a moment."""
        quiet = 0
        while quiet < 5:
            running = await self.store.fetch_bytes("SELECT count() FROM system.merges", fmt="TSV")
            quiet = 0 if int(running) else quiet + 1
            await asyncio.sleep(0.1)


async def main(seconds: float, rounds: int) -> None:
    """Run all of it, and tell their ratios."""
    prepared = [made(LINES, seed) for seed in range(_PREPARED)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tocsin.yaml"
        file.write_text("scrape: {host: false, itself: false}\nauth: off\n")
        listen = {"http": "127.0.0.1:0", "otlp_http": "off", "otlp_grpc": "off"}
        flags = {f"listen.{name}": value for name, value in listen.items()}
        tocsin = await build(load_config(file, {"data": f"{folder}/data", **flags}), SystemClock())
        await tocsin.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTED_AT)
        try:
            await compare(tocsin, prepared, seconds, rounds)
        finally:
            await tocsin.stop()


async def compare(tocsin: Tocsin, prepared: list[list[Line]], seconds: float, rounds: int) -> None:
    """Measure the ways in turn, and of each the best."""
    measure = Measure(tocsin)
    store = measure.store
    await store.command(_TABLE)
    await store.command("CREATE TABLE bench_wide AS logs")
    post = _to_tocsin(tocsin.http.url, prepared)
    ways = {
        "JSONEachRow, 6 columns": (SENDERS, _to_engine(store, prepared, wide=False)),
        "JSONEachRow, the columns of logs": (SENDERS, _to_engine(store, prepared, wide=True)),
        f"bulk, {SENDERS} senders": (SENDERS, post),
        "bulk, one sender": (1, post),
    }
    await measure(seconds / 2, SENDERS, post)  # the first seconds are slower
    found: dict[str, list[Round]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (senders, way) in ways.items():
            found[name].append(await measure(seconds, senders, way))
    size = len(bulk(prepared[0])) / LINES
    print(f"{LINES:,} lines a request, {size:.0f} bytes a line with its action")
    print(f"best of {rounds} rounds; CPU s per million lines: this process + engine")
    _tell(found)
    sql = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table = 'logs'"
    sql += " AND database = currentDatabase()"
    print(f"{float(await store.fetch_bytes(sql, fmt='TSV')):.0f} bytes a line on disk")


def _tell(found: dict[str, list[Round]]) -> None:
    rate = {name: max(one.rate for one in rounds) for name, rounds in found.items()}
    cpu = {name: min(one.cpu for one in rounds) for name, rounds in found.items()}
    for name, rounds in found.items():
        print(max(rounds, key=lambda one: one.rate).told(name))
    narrow, wide, many, _ = found
    for name in (narrow, wide):
        print(
            f"beside {name}: {rate[many] / rate[name]:.2f} of its lines a second (wanted: 0.5 or"
            f" more), {cpu[many] / cpu[name]:.2f} times its processor time"
        )


def _to_tocsin(url: str, prepared: list[list[Line]]) -> Way:
    at = urlsplit(url)
    # A request that was kept already would cost nothing: each has a line of its own.
    mark = b'{"index":{"_index":"bench-%b"}}\n' % MARK
    bodies = [mark + bulk(lines).split(b"\n", 1)[1] for lines in prepared]

    def order(first: int, senders: int, seconds: float) -> Order:
        return Order(
            host=at.hostname or "",
            port=at.port or 0,
            path="/elasticsearch/_bulk",
            bodies=bodies,
            senders=senders,
            seconds=seconds,
            first=first,
            expected=b'{"errors":false',
            # Shippers do not ask for packed answers.
            headers={"Accept-Encoding": "identity"},
        )

    return order


def _to_engine(store: Store, prepared: list[list[Line]], *, wide: bool) -> Way:
    table, columns = ("bench_wide", _WIDE) if wide else ("bench_logs", _NARROW)
    at = urlsplit(store.endpoint.url)
    asked = {
        "query": f"INSERT INTO {table} ({', '.join(columns)}) FORMAT JSONEachRow",
        "database": store.database,
        "insert_deduplication_token": f"bench-{MARK.decode()}",
    }
    known = b64encode(f"{store.endpoint.user}:{store.endpoint.password}".encode()).decode()
    bodies = [each_row(lines, wide=wide) for lines in prepared]

    def order(first: int, senders: int, seconds: float) -> Order:
        return Order(
            host=at.hostname or "",
            port=at.port or 0,
            path=f"/?{urlencode(asked)}",
            bodies=bodies,
            senders=senders,
            seconds=seconds,
            first=first,
            expected=b"",
            headers={"Authorization": f"Basic {known}"},
        )

    return order


if __name__ == "__main__":
    _seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    uvloop.run(main(_seconds, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
