"""How many remote-written samples a second, at which cost, beside Prometheus and VictoriaMetrics?

usage: python -m bench.remote_write [SERIES] [SAMPLES_PER_SERIES]

Every server gets the same bodies (2,000 series with one sample each, as forwarding scrapes do), one
server after the other. Printed: samples per second, processor seconds per million samples of the
whole process tree, resident memory, bytes per sample on disk after a minute's rest would lie lower
still (parts are merged), and seconds until a restarted server answers again.
"""

from __future__ import annotations

import sys
import time

from bench.feed import feed
from bench.peers import Peer, running
from bench.wire import label_sets, lanes

_STEP_MS = 15_000


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    sets = label_sets(series)
    start_ms = (int(time.time()) - steps * 15) * 1000
    bodies = lanes(sets, start_ms, steps, _STEP_MS)
    total = series * steps
    print(f"{series} series, {steps} samples each: {total / 1e6:.1f} M on {len(bodies)} lanes")
    print(f"{'':16}{'samples/s':>12}{'CPU s/M':>10}{'RSS MiB':>10}{'B/sample':>10}{'ready s':>9}")
    with running() as peers:
        rates = {peer.name: measure(peer, bodies, total) for peer in peers}
    for name, rate in rates.items():
        if name != "tocsin":
            print(f"Tocsin's rate is {rates['tocsin'] / rate:.2f} of {name}'s")


def measure(peer: Peer, bodies: list[list[bytes]], total: int) -> float:
    """Feed one server and print its line; returns samples per second."""
    cpu = peer.cpu_seconds()
    began = time.perf_counter()
    feed(peer.url, bodies)
    took = time.perf_counter() - began
    cpu = peer.cpu_seconds() - cpu
    resident = peer.resident_bytes() / (1 << 20)
    ready = peer.restart()
    rate = total / took
    print(
        f"{peer.name:16}{rate:12,.0f}{cpu / total * 1e6:10.2f}{resident:10.0f}"
        f"{peer.disk_bytes() / total:10.2f}{ready:9.2f}",
        flush=True,
    )
    return rate


if __name__ == "__main__":
    main()
