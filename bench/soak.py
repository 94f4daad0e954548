"""Do memory, disk and latency stay flat under steady load?

usage: python -m bench.soak [--minutes M] [--series N]

N series (10,000) are remote-written every 15 s while a dashboard of 12 panels over the last hour is
refreshed every 5 s, for M minutes (2). Printed each half minute and compared at the end: memory of
the tree, bytes on disk, and the slowest 5 % of writes and panels. With `--minutes 60` this is the
hour that the limit of 600 MiB resident is meant for.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.memory import of_tree
from bench.peers import Peer, running
from bench.wire import body, encode_labels, label_sets

_EVERY_SECONDS = 15.0
_REFRESH_SECONDS = 5.0
_REPORT_SECONDS = 30.0
_PER_REQUEST = 2000
_LIMIT_MIB = 600
_PANELS = (
    "sum(rate(bench_requests_0_total[5m]))",
    "sum by (job) (rate(bench_requests_1_total[5m]))",
    "sum by (code) (rate(bench_requests_2_total[5m]))",
    "topk(5, sum by (instance) (rate(bench_requests_3_total[5m])))",
    "max_over_time(bench_requests_4_total{job='service-1'}[10m])",
    "quantile(0.9, rate(bench_requests_5_total[5m]))",
    "avg by (method) (rate(bench_requests_6_total[5m]))",
    "sum(rate(bench_requests_7_total{code='500'}[5m])) / sum(rate(bench_requests_7_total[5m]))",
    "count(bench_requests_8_total)",
    "sum by (job) (increase(bench_requests_9_total[10m]))",
    "bench_requests_0_total{instance='10.0.0.1:8080'}",
    "sum(rate({__name__=~'bench_requests_[12]_total'}[5m]))",
)


@dataclass
class Load:
    """What the writer and the dashboard have measured since it was last asked, in seconds."""

    writes: list[float] = field(default_factory=list)
    panels: list[float] = field(default_factory=list)
    failures: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    seconds: float
    rss_mib: float
    pss_mib: float
    disk_mib: float
    write_ms: float
    panel_ms: float
    failures: int

    def text(self) -> str:
        return (
            f"{self.seconds:8.0f}{self.rss_mib:10.0f}{self.pss_mib:10.0f}{self.disk_mib:10.1f}"
            f"{self.write_ms:14.0f}{self.panel_ms:14.0f}{self.failures:10}"
        )


def main() -> None:
    asked = argparse.ArgumentParser(description="Steady load on Tocsin.")
    asked.add_argument("--minutes", type=float, default=2.0)
    asked.add_argument("--series", type=int, default=10_000)
    given = asked.parse_args()
    print(
        f"{'seconds':>8}{'RSS MiB':>10}{'PSS MiB':>10}{'disk MiB':>10}"
        f"{'write p95 ms':>14}{'panel p95 ms':>14}{'failures':>10}"
    )
    with running(("tocsin",)) as (peer,):
        lines = soak(peer, given.minutes * 60, given.series)
    first, last = lines[min(1, len(lines) - 1)], lines[-1]
    highest = max(line.rss_mib for line in lines)
    print(
        f"memory {first.rss_mib:.0f} to {last.rss_mib:.0f} MiB, at most {highest:.0f} "
        f"({'within' if highest <= _LIMIT_MIB else 'beyond'} {_LIMIT_MIB}); "
        f"disk {first.disk_mib:.1f} to {last.disk_mib:.1f} MiB; "
        f"writes {first.write_ms:.0f} to {last.write_ms:.0f} ms; "
        f"panels {first.panel_ms:.0f} to {last.panel_ms:.0f} ms; {last.failures} failures"
    )


def soak(peer: Peer, seconds: float, series: int) -> list[Line]:
    """Run the load and print a line now and then."""
    load, began, lines = Load(), time.monotonic(), []
    threads = [
        threading.Thread(target=_write, args=(peer, load, series)),
        threading.Thread(target=_refresh, args=(peer, load)),
    ]
    for thread in threads:
        thread.start()
    try:
        while (gone := time.monotonic() - began) < seconds:
            time.sleep(min(_REPORT_SECONDS, seconds - gone))
            lines.append(_line(peer, load, time.monotonic() - began))
            print(lines[-1].text(), flush=True)
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()
    return lines


def _line(peer: Peer, load: Load, seconds: float) -> Line:
    writes, load.writes = load.writes, []
    panels, load.panels = load.panels, []
    memory = of_tree(peer.tree())[-1]
    return Line(
        seconds,
        memory.rss_bytes / (1 << 20),
        memory.pss_bytes / (1 << 20),
        peer.disk_bytes() / (1 << 20),
        _p95(writes) * 1000,
        _p95(panels) * 1000,
        load.failures,
    )


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else sum(values)


def _write(peer: Peer, load: Load, series: int) -> None:
    chance = random.Random(7)
    encoded = [encode_labels(labels) for labels in label_sets(series)]
    values = [float(chance.randrange(10_000)) for _ in encoded]
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    due = time.monotonic()
    while not load.ended.is_set():
        values = [value + chance.randrange(20) for value in values]
        now = time.time_ns() // 1_000_000
        for at in range(0, len(encoded), _PER_REQUEST):
            part = slice(at, at + _PER_REQUEST)
            data = body(encoded[part], values[part], now)
            request = urllib.request.Request(f"{peer.url}/api/v1/write", data, headers)
            _timed(request, load, lambda took: load.writes.append(took))
        due += _EVERY_SECONDS
        load.ended.wait(max(0.0, due - time.monotonic()))


def _refresh(peer: Peer, load: Load) -> None:
    due = time.monotonic()
    while not load.ended.is_set():
        end = int(time.time())
        for query in _PANELS:
            form = {"query": query, "start": end - 3600, "end": end, "step": 15}
            data = urllib.parse.urlencode(form).encode()
            request = urllib.request.Request(f"{peer.url}/api/v1/query_range", data)
            _timed(request, load, lambda took: load.panels.append(took))
        due += _REFRESH_SECONDS
        load.ended.wait(max(0.0, due - time.monotonic()))


def _timed(request: urllib.request.Request, load: Load, note: Callable[[float], None]) -> None:
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
    except OSError:
        load.failures += 1
        return

    note(time.perf_counter() - began)


if __name__ == "__main__":
    main()
