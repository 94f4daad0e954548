"""What does a log line of a bulk request cost on its way in, step by step?

Run: `python -m bench.log_stages [REQUESTS]`; 20 requests of 5,000 lines by default, a few seconds.
Processor time of each step in microseconds a line, the least and the median over the requests.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from bench.log_ingest import LINES, bulk, made
from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.ingest.logs.sampling import Budget
from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig
from tocsin.ingest.protocols import elasticsearch_bulk
from tocsin.kit.clock import SystemClock
from tocsin.model.logs import LogBatch
from tocsin.store.log_writer import rows_of
from tocsin.store.wal_record import encode

T = TypeVar("T")


class Stages:
    """The steps that a request goes through, timed."""

    def __init__(self) -> None:
        self.found: defaultdict[str, list[float]] = defaultdict(list)
        self._scrub = Scrubber(ScrubConfig())
        self._mine = PatternMiner()
        self._budget = Budget(SystemClock(), {})

    def take(self, body: bytes, now_ns: int) -> None:
        """All of it for one request."""
        request = self._timed(
            "decode", lambda: elasticsearch_bulk.decode(body, index="", now_ns=now_ns)
        )
        key = self._timed("name", lambda: key_of(body, carries_times=True, now_ns=now_ns))
        records = request.records
        self._timed("scrub", lambda: self._scrub(records))
        self._timed("budget", lambda: self._budget(records))
        self._timed("patterns", lambda: self._mine(records))
        batch = LogBatch(records=tuple(records), key=key, taken_ms=now_ns // 1_000_000)
        rows = self._timed("block", lambda: rows_of(batch))
        self._timed("log record", lambda: encode(rows))

    def _timed(self, name: str, step: Callable[[], T]) -> T:
        began = time.process_time()
        found = step()
        self.found[name].append((time.process_time() - began) / LINES * 1e6)
        return found


def main(requests: int) -> None:
    """Run and print."""
    bodies = [bulk(made(LINES, seed)) for seed in range(requests)]
    stages = Stages()
    stages.take(bodies[0], time.time_ns())
    stages.found.clear()
    gc.collect()
    gc.freeze()
    for body in bodies:
        stages.take(body, time.time_ns())
    print(f"{'microseconds a line':24}{'least':>8}{'median':>8}")
    for name, times in stages.found.items():
        print(f"{name:24}{min(times):8.2f}{statistics.median(times):8.2f}")
    print(f"{'together':24}{sum(min(times) for times in stages.found.values()):8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
