"""Who calls whom? The span of a caller and the one of the called make a pair.

As Tempo's metrics-generator does it, with its names:
https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from tocsin.ingest.traces.config import SpanMetricsConfig
from tocsin.ingest.traces.tallies import Example, Layout, TallyBook
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.samples import SeriesIntake
from tocsin.model.span_names import first
from tocsin.model.spans import KINDS, STATUSES, Span

_unpaired = gauge.counter("span_pairs_missed", "Halves of calls whose other half did not come.")
_waiting = gauge.gauge("span_pairs_waiting", "Halves of calls that wait for the other half.")

_SERVER, _CLIENT = KINDS.index("server"), KINDS.index("client")
_PRODUCER, _CONSUMER = KINDS.index("producer"), KINDS.index("consumer")
_ERROR = STATUSES.index("error")
_BOUNDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
_MOST_EDGES = 2_000
_USER = "user"
"""Who calls a service whose span has no parent."""
_PEERS = ("peer.service", "server.address", "net.peer.name")
_DATABASES = ("db.namespace", "db.name", "db.system.name", "db.system")
_TOTAL = "traces_service_graph_request"
_LAYOUT = Layout(
    labels=("client", "server", "connection_type"),
    counters={
        f"{_TOTAL}_total": "Calls of a service by another, by spans.",
        f"{_TOTAL}_failed_total": "Calls of a service by another that failed, by spans.",
    },
    histograms={
        f"{_TOTAL}_server_seconds": "Durations of calls as the called service saw them.",
        f"{_TOTAL}_client_seconds": "Durations of calls as the caller saw them.",
    },
    bounds=_BOUNDS,
)
_SERVER_SECONDS, _CLIENT_SECONDS = 0, 1


class _Half(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One side of a call."""

    service: str
    is_caller: bool
    failed: bool
    example: Example
    weight: int
    peer: str
    since: float


class ServiceGraph:
    """Pairs spans as they come. What waits too long is counted by what its one half tells."""

    def __init__(self, series: SeriesIntake, clock: Clock, config: SpanMetricsConfig) -> None:
        self._clock = clock
        self._config = config
        self._halves: OrderedDict[tuple[str, str], _Half] = OrderedDict()
        self.book = TallyBook(series, _LAYOUT, clock, most=_MOST_EDGES, forget=config.forget)

    def saw(self, span: Span, example: Example) -> None:
        """Look at one span; only those of callers and called count."""
        kind = span.kind
        if kind in (_SERVER, _CONSUMER):
            self._called(span, example, "messaging_system" if kind == _CONSUMER else "")
        elif kind in (_CLIENT, _PRODUCER):
            database = first(span.attributes, _DATABASES) if kind == _CLIENT else ""
            half = self._half(span, example, is_caller=True)
            if database:
                self._count(half, half, (span.service, database, "database"))
            else:
                self._pair((span.trace_id, span.span_id), half)

    def expire(self) -> None:
        """Count the halves that waited long enough."""
        oldest = self._clock.monotonic() - self._config.pair_wait
        while self._halves:
            half = next(iter(self._halves.values()))
            if half.since > oldest and len(self._halves) <= self._config.max_waiting:
                break
            self._halves.popitem(last=False)
            self._count_alone(half)
        _waiting.set(len(self._halves))

    def _called(self, span: Span, example: Example, connection: str) -> None:
        half = self._half(span, example, is_caller=False)
        if span.parent_id:
            self._pair((span.trace_id, span.parent_id), half, connection)
        elif not connection:
            self._count(half, half, (_USER, span.service, "virtual_node"))

    def _pair(self, key: tuple[str, str], half: _Half, connection: str = "") -> None:
        other = self._halves.get(key)
        if other is None or other.is_caller == half.is_caller:
            self._halves[key] = half
            if len(self._halves) > self._config.max_waiting:
                self.expire()
            return
        del self._halves[key]
        caller, called = (half, other) if half.is_caller else (other, half)
        self._count(caller, called, (caller.service, called.service, connection))

    def _count_alone(self, half: _Half) -> None:
        if half.is_caller and half.peer:
            self._count(half, half, (half.service, half.peer, "virtual_node"))
        else:
            _unpaired.inc()

    def _half(self, span: Span, example: Example, *, is_caller: bool) -> _Half:
        return _Half(
            service=span.service,
            is_caller=is_caller,
            failed=span.status == _ERROR,
            example=example,
            weight=span.weight,
            peer=_peer(span.attributes) if is_caller else "",
            since=self._clock.monotonic(),
        )

    def _count(self, caller: _Half, called: _Half, edge: tuple[str, str, str]) -> None:
        tally = self.book.of(edge)
        if tally is None:
            return
        weight = max(caller.weight, called.weight)
        tally.counters[0] += weight
        if caller.failed or called.failed:
            tally.counters[1] += weight
        self.book.observe(tally, _SERVER_SECONDS, called.example, weight)
        self.book.observe(tally, _CLIENT_SECONDS, caller.example, weight)


def _peer(attributes: Mapping[str, str]) -> str:
    return first(attributes, _PEERS)[:200]
