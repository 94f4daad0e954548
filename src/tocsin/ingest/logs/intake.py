"""What happens to log lines on their way to the store, whoever sent them?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, TypeVar

from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import Quota
from tocsin.ingest.logs.resent import Resent
from tocsin.ingest.logs.scrub import Scrubber
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.model.logs import LogBatch, LogRecord

_lines = gauge.counter("log_lines_taken", "Log lines taken in, by protocol.", ("protocol",))
_refused = gauge.counter("log_lines_refused", "Log lines left out, by protocol.", ("protocol",))
_cut = gauge.counter("log_lines_cut", "Log lines that were too long and were cut.")

_ON_LOOP = 100
"""More lines than that take longer than the event loop can be held."""
_ON_LOOP_BYTES = 32 << 10
_LONGER = 32
"""Nothing that a document says is so many times as long as the document, however it is written."""
_GIVEN_TIME = "tocsin.time"
_LEFT_OUT = "tocsin.left_out"

T = TypeVar("T")

Step = Callable[[list[LogRecord]], list[LogRecord]]
"""Changes, adds or leaves out lines; runs in a thread, one batch at a time."""


class Writer(Protocol):
    """Where accepted lines go (`store.log_writer.LogWriter`)."""

    def has(self, key: int) -> bool: ...
    async def write(self, batch: LogBatch) -> None: ...


class Tail(Protocol):
    """Who wants to see lines as they come."""

    def publish(self, batch: LogBatch) -> None:
        """Returns at once; slow readers lose lines, never the sender."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the lines of a request, by place: `refused` says why one was not kept,
    `repeated` are those that had been kept before."""

    kept: int
    refused: dict[int, str]
    key: int
    repeated: frozenset[int] = frozenset()

    def numbers(self, count: int) -> list[int]:
        """The number in the batch of each of `count` lines; those left out have the next one's."""
        found, number = [], 0
        for place in range(count):
            found.append(number)
            number += place not in self.refused and place not in self.repeated
        return found

    def reasons(self) -> Counter[str]:
        """How many lines were refused for what."""
        return Counter(self.refused.values())


class LogIntake:
    """Applies limits, scrubs, runs the steps, hands over to the writer, and then to the tail."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        config: LogsConfig,
        *,
        retention_seconds: float = 30 * 86_400,
        steps: Sequence[Step] = (),
        tail: Tail | None = None,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._config = config
        self._retention_seconds = retention_seconds
        self._scrubber = Scrubber(config.scrub)
        self._steps = tuple(steps)
        self._tail = tail
        self.quota = Quota(clock, config.limits)
        self._turn = asyncio.Lock()
        self._resent = Resent()

    def configure(self, config: LogsConfig, *, retention_seconds: float) -> None:
        """Put other limits in force."""
        if config.scrub != self._config.scrub:
            self._scrubber = Scrubber(config.scrub)
        self.quota.configure(config.limits)
        self._config = config
        self._retention_seconds = retention_seconds

    @property
    def scrubbed(self) -> Counter[str]:
        """How many secrets of each kind were replaced since the start."""
        return self._scrubber.counts

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
        records: list[LogRecord],
        *,
        protocol: str,
        key: int,
        names: Sequence[int] = (),
        sender: str = "",
    ) -> Taken:
        """Keep the lines; `key` names the request (`key_of`), `sender` the key it came with.

        `names` are the lines' own, 0 for one without: a line whose name was kept lately is not
        kept again, whatever request it comes in. Returns when the lines are kept. Raises Temporary
        when they cannot be kept now, TooMuch when the sender sends more than it may.
        """
        taken_ms = self._clock.now_ms()
        refused = self._check(records, taken_ms)
        if self._writer.has(key):
            return Taken(len(records) - len(refused), refused, key)
        size = sum([len(one.body) + len(one.original) for one in records])
        self.quota.admit(sender, len(records), size)
        repeated = self._resent.known(names) if any(names) else frozenset[int]()
        if refused or repeated:
            left_out = refused.keys() | repeated
            records = [one for place, one in enumerate(records) if place not in left_out]
        kept = await self._kept(records, taken_ms, key)
        if any(names):
            self._resent.remember(
                [name for place, name in enumerate(names) if place not in refused]
            )
        _lines.labels(protocol).inc(kept)
        if refused:
            _refused.labels(protocol).inc(len(refused))
        return Taken(kept, refused, key, repeated)

    async def _kept(self, records: list[LogRecord], taken_ms: int, key: int) -> int:
        async with self._turn:
            if len(records) <= _ON_LOOP:
                records = self._prepared(records)
            else:
                records = await asyncio.to_thread(self._prepared, records)
        batch = LogBatch(records=tuple(records), key=key, taken_ms=taken_ms)
        await self._writer.write(batch)
        if self._tail is not None:
            self._tail.publish(batch)
        return len(records)

    def _check(self, records: Sequence[LogRecord], now_ms: int) -> dict[int, str]:
        """Why lines are refused, by their place; a line from the future gets the present."""
        config = self._config
        past = min(config.max_past or self._retention_seconds, self._retention_seconds)
        oldest = (now_ms - round(past * 1000)) * 1_000_000
        newest = (now_ms + config.max_future.ms) * 1_000_000
        refused: dict[int, str] = {}
        for place, one in enumerate(records):
            if one.ts_ns < oldest:
                refused[place] = f"the line is older than {past:.0f} s, the time lines are kept"
            elif one.ts_ns > newest:
                one.attributes = {**one.attributes, _GIVEN_TIME: str(one.ts_ns)}
                one.ts_ns = now_ms * 1_000_000
        return refused

    def _prepared(self, records: list[LogRecord]) -> list[LogRecord]:
        most, most_attributes = int(self._config.max_line), self._config.max_attributes
        for one in records:
            attributes, size = one.attributes, len(one.original)
            if (
                len(one.body) > most
                or len(attributes) > most_attributes
                or (attributes and not 0 < size < most // _LONGER)
                or size > most
            ):
                self._bound(one)
        self._scrubber(records)
        for step in self._steps:
            records = step(records)
        return records

    def _bound(self, one: LogRecord) -> None:
        most = int(self._config.max_line)
        if len(one.body) > most:
            _cut.inc()
            one.body = f"{one.body[:most]} … [cut, {len(one.body):,} characters]"
        if len(one.original) > most:
            one.original = ""
        if len(one.attributes) > self._config.max_attributes:
            kept = dict(list(one.attributes.items())[: self._config.max_attributes])
            kept[_LEFT_OUT] = str(len(one.attributes) - len(kept))
            one.attributes = kept
        for name, value in one.attributes.items():
            if len(value) > most:
                one.attributes[name] = f"{value[:most]} … [cut]"


def key_of(body: bytes, *, carries_times: bool, now_ns: int, place: str = "") -> int:
    """What names a request: its bytes and the place it was sent to, where its lines carry times.

    Lines without a time may be said again: such a request is repeated only when it comes at the
    same moment.
    """
    digest = blake2b(body, digest_size=8, key=place.encode("utf-8", "replace")[:64])
    if not carries_times:
        digest.update(now_ns.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")
