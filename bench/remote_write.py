"""How many remote-written samples a second, at which cost, beside Prometheus and VictoriaMetrics?

usage: python -m bench.remote_write [SERIES] [SAMPLES_PER_SERIES]

Every server gets the same bodies (2,000 series with one sample each, as forwarding scrapes do), one
server after the other. Printed: samples per second, processor seconds per million samples of the
whole process tree, the highest resident memory of the run, bytes per sample on disk (after a
minute's rest it would be less: parts are merged), seconds until a restarted server answers again,
and the highest resident memory of that start, and of a minute's samples after it: to be no more
than the run's.
"""

from __future__ import annotations

import sys
import time

from bench.feed import feed
from bench.memory import Highest
from bench.peers import Peer, running
from bench.wire import label_sets, lanes

_STEP_MS = 15_000
_STEPS_AFTER = 4


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    sets = label_sets(series)
    start_ms = (int(time.time()) - steps * 15) * 1000
    bodies = lanes(sets, start_ms, steps, _STEP_MS)
    after = lanes(sets, start_ms + steps * _STEP_MS, _STEPS_AFTER, _STEP_MS)
    total = series * steps
    print(f"{series} series, {steps} samples each: {total / 1e6:.1f} M on {len(bodies)} lanes")
    print(
        f"{'':16}{'samples/s':>12}{'CPU s/M':>10}{'RSS MiB':>10}{'B/sample':>10}{'ready s':>9}"
        f"{'RSS again':>11}"
    )
    with running() as peers:
        rates = {peer.name: measure(peer, bodies, after, total) for peer in peers}
    for name, rate in rates.items():
        if name != "tocsin":
            print(f"Tocsin's rate is {rates['tocsin'] / rate:.2f} of {name}'s")


def measure(peer: Peer, bodies: list[list[bytes]], more: list[list[bytes]], total: int) -> float:
    """Feed one server and print its line; returns samples per second."""
    cpu = peer.cpu_seconds()
    began = time.perf_counter()
    with Highest(peer.resident_bytes) as before:
        feed(peer.url, bodies)
    took = time.perf_counter() - began
    cpu = peer.cpu_seconds() - cpu
    disk = peer.disk_bytes()
    with Highest(peer.resident_bytes) as after:
        ready = peer.restart()
        feed(peer.url, more)
    rate = total / took
    print(
        f"{peer.name:16}{rate:12,.0f}{cpu / total * 1e6:10.2f}{before.mib:10.0f}"
        f"{disk / total:10.2f}{ready:9.2f}{after.mib:11.0f}",
        flush=True,
    )
    return rate


if __name__ == "__main__":
    main()
