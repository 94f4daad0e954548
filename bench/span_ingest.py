"""How many spans a second go in over OTLP, beside the engine's own JSONEachRow?

Run: `python -m bench.span_ingest [SECONDS] [ROUNDS]`; 4 seconds and 3 rounds by default. Requests
of 1,000 spans in protobuf, each with nine attributes, some with an event, over HTTP into `tocsin
serve`'s own parts, by four senders and by one; series are made of the spans meanwhile. The same
spans as JSONEachRow go into the same engine, 10,000 at a time: into a table with all the columns
and indexes of `spans`, and the two views that count them, as Tocsin's own has.
`bench.beside_engine` says how it is measured.
"""

from __future__ import annotations

import json
import random
import sys
import time

import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.beside_engine import (
    SENDERS,
    Measure,
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
from tocsin.ingest import otlp_json
from tocsin.ingest.protocols import otlp_traces
from tocsin.model.spans import Span
from tocsin.store.client import Store

SPANS = 1_000
_AT_ONCE = 10
"""So many requests' spans go into the engine at once: it likes large inserts."""
_PREPARED = 20
_SERVICES = ("api", "worker", "web", "auth", "billing")
_ROUTES = ("/cart", "/cart/{id}", "/pay", "/orders", "/orders/{id}", "/login", "/search")


def _attribute(key: str, value: str | int) -> dict[str, object]:
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: value}}


def request(seed: int) -> ExportTraceServiceRequest:
    """What an SDK's exporter sends for one service."""
    pick = random.Random(seed)
    now = time.time_ns()
    begins = [now - 1_000_000 * (SPANS - number) for number in range(SPANS)]
    resource = {
        "service.name": pick.choice(_SERVICES),
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "host.name": "web-1",
        "telemetry.sdk.language": "python",
    }
    spans = [_span(pick, begin) for begin in begins]
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


def _span(pick: random.Random, begin: int) -> dict[str, object]:
    route, status = pick.choice(_ROUTES), pick.choice((200, 200, 200, 201, 404, 500))
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
    return {
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


async def main(seconds: float, rounds: int) -> None:
    """Run all of it, and tell their ratios."""
    prepared = [request(seed) for seed in range(_PREPARED)]
    async with running_tocsin() as tocsin:
        await compare(tocsin, prepared, seconds, rounds)


_VIEWS = ("traces", "spans_1m")


async def compare(
    tocsin: Tocsin, prepared: list[ExportTraceServiceRequest], seconds: float, rounds: int
) -> None:
    """Measure the ways in turn, and of each the best."""
    measure = Measure(tocsin, tocsin.parts.traces.writer)
    store = measure.store
    await _add_tables(store)
    post = _to_tocsin(tocsin.http.url, prepared)
    many = Sending(post, SENDERS, SPANS)
    ways = {
        "JSONEachRow, the columns of spans": Sending(
            _to_engine(store, prepared), SENDERS, SPANS * _AT_ONCE
        ),
        f"OTLP, {SENDERS} senders": many,
        "OTLP, one sender": Sending(post, 1, SPANS),
    }
    await measure(seconds / 2, many)  # the first seconds are slower
    found = await measure.in_turn(ways, seconds, rounds)
    size = len(prepared[0].SerializeToString()) / SPANS
    print(f"{SPANS:,} spans a request, {size:.0f} bytes a span")
    print(f"best of {rounds} rounds; CPU s per million spans: this process + engine")
    for name, each in found.items():
        print(best(each).told(name, "spans"))
    engine, own, _ = map(best, found.values())
    print(
        f"{own.rate / engine.rate:.2f} of the engine's spans a second (wanted: 0.5 or more),"
        f" {own.cpu / engine.cpu:.2f} times its processor time"
    )
    print(f"{await bytes_on_disk(store, 'spans'):.0f} bytes a span on disk")


async def _add_tables(store: Store) -> None:
    """The same table and the same views as Tocsin's own, beside them."""
    await store.command("CREATE TABLE bench_spans AS spans")
    for name in _VIEWS:
        view = await store.fetch_bytes(f"SHOW CREATE TABLE {name}_view", fmt="TSVRaw")
        made = view.decode().replace(f"{name}_view", f"bench_{name}_view", 1)
        await store.command(f"CREATE TABLE bench_{name} AS {name}")
        made = made.replace(f".{name}\n", f".bench_{name}\n", 1)
        await store.command(made.replace(".spans\n", ".bench_spans\n"))


def _to_tocsin(url: str, prepared: list[ExportTraceServiceRequest]) -> Way:
    # A request that was kept already would cost nothing: each has a field 100 that nobody reads.
    mark = b"\xa2\x06" + bytes([len(MARK)]) + MARK
    bodies = [mark + one.SerializeToString() for one in prepared]
    return posted(url, "/v1/traces", bodies, {"Content-Type": "application/x-protobuf"})


def _to_engine(store: Store, prepared: list[ExportTraceServiceRequest]) -> Way:
    now_ns = time.time_ns()
    rows = [
        each_row(list(otlp_traces.decode(one.SerializeToString(), now_ns=now_ns)), number)
        for number, one in enumerate(prepared)
    ]
    bodies = [b"".join(rows[at : at + _AT_ONCE]) for at in range(0, len(rows), _AT_ONCE)]
    return inserted(store, "bench_spans", bodies)


if __name__ == "__main__":
    _seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    uvloop.run(main(_seconds, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
