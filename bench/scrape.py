"""How many lines of an exposition does one core read a second, cold and warm?

Run: .venv/bin/python bench/scrape.py [lines]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tocsin.ingest.exposition import ExpositionReader, Format
from tocsin.model.samples import Interner


def exemplars_of(lines: int, turn: int) -> bytes:
    """Histogram buckets in OpenMetrics, one in ten with an exemplar."""
    out = ["# TYPE app_seconds histogram"]
    for i in range(lines):
        exemplar = f' # {{trace_id="{i:032x}"}} 0.5 1700000000.5' if i % 10 == 0 else ""
        path = f"/api/v1/orders/{i // 10}"
        out.append(f'app_seconds_bucket{{path="{path}",le="{i % 10}.0"}} {i + turn}{exemplar}')
    return ("\n".join(out) + "\n# EOF\n").encode()


def body_of(lines: int, *, timestamps: bool = False, turn: int = 0) -> bytes:
    """A plausible body: a tenth as many metrics as series, values that change each time."""
    out: list[str] = []
    stamp = f" {1700000000000 + turn}" if timestamps else ""
    for i in range(lines):
        if i % 10 == 0:
            out.append(f"# HELP app_requests_{i // 10}_total How many requests came in.")
            out.append(f"# TYPE app_requests_{i // 10}_total counter")
        labels = f'method="GET",path="/api/v1/orders/{i % 10}",status="200",zone="eu-west-1a"'
        out.append(f"app_requests_{i // 10}_total{{{labels}}} {i * 17.25 + turn}{stamp}")
    return ("\n".join(out) + "\n").encode()


def best(work: Callable[[], object], rounds: int = 7) -> float:
    """CPU seconds of the fastest of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def measure(name: str, bodies: list[bytes], style: Format = Format.TEXT) -> None:
    """Print one row of the table."""
    cold = best(lambda: ExpositionReader(Interner()).read(bodies[0], style, 0), 3)
    reader = ExpositionReader(Interner())
    turns = iter(range(1_000_000))
    lines = reader.read(bodies[0], style, 0).scraped
    reader.read(bodies[1], style, 0)
    warm = best(lambda: reader.read(bodies[next(turns) % 2], style, 0))
    size = len(bodies[0]) / 1e6
    print(
        f"{name:<12} {lines:>7} lines {size:6.2f} MB   cold {lines / cold / 1e6:6.2f} M lines/s"
        f"   warm {lines / warm / 1e6:6.2f} M lines/s ({warm * 1e3:.2f} ms)"
    )


def main() -> None:
    """The table."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    measure("plain", [body_of(lines, turn=turn) for turn in (0, 1)])
    measure("timestamps", [body_of(lines, timestamps=True, turn=turn) for turn in (0, 1)])
    more = [b"new%d 1\n" % turn for turn in (0, 1)]
    measure("changing", [body_of(lines, turn=turn) + more[turn] for turn in (0, 1)])
    measure("exemplars", [exemplars_of(lines, turn) for turn in (0, 1)], Format.OPENMETRICS)


if __name__ == "__main__":
    main()
