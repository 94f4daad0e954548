"""Spans become the series of Tempo's metrics-generator."""

from __future__ import annotations

from tests.ingest.traces.made import TRACE, batch, span
from tocsin.ingest.limits import CardinalityGuard, LimitsConfig
from tocsin.ingest.traces.config import SpanMetricsConfig
from tocsin.ingest.traces.span_metrics import SpanMetrics
from tocsin.kit.clock import FakeClock
from tocsin.kit.quantity import Duration
from tocsin.model.samples import Interner, SampleBatch, SeriesIntake
from tocsin.model.spans import Span
from tocsin.store.series import SeriesRegistry


class World:
    """Metrics of spans, and the samples that they wrote."""

    def __init__(
        self, config: SpanMetricsConfig | None = None, series: SeriesIntake | None = None
    ) -> None:
        self.clock = FakeClock()
        self.interner = Interner()
        self.metrics = SpanMetrics(
            series or self.interner, self.clock, config or SpanMetricsConfig()
        )
        self.written: list[SampleBatch] = []

    async def saw(self, *spans: Span) -> None:
        await self.metrics.saw(batch(self.clock, *spans))

    async def found(self) -> dict[str, float]:
        """The values of this moment by `name{label=value,…}`, as written now."""

        async def write(one: SampleBatch) -> None:
            self.written.append(one)

        self.written.clear()
        await self.metrics.write(write)
        now = self.clock.now_ms()
        return {
            self.text(ref): value
            for one in self.written
            for ref, ts, value in zip(one.refs, one.ts, one.values, strict=True)
            if ts == now
        }

    def text(self, ref: int) -> str:
        labels = dict(self.interner.labels[ref])
        name = labels.pop("__name__")
        return f"{name}{{{','.join(f'{key}={value}' for key, value in sorted(labels.items()))}}}"


API = "service=api,span_kind=SPAN_KIND_SERVER,span_name=GET /cart"
CALLS = "traces_spanmetrics_calls_total"
LATENCY = "traces_spanmetrics_latency"
GRAPH = "traces_service_graph_request"


async def test_calls_and_latency_have_tempos_names_and_labels() -> None:
    world = World()
    await world.saw(span(world.clock), span(world.clock, duration_ns=3_000_000_000))
    await world.saw(span(world.clock, status=2, environment="prod"))
    found = await world.found()
    assert found[f"{CALLS}{{{API},status_code=STATUS_CODE_UNSET}}"] == 2
    assert found[f"{CALLS}{{environment=prod,{API},status_code=STATUS_CODE_ERROR}}"] == 1
    own = f"{API},status_code=STATUS_CODE_UNSET"
    assert found[f"{LATENCY}_count{{{own}}}"] == 2
    assert found[f"{LATENCY}_sum{{{own}}}"] == 3.03
    assert found[f"{LATENCY}_bucket{{le=0.016,{own}}}"] == 0
    assert found[f"{LATENCY}_bucket{{le=0.032,{own}}}"] == 1
    assert found[f"{LATENCY}_bucket{{le=4.096,{own}}}"] == 2
    assert found[f"{LATENCY}_bucket{{le=+Inf,{own}}}"] == 2


async def test_a_new_series_was_zero_one_interval_before() -> None:
    world = World()
    await world.saw(span(world.clock))
    await world.found()
    one = world.written[0]
    before = world.clock.now_ms() - 15_000
    assert {value for ts, value in zip(one.ts, one.values, strict=True) if ts == before} == {0.0}
    await world.found()
    assert set(world.written[0].ts) == {world.clock.now_ms()}


async def test_exemplars_carry_the_trace_and_are_told_once() -> None:
    world = World()
    await world.saw(span(world.clock))
    await world.found()
    (exemplar,) = world.written[0].exemplars
    assert world.text(exemplar.ref).startswith(f"{LATENCY}_bucket{{le=0.032")
    assert dict(exemplar.labels) == {"trace_id": TRACE, "span_id": "eee19b7ec3c1b174"}
    assert exemplar.value == 0.03
    await world.found()
    assert world.written[0].exemplars == []


async def test_a_span_that_stands_for_others_counts_for_them() -> None:
    world = World()
    await world.saw(span(world.clock, weight=10))
    found = await world.found()
    assert found[f"{CALLS}{{{API},status_code=STATUS_CODE_UNSET}}"] == 10


async def test_late_spans_make_no_rate_of_now() -> None:
    world = World()
    await world.saw(span(world.clock, ts_ns=world.clock.now_ms() * 1_000_000 - 300_000_000_000))
    assert await world.found() == {}


async def test_too_many_names_are_counted_together() -> None:
    world = World(SpanMetricsConfig(max_operations=2))
    await world.saw(*(span(world.clock, f"GET /{number}") for number in range(5)))
    found = await world.found()
    calls = {text: value for text, value in found.items() if text.startswith(CALLS)}
    assert sorted(calls.values()) == [1, 1, 3]
    assert any("span_name=other" in text for text in calls)


async def test_the_limits_of_series_hold() -> None:
    clock = FakeClock()
    guard = CardinalityGuard(SeriesRegistry(), LimitsConfig(max_series_per_metric=1), clock)
    world = World(series=guard)
    await world.saw(span(world.clock), span(world.clock, "GET /other"))
    written: list[SampleBatch] = []

    async def write(one: SampleBatch) -> None:
        written.append(one)

    await world.metrics.write(write)
    # Of each metric one series is taken: calls, count, sum, and one bucket.
    assert len(written[0]) == 2 * 4
    assert sum(written[0].refused.values()) == 2 * 18 - 4
    assert all("max_series_per_metric" in why for why in written[0].refused)


async def test_attributes_become_labels_under_the_name_that_was_asked_for() -> None:
    world = World(SpanMetricsConfig(dimensions=("http.request.method", "region")))
    await world.saw(span(world.clock, attributes={"http.method": "PUT"}, resource={"region": "eu"}))
    found = await world.found()
    assert any("http_request_method=PUT,region=eu" in text for text in found)


async def test_what_is_silent_for_long_is_no_longer_written() -> None:
    world = World()
    await world.saw(span(world.clock))
    await world.clock.advance(901)
    assert await world.found() == {}


def edge(client: str, server: str, kind: str = "") -> str:
    labels = {"client": client, "connection_type": kind, "server": server}
    return ",".join(f"{name}={value}" for name, value in labels.items() if value)


async def test_a_caller_and_the_called_are_an_edge_in_either_order() -> None:
    world = World()
    caller = span(world.clock, kind=3, service="web", span_id="a" * 16, parent_id="9" * 16)
    called = span(world.clock, span_id="b" * 16, parent_id="a" * 16, status=2)
    await world.saw(caller)
    await world.saw(called)
    await world.saw(
        span(world.clock, span_id="d" * 16, parent_id="c" * 16),
        span(world.clock, kind=3, service="web", span_id="c" * 16, duration_ns=500_000_000),
    )
    found = await world.found()
    own = edge("web", "api")
    assert found[f"{GRAPH}_total{{{own}}}"] == 2
    assert found[f"{GRAPH}_failed_total{{{own}}}"] == 1
    assert found[f"{GRAPH}_server_seconds_count{{{own}}}"] == 2
    assert (
        found[f"{GRAPH}_client_seconds_bucket{{{own.replace(',server', ',le=0.1,server')}}}"] == 1
    )


async def test_databases_queues_users_and_peers_without_spans_are_edges_too() -> None:
    world = World()
    await world.saw(
        span(world.clock, kind=3, span_id="1" * 16, attributes={"db.system": "postgresql"}),
        span(world.clock, kind=3, span_id="2" * 16, attributes={"peer.service": "bank"}),
        span(world.clock, kind=4, span_id="3" * 16),
        span(world.clock, kind=5, span_id="4" * 16, parent_id="3" * 16, service="mail"),
        span(world.clock),
        span(world.clock, kind=3, span_id="5" * 16),
    )
    assert f"{GRAPH}_total{{{edge('api', 'bank', 'virtual_node')}}}" not in await world.found()
    await world.clock.advance(16)
    found = await world.found()
    totals = {text for text in found if text.startswith(f"{GRAPH}_total")}
    assert totals == {
        f"{GRAPH}_total{{{edge('api', 'postgresql', 'database')}}}",
        f"{GRAPH}_total{{{edge('api', 'bank', 'virtual_node')}}}",
        f"{GRAPH}_total{{{edge('api', 'mail', 'messaging_system')}}}",
        f"{GRAPH}_total{{{edge('user', 'api', 'virtual_node')}}}",
    }


async def test_no_more_halves_wait_than_may() -> None:
    world = World(SpanMetricsConfig(max_waiting=3, pair_wait=Duration(1000)))
    await world.saw(
        *(
            span(world.clock, kind=3, span_id=f"{n:016x}", attributes={"peer.service": "x"})
            for n in range(1, 6)
        )
    )
    found = await world.found()
    assert found[f"{GRAPH}_total{{{edge('api', 'x', 'virtual_node')}}}"] == 2
