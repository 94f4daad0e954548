"""Spans for tests."""

from __future__ import annotations

from typing import Any

from tocsin.kit.clock import FakeClock
from tocsin.model.spans import Span, SpanBatch

TRACE = "5b8efff798038103d269b633813fc60c"


def span(clock: FakeClock, name: str = "GET /cart", **given: Any) -> Span:
    """A span that ended just now."""
    fields: dict[str, Any] = {
        "ts_ns": clock.now_ms() * 1_000_000 - 30_000_000,
        "duration_ns": 30_000_000,
        "trace_id": TRACE,
        "span_id": "eee19b7ec3c1b174",
        "name": name,
        "service": "api",
        "kind": 2,
        "attributes": {},
        **given,
    }
    return Span(**fields)


def batch(clock: FakeClock, *spans: Span, key: int = 1) -> SpanBatch:
    return SpanBatch(spans=spans, key=key, taken_ms=clock.now_ms())
