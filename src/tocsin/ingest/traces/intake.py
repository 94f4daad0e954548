"""What happens to spans on their way to the store, whoever sent them?"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Protocol, TypeVar

from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig, Quota
from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig
from tocsin.ingest.traces.bounds import bound, checked
from tocsin.ingest.traces.config import SpanDrop, TracesConfig
from tocsin.ingest.traces.sampling import Sampling
from tocsin.ingest.traces.scrubbing import SpanScrubber
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.span_table import SpanTable, table_of
from tocsin.model.spans import Span, SpanBatch

_taken = gauge.counter("spans_taken", "Spans taken in, by protocol.", ("protocol",))
_refused = gauge.counter("spans_refused", "Spans left out, by protocol.", ("protocol",))
_dropped = gauge.counter(
    "spans_dropped", "Spans that a rule keeps out, by protocol.", ("protocol",)
)

_ON_LOOP = 50
"""More spans than that take longer than the event loop can be held."""
_ON_LOOP_BYTES = 32 << 10

T = TypeVar("T")


class Writer(Protocol):
    """Where accepted spans go (`store.span_writer.SpanWriter`)."""

    def has(self, key: int) -> bool: ...
    async def write(self, batch: SpanBatch) -> bool: ...


class SpanWatch(Protocol):
    """Who looks at spans after they were kept: once at each, before the sender is answered."""

    async def saw(self, batch: SpanBatch) -> None:
        """Look at them. Quick, and without faults of its own: the spans are kept already."""


@dataclass(frozen=True, slots=True)
class SpansTaken:
    """What became of the spans of a request; `refused` counts by the reason, in words."""

    kept: int
    refused: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    def reasons(self) -> str:
        """Why some were refused, for people; empty when none was."""
        return "; ".join(f"{count} spans: {why}" for why, count in self.refused.items())


class SpanIntake:
    """Applies limits, scrubs, hands over to the writer, and then to those who watch."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        config: TracesConfig,
        *,
        scrubbed: ScrubConfig | None = None,
        retention_seconds: float = 14 * 86_400,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._config = config
        self._retention_seconds = retention_seconds
        self._scrubbed = scrubbed or ScrubConfig()
        self._scrubber = SpanScrubber(Scrubber(self._scrubbed))
        self._unwanted = _Unwanted(config.drop)
        self._sampling = Sampling(config.sample)
        self._watches: list[SpanWatch] = []
        self.quota = Quota(clock, _limits(config), noun="spans")
        self._turn = asyncio.Lock()

    def configure(
        self, config: TracesConfig, *, scrubbed: ScrubConfig, retention_seconds: float
    ) -> None:
        """Put other limits in force."""
        if scrubbed != self._scrubbed:
            self._scrubbed, self._scrubber = scrubbed, SpanScrubber(Scrubber(scrubbed))
        self.quota.configure(_limits(config))
        self._unwanted = _Unwanted(config.drop)
        self._sampling = Sampling(config.sample)
        self._config = config
        self._retention_seconds = retention_seconds

    def watched_by(self, watch: SpanWatch) -> None:
        """Let it look at what is kept from now on."""
        self._watches.append(watch)

    def now_ns(self) -> int:
        """The time of arrival of what comes now."""
        return self._clock.now_ms() * 1_000_000

    async def decoded(self, decode: Callable[[], T], size_bytes: int) -> T:
        """What `decode` returns: of a large body in a thread, one at a time, as two threads of
        Python are slower than one."""
        if size_bytes <= _ON_LOOP_BYTES:
            return decode()
        async with self._turn:
            return await asyncio.to_thread(decode)

    async def take(
        self,
        spans: Sequence[Span],
        *,
        protocol: str,
        key: int,
        sender: str = "",
        size_bytes: int = 0,
    ) -> SpansTaken:
        """Keep the spans; `key` names the request (`logs.intake.key_of`), `sender` the key that it
        came with. Returns when they are kept.

        Raises Temporary when they cannot be kept now, TooMuch when the sender sends more than it
        may.
        """
        now_ns = self.now_ns()
        config = self._config
        past = min(config.max_past or self._retention_seconds, self._retention_seconds)
        kept, refused = checked(table_of(spans), config, now_ns=now_ns, past_seconds=past)
        if refused:
            _refused.labels(protocol).inc(refused.total())
        wanted = self._wanted(kept)
        dropped = len(kept) - len(wanted)
        if dropped:
            _dropped.labels(protocol).inc(dropped)
        if not wanted or self._writer.has(key):
            return SpansTaken(len(wanted), refused, dropped)
        self.quota.admit(sender, len(spans), size_bytes)
        prepared = await self._prepared(wanted)
        batch = SpanBatch(spans=prepared, key=key, taken_ms=now_ns // 1_000_000)
        if await self._writer.write(batch):
            _taken.labels(protocol).inc(len(wanted))
            for watch in self._watches:
                await watch.saw(batch)
        return SpansTaken(len(wanted), refused, dropped)

    def _wanted(self, spans: SpanTable) -> SpanTable:
        if not (self._config.drop or self._config.sample):
            return spans
        return table_of(self._sampling.kept(self._unwanted.without(list(spans))))

    async def _prepared(self, spans: SpanTable) -> SpanTable:
        config, scrubber = self._config, self._scrubber

        def prepared() -> SpanTable:
            texts = set(spans.values)
            bounded = bound(spans, texts, config)
            return scrubber(bounded, texts if bounded is spans else set(bounded.values))

        async with self._turn:
            return prepared() if len(spans) <= _ON_LOOP else await asyncio.to_thread(prepared)


class _Unwanted:
    """The rules that keep spans out."""

    def __init__(self, rules: Sequence[SpanDrop]) -> None:
        self._rules = [
            (re.compile(translate(one.service)), re.compile(translate(one.name))) for one in rules
        ]

    def without(self, spans: list[Span]) -> list[Span]:
        """Those that no rule is about."""
        if not self._rules:
            return spans
        return [
            span
            for span in spans
            if not any(
                service.match(span.service) and name.match(span.name)
                for service, name in self._rules
            )
        ]


def _limits(config: TracesConfig) -> LimitsConfig:
    return LimitsConfig(
        keys={
            name: KeyLimit(
                lines_per_second=one.spans_per_second,
                bytes_per_second=one.bytes_per_second,
                burst=one.burst,
            )
            for name, one in config.limits.items()
        }
    )
