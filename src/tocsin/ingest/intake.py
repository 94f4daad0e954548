"""What happens to a batch on its way to the store, whoever sent it?"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from tocsin.ingest import event_rows
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.decoders import Decoders
from tocsin.ingest.limits import DROPPED, CardinalityGuard
from tocsin.ingest.push_groups import GroupStore, MemoryGroups, PushGroups
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.events import Event
from tocsin.model.samples import SampleBatch

_samples = gauge.counter("ingest_samples", "Samples written, by protocol.", ("protocol",))
_refused = gauge.counter("ingest_refused", "Samples left out, by protocol.", ("protocol",))
_events = gauge.counter("ingest_events", "Events written, by protocol.", ("protocol",))
_requests = gauge.counter("ingest_requests", "Batches taken in, by protocol.", ("protocol",))

_SENDERS_KEPT = 1_000
_REASONS_KEPT = 200


class Writer(Protocol):
    """Where accepted data goes; both return once it is kept, and raise Temporary when it is not."""

    async def write(self, batch: SampleBatch) -> None: ...
    async def write_rows(
        self, table: str, columns: Sequence[str], rows: bytes, count: int
    ) -> None: ...


class Watch(Protocol):
    """Who looks at what was accepted from outside, after it was kept."""

    @property
    def protocols(self) -> frozenset[str]:
        """Where something is looked for; empty when nothing is."""

    async def samples(self, protocol: str, batch: SampleBatch) -> None:
        """Look at samples."""

    async def events(
        self, protocol: str, events: Sequence[Event], tags: Callable[[Event], Mapping[str, str]]
    ) -> None:
        """Look at events; `tags` gives those of an event that may become labels."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch; `refused` counts samples by the reason, in words.

    `dropped` samples were taken and thrown away as a drop rule wants it: no fault of the sender.
    """

    written: int
    exemplars: int
    refused: Counter[str]
    dropped: int = 0

    def reasons(self, top: int = 5) -> str:
        """The reasons for people, the most frequent first; empty when nothing was refused."""
        said = [f"{reason} ({count}×)" for reason, count in self.refused.most_common(top)]
        more = len(self.refused) - len(said)
        return "; ".join(said) + (f"; and {more} more reasons" if more > 0 else "")


@dataclass(slots=True)
class Sender:
    """What came in from one sender since the start."""

    protocol: str
    name: str
    batches: int = 0
    samples: int = 0
    events: int = 0
    refused: int = 0
    last_ms: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Intake:
    """Applies the limits of time, counts per sender, and hands over to the writer."""

    def __init__(
        self,
        writer: Writer,
        guard: CardinalityGuard,
        clock: Clock,
        config: IngestConfig,
        *,
        retention_seconds: float = 30 * 86_400,
        groups: GroupStore | None = None,
    ) -> None:
        self._writer = writer
        self._watch: Watch | None = None
        self.guard = guard
        self.decoders = Decoders(guard, config, clock)
        self.push_groups = PushGroups(guard, groups or MemoryGroups(), clock, config.pushgateway)
        self._clock = clock
        self._config = config
        self._retention_seconds = retention_seconds
        self._senders: OrderedDict[tuple[str, str], Sender] = OrderedDict()

    def watched_by(self, watch: Watch) -> None:
        """Let it look at what is accepted from now on."""
        self._watch = watch

    def configure(self, config: IngestConfig, *, retention_seconds: float) -> None:
        """Put other limits in force, those of series included."""
        self._config = config
        self.guard.configure(config.limits)
        self.decoders.configure(config)
        self._retention_seconds = retention_seconds

    async def accept(self, protocol: str, batch: SampleBatch, *, sender: str = "") -> Accepted:
        """Write what is within the limits; `sender` is the name of the key, empty without one.

        Returns when the samples are kept. Raises Temporary when they cannot be kept now.
        """
        accepted = await self._accept(protocol, batch, sender)
        if self._watch is not None and protocol in self._watch.protocols:
            await self._watch.samples(protocol, batch)
        return accepted

    async def _accept(self, protocol: str, batch: SampleBatch, sender: str) -> Accepted:
        batch = self._within_time(batch)
        if len(batch) or batch.exemplars or batch.metadata:
            await self._writer.write(batch)
        self._count(protocol, sender, batch)
        faults = Counter({k: n for k, n in batch.refused.items() if not k.startswith(DROPPED)})
        dropped = batch.refused.total() - faults.total()
        return Accepted(len(batch), len(batch.exemplars), faults, dropped)

    async def accept_events(
        self, protocol: str, events: Sequence[Event], *, sender: str = ""
    ) -> None:
        """Write events whole. Raises Temporary when they cannot be kept now."""
        if not events:
            return
        rows = event_rows.encode(events)
        await self._writer.write_rows(event_rows.TABLE, event_rows.COLUMNS, rows, len(events))
        self._sender(protocol, sender).events += len(events)
        _events.labels(protocol).inc(len(events))

    async def accept_pushed(self, protocol: str, events: Sequence[Event], sender: str) -> Accepted:
        """Write events whole and the series derived of them; `refused` counts samples of series.

        An event whose own time cannot be is kept at the time of its arrival.
        """
        now = self._clock.now_ms()
        oldest, newest = self._span(now)
        timely = [
            event if oldest <= event.ts_ms <= newest else msgspec.structs.replace(event, ts_ms=now)
            for event in events
        ]
        await self.accept_events(protocol, timely, sender=sender)
        derived = self.decoders.derived
        accepted = await self._accept(protocol, derived.series_of(timely), sender)
        if self._watch is not None and protocol in self._watch.protocols:
            await self._watch.events(protocol, timely, derived.labels)
        return accepted

    @property
    def senders(self) -> Sequence[Sender]:
        """Who sent something since the start, the latest last."""
        return list(self._senders.values())

    @property
    def _past(self) -> float:
        return min(self._config.max_past or self._retention_seconds, self._retention_seconds)

    def _span(self, now_ms: int) -> tuple[int, int]:
        """The oldest and the newest timestamp that is taken."""
        return now_ms - round(self._past * 1000), now_ms + self._config.max_future.ms

    def _within_time(self, batch: SampleBatch) -> SampleBatch:
        if not len(batch):
            return batch
        oldest, newest = self._span(self._clock.now_ms())
        if batch.ts.min() >= oldest and batch.ts.max() <= newest:
            return batch
        early, late = batch.ts < oldest, batch.ts > newest
        kept = ~(early | late)
        refused = Counter(batch.refused)
        _note(refused, int(late.sum()), f"more than {self._config.max_future} in the future")
        _note(refused, int(early.sum()), f"older than {self._past:.0f} s, the time data is kept")
        return SampleBatch(
            batch.refs[kept],
            batch.ts[kept],
            batch.values[kept],
            batch.exemplars,
            batch.metadata,
            refused,
        )

    def _count(self, protocol: str, name: str, batch: SampleBatch) -> None:
        refused = sum(batch.refused.values())
        sender = self._sender(protocol, name)
        sender.batches += 1
        sender.samples += len(batch)
        sender.refused += refused
        for reason, count in batch.refused.items():
            if reason in sender.reasons or len(sender.reasons) < _REASONS_KEPT:
                sender.reasons[reason] += count
        _requests.labels(protocol).inc()
        _samples.labels(protocol).inc(len(batch))
        if refused:
            _refused.labels(protocol).inc(refused)

    def _sender(self, protocol: str, name: str) -> Sender:
        key = protocol, name
        sender = self._senders.pop(key, None) or Sender(protocol, name)
        sender.last_ms = self._clock.now_ms()
        self._senders[key] = sender
        if len(self._senders) > _SENDERS_KEPT:
            self._senders.popitem(last=False)
        return sender


def _note(refused: Counter[str], count: int, reason: str) -> None:
    if count:
        refused[f"the sample's time is {reason}"] += count
