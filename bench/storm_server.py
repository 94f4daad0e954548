"""Tocsin as it is served, with a probe beside it: for how long does a storm hold the loop, and do
rules keep their rhythm?

    python -m bench.storm_server tocsin.yaml probe.json data 127.0.0.1:9999
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tocsin.app.config import load_config
from tocsin.app.run import Running, run
from tocsin.cli.serve import overrides

_EVERY_SECONDS = 0.005
_HELD_SECONDS = 0.05


class Probe:
    """How late a task comes that wants to run every 5 ms. What the loop's own thread worked
    meanwhile (`cpu`) is Tocsin's; the rest of the time others had the processor or the lock."""

    def __init__(self) -> None:
        self.longest = self.longest_cpu = 0.0
        self.held = self.held_cpu = 0
        self.rounds = self.missed = self.latest_round_ms = 0

    async def watch(self, running: Running) -> None:
        seen: dict[object, int] = {}
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_EVERY_SECONDS)
            late = time.perf_counter() - began - _EVERY_SECONDS
            cpu = time.thread_time() - worked
            self.longest, self.longest_cpu = max(self.longest, late), max(self.longest_cpu, cpu)
            self.held += late > _HELD_SECONDS
            self.held_cpu += cpu > _HELD_SECONDS
            groups = running.tocsin.parts.rules.groups
            self.missed = sum(one.missed for one in groups)
            for one in groups:
                if seen.get(one.group.key) != one.evaluated_ms:
                    seen[one.group.key] = one.evaluated_ms
                    after_ms = round(time.time() * 1000) - one.evaluated_ms
                    if one.evaluated_ms:
                        self.rounds += 1
                        self.latest_round_ms = max(self.latest_round_ms, after_ms)

    def report(self) -> dict[str, float]:
        return {
            "longest_ms": self.longest * 1000,
            "longest_cpu_ms": self.longest_cpu * 1000,
            "held": self.held,
            "held_cpu": self.held_cpu,
            "rounds": self.rounds,
            "missed": self.missed,
            "latest_round_ms": self.latest_round_ms,
        }


def main() -> None:
    config, report, data, http = sys.argv[1:]

    @asynccontextmanager
    async def beside(running: Running) -> AsyncIterator[None]:
        await asyncio.sleep(2)  # what a start leaves to be done is not the storm's
        probe = Probe()
        task = asyncio.create_task(probe.watch(running), name="probe")
        await asyncio.to_thread(Path(f"{report}.ready").touch)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.to_thread(Path(report).write_text, json.dumps(probe.report()))

    flags = overrides(data=Path(data), http=http, auth="off", otlp_http="off", otlp_grpc="off")
    run(load_config(Path(config), flags), config_path=Path(config), flags=flags, beside=beside)


if __name__ == "__main__":
    main()
