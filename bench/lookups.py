"""How long do look-ups of names, values and series take among 100,000 series, beside the others?

usage: python -m bench.lookups [SERIES] [ROUNDS]

Every server gets the same SERIES series; then each look-up runs ROUNDS times on each in turn, over
the last hour, and the median is printed with the ratio of Tocsin's to the other's. These are what
a page of panels asks while it opens and what an editor asks while somebody types.
"""

from __future__ import annotations

import statistics
import sys
import time
import urllib.parse
import urllib.request

from bench.feed import feed
from bench.peers import Peer, running
from bench.wire import label_sets, lanes

_STEP_MS = 15_000
_STEPS = 4
LOOKUPS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "label names": ("/api/v1/labels", []),
    "label names, one job": ("/api/v1/labels", [("match[]", '{job="service-3"}')]),
    "metric names": ("/api/v1/label/__name__/values", []),
    "values of job": ("/api/v1/label/job/values", []),
    "values of instance": ("/api/v1/label/instance/values", []),
    "values of path, one job": (
        "/api/v1/label/path/values",
        [("match[]", 'bench_requests_3_total{job="service-3"}')],
    ),
    "values of instance, regex": (
        "/api/v1/label/instance/values",
        [("match[]", '{path=~"/api/v1/resource/1.*"}')],
    ),
    "series of one path": (
        "/api/v1/series",
        [("match[]", '{path="/api/v1/resource/7"}')],
    ),
    "series of a metric and job": (
        "/api/v1/series",
        [("match[]", 'bench_requests_3_total{job="service-3"}')],
    ),
    "count by metric": ("/api/v1/query", [("query", "count by (__name__) ({job=~'service-1.*'})")]),
}


def ask(peer: Peer, path: str, pairs: list[tuple[str, str]], end: int) -> tuple[float, int]:
    """Seconds until the whole answer is there, and its bytes."""
    times = [("time", str(end))] if path.endswith("query") else _hour_before(end)
    url = f"{peer.url}{path}?{urllib.parse.urlencode([*pairs, *times])}"
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=120) as answer:
        size = len(answer.read())
    return time.perf_counter() - began, size


def _hour_before(end: int) -> list[tuple[str, str]]:
    return [("start", str(end - 3600)), ("end", str(end))]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    end = int(time.time())
    start_ms = (end * 1000 // _STEP_MS - _STEPS) * _STEP_MS
    with running() as peers:
        bodies = lanes(label_sets(count), start_ms, _STEPS, _STEP_MS)
        for peer in peers:
            feed(peer.url, bodies)
        del bodies
        print(f"{count:,} series, median ms")
        print(f"{'':28}" + "".join(f"{peer.name:>18}" for peer in peers) + f"{'bytes':>12}")
        for title, (path, pairs) in LOOKUPS.items():
            compare(title, peers, path, pairs, end, rounds)


def compare(
    title: str, peers: list[Peer], path: str, pairs: list[tuple[str, str]], end: int, rounds: int
) -> None:
    """Print the median of each server, after one round that is not counted."""
    times: dict[str, list[float]] = {peer.name: [] for peer in peers}
    size = 0
    for number in range(rounds + 1):
        for peer in peers:
            took, length = ask(peer, path, pairs, end)
            if peer is peers[0]:
                size = length
            if number:
                times[peer.name].append(took * 1000)
    medians = {name: statistics.median(found) for name, found in times.items()}
    ours = medians[peers[0].name]
    cells = "".join(
        f"{ms:10.1f} ({ours / ms:4.2f}x)" if name != peers[0].name else f"{ms:18.1f}"
        for name, ms in medians.items()
    )
    print(f"{title:28}{cells}{size:12,}", flush=True)


if __name__ == "__main__":
    main()
