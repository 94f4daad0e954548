"""StatsD and DogStatsD over UDP: values are gathered and become samples at every flush.

Counters become rising counters of the same name; gauges their last value; timers, histograms and
distributions `_count` and `_sum` and the interval's quantiles; sets how many members were seen.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from tocsin.ingest import naming
from tocsin.ingest.config import StatsdConfig
from tocsin.ingest.intake import Intake
from tocsin.ingest.protocols import statsd
from tocsin.ingest.protocols.statsd import Kind, Reading
from tocsin.ingest.tags import tag_labels
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME
from tocsin.model.samples import REFUSED, SampleBatch, SeriesIntake, batch_of

_log = log.get("ingest.statsd")
_lines = gauge.counter("statsd_lines", "StatsD lines, by what became of them.", ("result",))
_dropped = gauge.counter("statsd_dropped", "StatsD datagrams dropped: the queue was full.")

_QUEUE = 10_000
_SLICE = 500
_RESERVOIR = 1_000
_MEMBERS = 10_000
_QUANTILES = (0.5, 0.95, 0.99)
_PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class _Bucket:
    """What was gathered of one series of one kind; `count` and `total` never start anew."""

    name: str
    tags: dict[str, str]
    kind: Kind
    heard: float = 0.0
    value: float = 0.0
    count: float = 0.0
    total: float = 0.0
    seen: int = 0
    sample: list[float] = field(default_factory=list)
    members: set[int] = field(default_factory=set)
    """Their hashes: members may be thousands of bytes long, and only their number is asked for."""


class Gathered:
    """The values since the start; bounded, and forgetful of what is no longer heard of."""

    def __init__(self, series: SeriesIntake, config: StatsdConfig, clock: Clock) -> None:
        self._series = series
        self._config = config
        self._clock = clock
        self._buckets: dict[tuple[str, Kind, tuple[str, ...]], _Bucket] = {}
        self._refused: Counter[str] = Counter()

    def take(self, datagram: bytes) -> None:
        """Read all lines of a datagram; bad ones are counted by their reason."""
        for line in datagram.split(b"\n"):
            line = line.strip()
            if not line:
                continue
            try:
                reading = statsd.parse(line)
            except Rejected as error:
                _lines.labels("bad").inc()
                self._refused[str(error)] += 1
                continue
            _lines.labels("kept" if reading else "ignored").inc()
            if reading:
                self._add(reading)

    def flush(self) -> SampleBatch:
        """The samples of now; quantiles and sets start anew."""
        now = self._clock.monotonic()
        oldest = now - self._config.forget
        self._buckets = {k: b for k, b in self._buckets.items() if b.heard >= oldest}
        refs: list[int] = []
        values: list[float] = []
        refused, self._refused = self._refused, Counter()
        for bucket in self._buckets.values():
            for suffix, extra, value in _samples(bucket):
                name = naming.metric_name(bucket.name) + suffix
                labels = label_sets.from_mapping({**bucket.tags, **extra, NAME: name})
                ref = self._series.ref(labels)
                if ref == REFUSED:
                    refused[self._series.why(labels)] += 1
                    continue
                refs.append(ref)
                values.append(value)
            bucket.sample.clear()
            bucket.members.clear()
            bucket.seen = 0
        batch = batch_of(refs, [self._clock.now_ms()] * len(refs), values)
        batch.refused = refused
        return batch

    def _add(self, reading: Reading) -> None:
        # Timers, histograms and distributions of one name are one series.
        timers = (Kind.TIMER, Kind.HISTOGRAM, Kind.DISTRIBUTION)
        kind = Kind.TIMER if reading.kind in timers else reading.kind
        key = reading.name, kind, reading.tags
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._config.max_series:
                self._refused["too many series (setting ingest.statsd.max_series)"] += 1
                return
            bucket = _Bucket(reading.name, tag_labels(list(reading.tags)), kind)
            self._buckets[key] = bucket
        bucket.heard = self._clock.monotonic()
        for value in reading.values:
            _gather(bucket, value, reading)
        if len(bucket.members) < _MEMBERS:
            bucket.members.update(hash(member) for member in reading.members)


def _gather(bucket: _Bucket, value: float, reading: Reading) -> None:
    match bucket.kind:
        case Kind.COUNTER:
            bucket.total += value * reading.weight
        case Kind.GAUGE:
            bucket.value = bucket.value + value if reading.is_relative else value
        case _:
            bucket.count += reading.weight
            bucket.total += value * reading.weight
            bucket.seen += 1
            if len(bucket.sample) < _RESERVOIR:
                bucket.sample.append(value)
            elif (place := random.randrange(bucket.seen)) < _RESERVOIR:
                bucket.sample[place] = value


def _samples(bucket: _Bucket) -> list[tuple[str, dict[str, str], float]]:
    """(suffix of the name, more labels, value)"""
    match bucket.kind:
        case Kind.COUNTER:
            return [("", {}, bucket.total)]
        case Kind.GAUGE:
            return [("", {}, bucket.value)]
        case Kind.SET:
            return [("", {}, float(len(bucket.members)))]
        case _:
            found: list[tuple[str, dict[str, str], float]] = [
                ("_count", {}, bucket.count),
                ("_sum", {}, bucket.total),
            ]
            if bucket.sample:
                levels = np.quantile(np.array(bucket.sample), _QUANTILES).tolist()
                for quantile, level in zip(_QUANTILES, levels, strict=True):
                    found.append(("", {"quantile": str(quantile)}, float(level)))
            return found


class Statsd(asyncio.DatagramProtocol):
    """The UDP port. Off unless started."""

    def __init__(self, intake: Intake, config: StatsdConfig, clock: Clock) -> None:
        self._intake = intake
        self._config = config
        self._clock = clock
        self._gathered = Gathered(intake.guard, config, clock)
        self._queue: deque[bytes] = deque()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen and answer the port taken; raises Permanent when that cannot be."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(host, port)
            )
        except OSError as error:
            raise Permanent(f"cannot listen for StatsD on {host}:{port}: {error}") from error
        taken = int(self._transport.get_extra_info("sockname")[1])
        _log.info("statsd_listens", host=host, port=taken)
        return taken

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Queue a datagram; beyond the queue's size it is dropped and counted."""
        if len(self._queue) >= _QUEUE:
            _dropped.inc()
            return
        self._queue.append(data)

    async def run(self) -> None:
        """Read the queue and flush at every interval, for ever."""
        due = self._clock.monotonic() + self._config.flush_interval
        while True:
            self.drain(_SLICE)
            if self._clock.monotonic() >= due:
                due += self._config.flush_interval
                await self.flush()
            await self._clock.sleep(0 if self._queue else _PAUSE_SECONDS)

    def drain(self, most: int) -> None:
        """Read at most so many datagrams of the queue."""
        for _ in range(min(most, len(self._queue))):
            self._gathered.take(self._queue.popleft())

    async def flush(self) -> None:
        """Write what was gathered; what cannot be written now is left out, counters go on."""
        batch = self._gathered.flush()
        if not len(batch) and not batch.refused:
            return
        try:
            await self._intake.accept("statsd", batch)
        except Temporary as error:
            _log.warning("statsd_flush_left_out", error=str(error))

    async def stop(self) -> None:
        """Close the port and write the rest."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self.drain(len(self._queue))
        await self.flush()
