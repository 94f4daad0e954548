"""What does an open dashboard cost? 20 panels, refreshing, beside Prometheus and VictoriaMetrics.

usage: python -m bench.dashboard [--interval SECONDS] [--duration SECONDS] [--hours HOURS]

1,000 counters and 200 histograms of 12 buckets, beside 1,000 counters to join with, are written to
every server, HOURS back and then on every 15 s as time passes. Every INTERVAL seconds each server
in turn is asked for all 20 panels, six at a time as a browser does, over the last HOURS up to now,
aligned to the step as Grafana does. Printed: the time until the last panel is there (median, 95th
percentile), a single panel's time, and the processor time of the server's whole process tree for a
refresh, its writes included. All servers have their caches on.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from bench.feed import feed
from bench.peers import Peer, running
from bench.queries import histogram_sets, join_sets
from bench.wire import Labels, body, encode_labels

_SCRAPE_SECONDS = 15
_AT_ONCE = 6
_A, _B = "bench_requests_0_total", "bench_requests_1_total"
_BUCKETS = "sum by (job, le) (rate(bench_seconds_bucket[5m]))"
PANELS = (
    *(f"sum(rate({m}[5m]))" for m in (_A, _B)),
    *(f"sum by (job) (rate({m}[5m]))" for m in (_A, _B)),
    *(f"sum by (code) (rate({m}[1m]))" for m in (_A, _B)),
    *(f"topk(5, sum by (instance) (rate({m}[5m])))" for m in (_A, _B)),
    *(f"max(max_over_time({m}[10m]))" for m in (_A, _B)),
    *(f"quantile(0.9, rate({m}[5m]))" for m in (_A, _B)),
    f'sum(rate({_A}{{code="500"}}[5m])) / sum(rate({_A}[5m]))',
    f"count(rate({_A}[5m]) > 0.5)",
    *(f"histogram_quantile({q}, {_BUCKETS})" for q in (0.5, 0.95, 0.99)),
    "sum(rate(bench_seconds_bucket{le='+Inf'}[5m]))",
    f'rate({_A}{{job="service-0", path="/api/v1/resource/0"}}[5m])',
    f'sum by (method) (increase({_B}{{job="service-3"}}[5m]))',
)


@dataclass
class Taken:
    """What the refreshes of one server took, in milliseconds."""

    refreshes: list[float] = field(default_factory=list)
    panels: list[float] = field(default_factory=list)
    cpu_before: float = 0.0


class Source:
    """The same samples for every server, step by step: counters, and the buckets of histograms."""

    def __init__(self, counters: list[Labels], buckets: list[Labels], bounds: int) -> None:
        self._chance = random.Random(3)
        self._sets = [encode_labels(labels) for labels in [*counters, *buckets]]
        self._counters = len(counters)
        self._bounds = bounds
        self._values = [0.0] * len(self._sets)

    def step(self, at_ms: int) -> bytes:
        """One request with a sample for every series."""
        grown = 0
        for number in range(len(self._values)):
            bucket = number - self._counters
            # A bucket counts what the narrower ones of its histogram do, too.
            within = bucket >= 0 and bucket % self._bounds
            grown = self._chance.randrange(20) + (grown if within else 0)
            self._values[number] += grown
        return body(self._sets, self._values, at_ms)


def write_on(source: Source, peers: list[Peer], at: int, ended: threading.Event) -> None:
    """A sample for every series each time one is due, until it ends."""
    for due in count(at, _SCRAPE_SECONDS):
        if ended.wait(max(0.0, due - time.time())):
            return
        lane = [source.step(due * 1000)]
        for peer in peers:
            feed(peer.url, [lane], at_once=1)


def ask(url: str, query: str, start: int, end: int, step: int) -> float:
    """Milliseconds until the whole answer is there."""
    form = {"query": query, "start": str(start), "end": str(end), "step": str(step)}
    began = time.perf_counter()
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query_range", data, timeout=60) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1000


def refresh(pool: ThreadPoolExecutor, peer: Peer, taken: Taken, hours: float) -> None:
    """All panels once."""
    step = max(15, round(hours * 3600 / 360 / 15) * 15)
    end = int(time.time()) // step * step
    start = end - round(hours * 3600) // step * step
    began = time.perf_counter()
    asked = [pool.submit(ask, peer.url, query, start, end, step) for query in PANELS]
    taken.panels += [one.result() for one in asked]
    taken.refreshes.append((time.perf_counter() - began) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--duration", type=float, default=30.0)
    parser.add_argument("--hours", type=float, default=1.0)
    asked = parser.parse_args()
    source = Source(join_sets(), histogram_sets(), bounds=12)
    begin = int(time.time() - asked.hours * 3600) // _SCRAPE_SECONDS * _SCRAPE_SECONDS
    ended = threading.Event()
    with running() as peers, ThreadPoolExecutor(_AT_ONCE) as pool:
        at = begin
        while at < time.time():
            stop = min(at + 120 * _SCRAPE_SECONDS, int(time.time()) + 1)
            lane = [source.step(ts * 1000) for ts in range(at, stop, _SCRAPE_SECONDS)]
            for peer in peers:
                feed(peer.url, [lane], at_once=1)
            at += len(lane) * _SCRAPE_SECONDS
        writer = threading.Thread(target=write_on, args=(source, peers, at, ended))
        writer.start()
        try:
            watch(pool, peers, asked)
        finally:
            ended.set()
            writer.join()


def watch(pool: ThreadPoolExecutor, peers: list[Peer], asked: argparse.Namespace) -> None:
    """Refresh every server for so long, then print what it took."""
    taken = {peer.name: Taken() for peer in peers}
    for peer in peers:
        first = Taken()
        refresh(pool, peer, first, asked.hours)
        print(f"{peer.name:16} opens in {first.refreshes[0]:8.1f} ms", flush=True)
        taken[peer.name].cpu_before = peer.cpu_seconds()
    began = time.monotonic()
    for number in count(1):
        time.sleep(max(0.0, began + number * asked.interval - time.monotonic()))
        if time.monotonic() - began > asked.duration:
            break
        for peer in peers:
            refresh(pool, peer, taken[peer.name], asked.hours)
    print(f"\n{'ms':16}{'refresh':>10}{'p95':>10}{'panel':>10}{'p95':>10}{'CPU ms':>10}{'of':>6}")
    for peer in peers:
        own = taken[peer.name]
        cpu = (peer.cpu_seconds() - own.cpu_before) * 1000 / len(own.refreshes)
        cells = (
            statistics.median(own.refreshes),
            _p95(own.refreshes),
            statistics.median(own.panels),
            _p95(own.panels),
            cpu,
        )
        print(f"{peer.name:16}{''.join(f'{cell:10.1f}' for cell in cells)}{len(own.refreshes):6}")


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


if __name__ == "__main__":
    main()
