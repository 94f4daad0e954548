"""Who calls whom? The span of a caller and the one of the called make a pair.

As Tempo's metrics-generator does it, with its names:
https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from tocsin.ingest.traces.config import SpanMetricsConfig
from tocsin.ingest.traces.tallies import Example, Layout, Seen, TallyBook
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.samples import SeriesIntake
from tocsin.model.spans import KINDS, STATUSES

_unpaired = gauge.counter("span_pairs_missed", "Halves of calls whose other half did not come.")
_waiting = gauge.gauge("span_pairs_waiting", "Halves of calls that wait for the other half.")

_SERVER, _CLIENT = KINDS.index("server"), KINDS.index("client")
_PRODUCER, _CONSUMER = KINDS.index("producer"), KINDS.index("consumer")
_ERROR = STATUSES.index("error")
_BOUNDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
_MOST_EDGES = 2_000
_LONGEST_PEER = 200
_AT_ONCE = 500
"""So many halves too many are let go together."""
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

    def saw(self, seen: Seen, rows: list[int]) -> None:
        """Look at some of the spans; only those of callers and called count."""
        kinds = seen.table.kind
        for row in rows:
            kind = kinds[row]
            if kind in (_SERVER, _CONSUMER):
                self._called(seen, row, "messaging_system" if kind == _CONSUMER else "")
            elif kind in (_CLIENT, _PRODUCER):
                self._calling(seen, row, kind)

    def expire(self) -> None:
        """Count the halves that waited long enough."""
        oldest = self._clock.monotonic() - self._config.pair_wait
        halves, most, missed = self._halves, self._config.max_waiting, 0
        while halves:
            half = next(iter(halves.values()))
            if half.since > oldest and len(halves) <= most:
                break
            halves.popitem(last=False)
            if half.is_caller and half.peer:
                self._count(half, half, (half.service, half.peer, "virtual_node"))
            else:
                missed += 1
        if missed:
            _unpaired.inc(missed)
        _waiting.set(len(halves))

    def _called(self, seen: Seen, row: int, connection: str) -> None:
        table = seen.table
        half = self._half(seen, row, is_caller=False)
        parent = table.parent_id[row]
        if parent:
            self._pair((table.trace_id[row], parent), half, connection)
        elif not connection:
            self._count(half, half, (_USER, half.service, "virtual_node"))

    def _calling(self, seen: Seen, row: int, kind: int) -> None:
        table = seen.table
        half = self._half(seen, row, is_caller=True)
        database = table.first(row, _DATABASES) if kind == _CLIENT else ""
        if database:
            self._count(half, half, (half.service, database, "database"))
        else:
            self._pair((table.trace_id[row], table.span_id[row]), half)

    def _pair(self, key: tuple[str, str], half: _Half, connection: str = "") -> None:
        other = self._halves.get(key)
        if other is None or other.is_caller == half.is_caller:
            self._halves[key] = half
            if len(self._halves) > self._config.max_waiting + _AT_ONCE:
                self.expire()
            return
        del self._halves[key]
        caller, called = (half, other) if half.is_caller else (other, half)
        self._count(caller, called, (caller.service, called.service, connection))

    def _half(self, seen: Seen, row: int, *, is_caller: bool) -> _Half:
        table = seen.table
        return _Half(
            service=table.service[row],
            is_caller=is_caller,
            failed=table.status[row] == _ERROR,
            example=seen.example(row),
            weight=table.weight[row],
            peer=table.first(row, _PEERS)[:_LONGEST_PEER] if is_caller else "",
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
