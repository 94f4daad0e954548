"""Of noisy services a share is kept, what matters always, and sums stay right."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from tests.ingest.asgi import site
from tests.ingest.traces.made import span
from tocsin.ingest.traces.config import SpanSample, TracesConfig
from tocsin.ingest.traces.sampling import Sampling
from tocsin.kit.clock import FakeClock
from tocsin.model.spans import Span

CLOCK = FakeClock()
MANY = 4_000


def of_trace(number: int, **given: Any) -> Span:
    trace = blake2b(b"%d" % number, digest_size=16).hexdigest()
    return span(CLOCK, trace_id=trace, **given)


def test_a_share_is_kept_and_stands_for_the_rest() -> None:
    for keep in (0.1, 0.3, 0.75):
        kept = Sampling((SpanSample(service="api", keep=keep),)).kept(
            [of_trace(number) for number in range(MANY)]
        )
        assert abs(len(kept) - keep * MANY) < 0.12 * MANY * keep
        assert abs(sum(one.weight for one in kept) - MANY) < 0.12 * MANY


def test_every_service_keeps_the_same_traces() -> None:
    sampling = Sampling((SpanSample(service="*", keep=0.2),))
    kept = [
        {one.trace_id for one in sampling.kept([of_trace(n, service=name) for n in range(500)])}
        for name in ("api", "web")
    ]
    assert kept[0] == kept[1]


def test_what_failed_or_was_slow_is_kept_with_its_trace() -> None:
    sampling = Sampling((SpanSample(service="a*", keep=1e-9),))
    failed = [of_trace(1), of_trace(1, status=2)]
    slow = [of_trace(2, duration_ns=1_000_000_000), of_trace(2)]
    other = of_trace(4, service="web")
    kept = sampling.kept([*failed, of_trace(3), *slow, other])
    assert kept == [*failed, *slow, other]
    assert {one.weight for one in kept} == {1}


def test_a_span_that_was_sampled_before_stands_for_both() -> None:
    (kept,) = Sampling((SpanSample(service="api", keep=1.0),)).kept([of_trace(1, weight=4)])
    assert kept.weight == 4
    spans = [of_trace(number, weight=4) for number in range(50)]
    kept_ones = Sampling((SpanSample(service="api", keep=0.5),)).kept(spans)
    assert {one.weight for one in kept_ones} == {8}


async def test_the_sender_is_told_nothing_of_it() -> None:
    here = site(traces=TracesConfig(sample=(SpanSample(service="api", keep=1e-9),)))
    taken = await here.spans.take([span(here.clock)], protocol="otlp", key=1)
    assert (taken.kept, taken.dropped, taken.refused.total()) == (0, 1, 0)
