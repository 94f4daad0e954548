"""How many log lines a second go in over bulk requests, beside the engine's own JSONEachRow?

Run: `python -m bench.log_ingest [SECONDS] [ROUNDS]`; 4 seconds and 3 rounds by default. Bulk
requests of 5,000 lines of some 184 bytes over HTTP into `tocsin serve`'s own parts, by four senders
and by one; and the same lines as JSONEachRow into the same engine: into a table of six columns with
the text index, and into one with all the columns and indexes of `logs`, which keeps as much of a
line. `bench.beside_engine` says how it is measured.
"""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from bench.beside_engine import (
    SENDERS,
    Measure,
    Round,
    Sending,
    Way,
    best,
    bytes_on_disk,
    inserted,
    posted,
    running_tocsin,
)
from bench.log_senders import MARK
from tocsin.app.product import Tocsin
from tocsin.store.client import Store

LINES = 5_000
_PREPARED = 20
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


async def main(seconds: float, rounds: int) -> None:
    """Run all of it, and tell their ratios."""
    prepared = [made(LINES, seed) for seed in range(_PREPARED)]
    async with running_tocsin() as tocsin:
        await compare(tocsin, prepared, seconds, rounds)


async def compare(tocsin: Tocsin, prepared: list[list[Line]], seconds: float, rounds: int) -> None:
    """Measure the ways in turn, and of each the best."""
    measure = Measure(tocsin, tocsin.parts.logs.writer)
    store = measure.store
    await store.command(_TABLE)
    await store.command("CREATE TABLE bench_wide AS logs")
    post = _to_tocsin(tocsin.http.url, prepared)
    many = Sending(post, SENDERS, LINES)
    ways = {
        "JSONEachRow, 6 columns": Sending(_to_engine(store, prepared, wide=False), SENDERS, LINES),
        "JSONEachRow, the columns of logs": Sending(
            _to_engine(store, prepared, wide=True), SENDERS, LINES
        ),
        f"bulk, {SENDERS} senders": many,
        "bulk, one sender": Sending(post, 1, LINES),
    }
    await measure(seconds / 2, many)  # the first seconds are slower
    found = await measure.in_turn(ways, seconds, rounds)
    size = len(bulk(prepared[0])) / LINES
    print(f"{LINES:,} lines a request, {size:.0f} bytes a line with its action")
    print(f"best of {rounds} rounds; CPU s per million lines: this process + engine")
    _tell(found)
    print(f"{await bytes_on_disk(store, 'logs'):.0f} bytes a line on disk")


def _tell(found: dict[str, list[Round]]) -> None:
    rate = {name: max(one.rate for one in rounds) for name, rounds in found.items()}
    cpu = {name: min(one.cpu for one in rounds) for name, rounds in found.items()}
    for name, rounds in found.items():
        print(best(rounds).told(name, "lines"))
    narrow, wide, many, _ = found
    for name in (narrow, wide):
        print(
            f"beside {name}: {rate[many] / rate[name]:.2f} of its lines a second (wanted: 0.5 or"
            f" more), {cpu[many] / cpu[name]:.2f} times its processor time"
        )


def _to_tocsin(url: str, prepared: list[list[Line]]) -> Way:
    # A request that was kept already would cost nothing: each has a line of its own.
    mark = b'{"index":{"_index":"bench-%b"}}\n' % MARK
    bodies = [mark + bulk(lines).split(b"\n", 1)[1] for lines in prepared]
    return posted(url, "/elasticsearch/_bulk", bodies, {}, b'{"errors":false')


def _to_engine(store: Store, prepared: list[list[Line]], *, wide: bool) -> Way:
    table, columns = ("bench_wide", _WIDE) if wide else ("bench_logs", _NARROW)
    bodies = [each_row(lines, wide=wide) for lines in prepared]
    return inserted(store, f"{table} ({', '.join(columns)})", bodies)


if __name__ == "__main__":
    _seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    uvloop.run(main(_seconds, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
