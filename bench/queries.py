"""How long do the queries of dashboards take, beside Prometheus and VictoriaMetrics?

usage: python -m bench.queries [ROUNDS] [--cold] [--results]

1,000 counters and 200 histograms of 12 buckets over 6 hours at 15 s are written to every server;
then each query runs on each in turn. Printed for each server, in milliseconds: `first`, when
nobody has asked for these samples yet; the median and the 95th percentile of ROUNDS more, each over
another range, so that no result can be reused (samples that were read can); and `again`, the median
of ROUNDS repetitions over one range, as panels ask until their step ends. The ratio is Tocsin's
median to the other's. With `--cold` Tocsin keeps no samples. VictoriaMetrics' cache of results is
off but for `--results`: it moves a query's ends to the step, so that the ranges are the same again.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import urllib.parse
import urllib.request

from bench.feed import feed
from bench.peers import Peer, running
from bench.wire import Labels, label_sets, lanes

_HOURS = 6
_STEP_MS = 15_000
_STEPS = _HOURS * 3600 * 1000 // _STEP_MS
_M = "bench_requests_0_total"
_ON = "on (job, instance, path, method, code)"
_BUCKETS = "sum by (job, le) (rate(bench_seconds_bucket[5m]))"
RANGE_QUERIES = {
    "sum(rate), 1,000 series": f"sum(rate({_M}[5m]))",
    "sum by": f"sum by (job) (rate({_M}[5m]))",
    "topk": f"topk(5, rate({_M}[5m]))",
    "max_over_time": f"max(max_over_time({_M}[10m]))",
    "quantile": f"quantile(0.9, rate({_M}[5m]))",
    "join": f"rate({_M}[5m]) / {_ON} rate(bench_requests_1_total[5m])",
    "histogram_quantile": f"histogram_quantile(0.95, {_BUCKETS})",
    "one series": f'rate({_M}{{job="service-0", path="/api/v1/resource/0"}}[5m])',
}
INSTANT_QUERIES = {
    "instant, 1,000 series": f"sum by (job) ({_M})",
    "instant, one series": f'{_M}{{job="service-0", path="/api/v1/resource/0"}}',
}


def join_sets() -> list[Labels]:
    """1,000 series each of two metrics whose other labels are equal."""
    of_one = label_sets(1000, metrics=1)
    return [
        (("__name__", f"bench_requests_{m}_total"), *labels[1:])
        for m in (0, 1)
        for labels in of_one
    ]


def histogram_sets() -> list[Labels]:
    """200 histograms of 12 buckets."""
    bounds = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
    return [
        (
            ("__name__", "bench_seconds_bucket"),
            ("instance", f"10.0.0.{i}:8080"),
            ("job", f"service-{i % 20}"),
            ("le", bound),
        )
        for i in range(200)
        for bound in bounds
    ]


def ask(peer: Peer, path: str, form: dict[str, str]) -> float:
    """Seconds until the whole answer is there."""
    body = urllib.parse.urlencode(form).encode()
    began = time.perf_counter()
    with urllib.request.urlopen(peer.url + path, body, timeout=120) as answer:
        answer.read()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--results", action="store_true")
    asked = parser.parse_args()
    sets = [*join_sets(), *histogram_sets()]
    random.Random(1).shuffle(sets)
    end = int(time.time()) // 60 * 60 - 60
    start_ms = end * 1000 - (_STEPS - 1) * _STEP_MS
    with running(samples_kept=not asked.cold, results_kept=asked.results) as peers:
        bodies = lanes(sets, start_ms, _STEPS, _STEP_MS, per_request=2200)
        for peer in peers:
            feed(peer.url, bodies)
        del bodies
        print(f"{'ms: first/median/p95/again':28}" + "".join(f"{p.name:>34}" for p in peers))
        for title, query in RANGE_QUERIES.items():
            form = {"query": query, "end": str(end), "step": "60"}
            # Another start each round: an aligned answer would come from a cache.
            forms = [
                {**form, "start": str(end - _HOURS * 3600 + 300 + i)}
                for i in range(asked.rounds + 1)
            ]
            compare(title, peers, "/api/v1/query_range", forms)
        for title, query in INSTANT_QUERIES.items():
            forms = [{"query": query, "time": str(end - i)} for i in range(asked.rounds + 1)]
            compare(title, peers, "/api/v1/query", forms)


def compare(title: str, peers: list[Peer], path: str, forms: list[dict[str, str]]) -> None:
    """Print the times of each server."""
    fresh: dict[str, list[float]] = {peer.name: [] for peer in peers}
    again: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for form in forms:
        for peer in peers:
            fresh[peer.name].append(ask(peer, path, form) * 1000)
    for _ in forms[1:]:
        for peer in peers:
            again[peer.name].append(ask(peer, path, forms[-1]) * 1000)
    ours = statistics.median(fresh["tocsin"][1:])
    cells = ""
    for name, (first, *others) in fresh.items():
        median = statistics.median(others)
        highest = sorted(others)[int(len(others) * 0.95)]
        ratio = "" if name == "tocsin" else f"({ours / median:.2f}x)"
        repeated = statistics.median(again[name])
        cells += f"{first:8.1f}{median:7.1f}{highest:7.1f}{repeated:6.1f}{ratio:>8}"
    print(f"{title:26}{cells}", flush=True)


if __name__ == "__main__":
    main()
