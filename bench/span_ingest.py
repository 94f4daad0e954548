"""How many spans a second go in over OTLP, beside the engine's own JSONEachRow?

Run: `python -m bench.span_ingest [SECONDS] [ROUNDS]`; 4 seconds and 3 rounds by default. Requests
of 1,000 spans in protobuf, each with nine attributes, some with an event, over HTTP into `tocsin
serve`'s own parts, by four senders and by one; series are made of the spans meanwhile. The same
spans as JSONEachRow go into the same engine, 10,000 at a time: into a table with all the columns
and indexes of `spans`, and the two views that count them, as Tocsin's own has. It is measured as
`bench.log_ingest` measures.
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
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.log_ingest import SENDERS, Round, Way
from bench.log_senders import MARK, Order, sent
from tocsin.app.build import build
from tocsin.app.config import load_config
from tocsin.app.product import Tocsin
from tocsin.ingest import otlp_json
from tocsin.ingest.protocols import otlp_traces
from tocsin.kit.clock import SystemClock
from tocsin.model.spans import Span
from tocsin.store.client import Store

SPANS = 1_000
_AT_ONCE = 10
"""So many requests' spans go into the engine at once: it likes large inserts."""
_PREPARED = 20
_COLLECTED_AT = (5_000, 5, 50)  # as `tocsin serve` sets it
_numbers = itertools.count()
_SERVICES = ("api", "worker", "web", "auth", "billing")
_ROUTES = ("/cart", "/cart/{id}", "/pay", "/orders", "/orders/{id}", "/login", "/search")


def _attribute(key: str, value: str | int) -> dict[str, object]:
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: value}}


def request(seed: int) -> ExportTraceServiceRequest:
    """What an SDK's exporter sends for one service."""
    pick = random.Random(seed)
    now = time.time_ns()
    spans = []
    for number in range(SPANS):
        route, status = pick.choice(_ROUTES), pick.choice((200, 200, 200, 201, 404, 500))
        begin = now - 1_000_000 * (SPANS - number)
        attributes: dict[str, str | int] = {
            "http.request.method": "GET",
            "http.route": route,
            "http.response.status_code": status,
            "url.full": f"https://shop.example.com{route}?n={pick.randrange(10**6)}",
            "server.address": "shop.example.com",
            "server.port": 443,
            "network.peer.address": f"10.0.{pick.randrange(250)}.7",
            "user.id": f"u{pick.randrange(5000)}",
            "shop.items": pick.randrange(20),
        }
        event = {
            "timeUnixNano": str(begin),
            "name": "exception",
            "attributes": [_attribute("exception.message", "card declined")],
        }
        spans.append(
            {
                "traceId": f"{pick.getrandbits(128) | 1:032x}",
                "spanId": f"{pick.getrandbits(64) | 1:016x}",
                "parentSpanId": f"{pick.getrandbits(64) | 1:016x}",
                "name": f"GET {route}",
                "kind": pick.choice((1, 2, 2, 3)),
                "startTimeUnixNano": str(begin),
                "endTimeUnixNano": str(begin + pick.randrange(10**6, 10**9)),
                "attributes": [_attribute(key, value) for key, value in attributes.items()],
                "status": {"code": 2 if status == 500 else 0},
                "events": [event] if status == 500 else [],
            }
        )
    resource = {
        "service.name": pick.choice(_SERVICES),
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "host.name": "web-1",
        "telemetry.sdk.language": "python",
    }
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute(*pair) for pair in resource.items()]},
                "scopeSpans": [{"scope": {"name": "shop.http"}, "spans": spans}],
            }
        ]
    }
    body = json.dumps(document).encode()
    return otlp_json.parse(body, ExportTraceServiceRequest())


def each_row(spans: list[Span], seed: int) -> bytes:
    """The same as JSONEachRow, with everything that Tocsin keeps of a span."""
    rows = []
    for number, one in enumerate(spans):
        row = {
            "ts": f"{one.ts_ns / 1e9:.9f}",
            "service": one.service,
            "name": one.name,
            "kind": one.kind,
            "status": one.status,
            "duration_ns": one.duration_ns,
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "parent_id": one.parent_id,
            "environment": one.environment,
            "host": one.host,
            "scope": one.scope,
            "user_id": one.user_id,
            "weight": 1,
            "attributes": one.attributes,
            "resource": one.resource,
            "events": json.dumps([{"name": e.name, "attributes": e.attributes} for e in one.events])
            if one.events
            else "",
            "batch": seed,
            "number": number,
            "taken": one.ts_ns // 10**9,
        }
        rows.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    return b"".join(rows)


class Measure:
    """Runs one kind of sending at a time, beginning with an engine that has nothing to do."""

    def __init__(self, tocsin: Tocsin) -> None:
        self.store = tocsin.parts.kept.store
        self._writer = tocsin.parts.traces.writer
        self._processes = psutil.Process(), psutil.Process(tocsin.status().engine_pid)

    async def __call__(self, seconds: float, senders: int, way: Way, spans: int = SPANS) -> Round:
        """So many senders at once for so long, with so many spans a request."""
        await self._merged()
        before = self._cpu()
        order = way(next(_numbers) * 1_000_000, senders, seconds)
        requests, began = await asyncio.to_thread(sent, order)
        await self._writer.flush(60.0)
        took = time.perf_counter() - began
        await self._merged()
        own, engine = (now - then for now, then in zip(self._cpu(), before, strict=True))
        return Round(requests * spans, took, own, engine)

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
    prepared = [request(seed) for seed in range(_PREPARED)]
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


_VIEWS = ("traces", "spans_1m")


async def compare(
    tocsin: Tocsin, prepared: list[ExportTraceServiceRequest], seconds: float, rounds: int
) -> None:
    """Measure the ways in turn, and of each the best."""
    measure = Measure(tocsin)
    store = measure.store
    await store.command("CREATE TABLE bench_spans AS spans")
    for name in _VIEWS:
        view = await store.fetch_bytes(f"SHOW CREATE TABLE {name}_view", fmt="TSVRaw")
        made = view.decode().replace(f"{name}_view", f"bench_{name}_view", 1)
        await store.command(f"CREATE TABLE bench_{name} AS {name}")
        made = made.replace(f".{name}\n", f".bench_{name}\n", 1).replace(
            ".spans\n", ".bench_spans\n"
        )
        await store.command(made)
    post, into_engine = _to_tocsin(tocsin.http.url, prepared), _to_engine(store, prepared)
    ways = {
        "JSONEachRow, the columns of spans": (SENDERS, into_engine, SPANS * _AT_ONCE),
        f"OTLP, {SENDERS} senders": (SENDERS, post, SPANS),
        "OTLP, one sender": (1, post, SPANS),
    }
    await measure(seconds / 2, SENDERS, post)  # the first seconds are slower
    found: dict[str, list[Round]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (senders, way, spans) in ways.items():
            found[name].append(await measure(seconds, senders, way, spans))
    size = len(prepared[0].SerializeToString()) / SPANS
    print(f"{SPANS:,} spans a request, {size:.0f} bytes a span")
    print(f"best of {rounds} rounds; CPU s per million spans: this process + engine")
    for name, each in found.items():
        print(max(each, key=lambda one: one.rate).told(name).replace("lines", "spans"))
    engine, many, _ = (max(each, key=lambda one: one.rate) for each in found.values())
    print(
        f"{many.rate / engine.rate:.2f} of the engine's spans a second (wanted: 0.5 or more),"
        f" {many.cpu / engine.cpu:.2f} times its processor time"
    )
    for table in ("spans", "bench_spans"):
        sql = "SELECT count() FROM " + table
        print(f"{table}: {int(await store.fetch_bytes(sql, fmt='TSV')):,} spans")
    sql = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table = 'spans'"
    sql += " AND database = currentDatabase()"
    print(f"{float(await store.fetch_bytes(sql, fmt='TSV')):.0f} bytes a span on disk")


def _to_tocsin(url: str, prepared: list[ExportTraceServiceRequest]) -> Way:
    at = urlsplit(url)
    # A request that was kept already would cost nothing: each has a field 100 that nobody reads.
    mark = b"\xa2\x06" + bytes([len(MARK)]) + MARK
    bodies = [mark + one.SerializeToString() for one in prepared]

    def order(first: int, senders: int, seconds: float) -> Order:
        return Order(
            host=at.hostname or "",
            port=at.port or 0,
            path="/v1/traces",
            bodies=bodies,
            senders=senders,
            seconds=seconds,
            first=first,
            expected=b"",
            headers={"Accept-Encoding": "identity", "Content-Type": "application/x-protobuf"},
        )

    return order


def _to_engine(store: Store, prepared: list[ExportTraceServiceRequest]) -> Way:
    at = urlsplit(store.endpoint.url)
    asked = {
        "query": "INSERT INTO bench_spans FORMAT JSONEachRow",
        "database": store.database,
        "insert_deduplication_token": f"bench-{MARK.decode()}",
    }
    known = b64encode(f"{store.endpoint.user}:{store.endpoint.password}".encode()).decode()
    rows = [
        each_row(list(otlp_traces.decode(one.SerializeToString(), now_ns=time.time_ns())), number)
        for number, one in enumerate(prepared)
    ]
    bodies = [b"".join(rows[at : at + _AT_ONCE]) for at in range(0, len(rows), _AT_ONCE)]

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
