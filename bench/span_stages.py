"""What does a span cost on its way in, step by step? Processor time of Tocsin's own process.

Run: `python -m bench.span_stages`. Of each step the least of thirty requests of 1,000 spans counts,
so that what else the machine does counts as little as possible.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from bench.span_ingest import SPANS, request
from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig
from tocsin.ingest.protocols import otlp_traces
from tocsin.ingest.traces.bounds import bound, checked
from tocsin.ingest.traces.config import TracesConfig
from tocsin.ingest.traces.scrubbing import SpanScrubber
from tocsin.ingest.traces.span_metrics import SpanMetrics
from tocsin.kit.clock import SystemClock
from tocsin.model.samples import Interner
from tocsin.model.spans import SpanBatch
from tocsin.store.span_writer import rows_of

_ROUNDS, _PREPARED = 30, 10
_PAST_SECONDS = 14 * 86_400.0

T = TypeVar("T")


class Stages:
    """The least processor time of each step, in the order of the steps."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        """Do one step."""
        began = time.process_time()
        found = step()
        took = (time.process_time() - began) / SPANS * 1e6
        self.least[name] = min(self.least.get(name, took), took)
        return found


async def main() -> None:
    """Measure, and print."""
    config, scrubber = TracesConfig(), SpanScrubber(Scrubber(ScrubConfig()))
    metrics = SpanMetrics(Interner(), SystemClock(), config.metrics)
    bodies = [request(seed).SerializeToString() for seed in range(_PREPARED)]
    stage = Stages()
    for number in range(_ROUNDS):
        body, now_ns = bodies[number % _PREPARED], time.time_ns()
        stage("the request's key", partial(key_of, body, carries_times=True, now_ns=now_ns))
        spans = stage("spans", partial(otlp_traces.decode, body, now_ns=now_ns))
        kept, _ = stage(
            "checks", partial(checked, spans, config, now_ns=now_ns, past_seconds=_PAST_SECONDS)
        )
        texts: set[str] = stage("texts", partial(set, kept.values))
        kept = stage("limits", partial(bound, kept, texts, config))
        kept = stage("secrets", partial(scrubber, kept, texts))
        batch = SpanBatch(spans=kept, key=number, taken_ms=now_ns // 1_000_000)
        stage("the block for the store", partial(rows_of, batch))
        began = time.process_time()
        await metrics.saw(batch)
        took = (time.process_time() - began) / SPANS * 1e6
        stage.least["series"] = min(stage.least.get("series", took), took)
    for name, least in stage.least.items():
        print(f"{name:<26}{least:6.2f} µs")
    print(f"{'together':<26}{sum(stage.least.values()):6.2f} µs")


if __name__ == "__main__":
    asyncio.run(main())
