"""What happens to log lines on their way to the store, whoever sent them?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from operator import attrgetter, is_
from typing import Protocol, TypeVar

from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import Quota
from tocsin.ingest.logs.resent import Resent, named_within, part_of
from tocsin.ingest.logs.scrub import Scrubber
from tocsin.ingest.logs.sizes import characters
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.quantity import Duration
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.model.trace_ids import plain_span, plain_trace

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

_TIME, _BODY = attrgetter("ts_ns"), attrgetter("body")
_TRACE, _SPAN = attrgetter("trace_id"), attrgetter("span_id")
_ORIGINAL, _ATTRIBUTES = attrgetter("original"), attrgetter("attributes")

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
    """What became of the lines of a request, by place, which is a line's number too: `refused` says
    why one cannot be kept, `later` why one is not kept now, `repeated` were kept before, `dropped`
    were left out by rules or sampling."""

    kept: int
    refused: dict[int, str]
    key: int
    repeated: frozenset[int] = frozenset()
    later: dict[int, str] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()

    def reasons(self) -> Counter[str]:
        """How many lines were refused for what."""
        return Counter(self.refused.values())


@dataclass(frozen=True, slots=True)
class _Prepared:
    records: list[LogRecord]
    numbers: Sequence[int] | None
    """Their places in the request; None when they are all there, in order."""


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
        self._watches: list[Tail] = []
        self.quota = Quota(clock, config.limits)
        self._turn = asyncio.Lock()
        self._resent = Resent()

    def configure(self, config: LogsConfig, *, retention_seconds: float) -> None:
        """Put other limits in force."""
        if config.scrub != self._config.scrub:
            before = self._scrubber.counts
            self._scrubber = Scrubber(config.scrub)
            self._scrubber.counts.update(before)
        self.quota.configure(config.limits)
        self._config = config
        self._retention_seconds = retention_seconds

    def know(self, names: Iterable[int]) -> None:
        """Lines of these names were kept before the start, the oldest first."""
        self._resent.remember(names)

    def watched_by(self, watch: Tail) -> None:
        """Let it look at what is kept from now on."""
        self._watches.append(watch)

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
        sender: str | None = "",
        partly: bool = False,
    ) -> Taken:
        """Keep the lines; `key` names the request (`key_of`), `sender` the key it came with, None
        when `quota` let the lines in one by one.

        `names` are the lines' own, 0 for one without: a line whose name was kept lately is not
        kept again, whatever request it comes in. `partly` is for senders that can be told which
        lines are too many. Returns when the lines are kept. Raises Temporary when they cannot be
        kept now, TooMuch when the sender sends more than it may.
        """
        taken_ms = self._clock.now_ms()
        refused = self._check(records, taken_ms)
        if self._writer.has(key):
            return Taken(len(records) - len(refused), refused, key)
        first = part_of(key, (), is_first=True)
        begun = self._writer.has(first) or self._resent.has_begun(key)
        if begun:
            names = named_within(key, names, len(records))
        repeated = self._resent.known(names)
        places: Sequence[int] = range(len(records))
        if refused or repeated:
            places = [place for place in places if place not in refused and place not in repeated]
        places, later = self._admitted(sender, records, places, partly=partly)
        count = len(records)
        if len(places) < count:
            records = [records[place] for place in places]
        part = key
        if later or begun:
            names = named_within(key, names, count)
            part = part_of(key, places, is_first=not begun)
        found = await self._kept(records, places, taken_ms, part, names)
        if any(names):
            left = refused.keys() | later.keys()
            self._resent.remember([one for place, one in enumerate(names) if place not in left])
        _lines.labels(protocol).inc(len(found.records))
        if refused:
            _refused.labels(protocol).inc(len(refused))
        dropped: frozenset[int] = frozenset()
        if found.numbers is not None:
            dropped = frozenset(places).difference(found.numbers)
        return Taken(len(found.records), refused, part, repeated, later, dropped)

    def _admitted(
        self,
        sender: str | None,
        records: Sequence[LogRecord],
        places: Sequence[int],
        *,
        partly: bool,
    ) -> tuple[Sequence[int], dict[int, str]]:
        """The places of the lines that the sender may send now, and why not the others."""
        if sender is None or not places:
            return places, {}
        if len(places) < len(records):
            records = [records[place] for place in places]
        sizes = characters(records)
        if not partly:
            self.quota.admit(sender, len(sizes), sum(sizes))
            return places, {}
        fitting, why = self.quota.admit_some(sender, sizes)
        return places[:fitting], dict.fromkeys(places[fitting:], why)

    async def _kept(
        self,
        records: list[LogRecord],
        places: Sequence[int],
        taken_ms: int,
        key: int,
        names: Sequence[int],
    ) -> _Prepared:
        async with self._turn:
            if len(records) <= _ON_LOOP:
                found = self._prepared(records, places)
            else:
                found = await asyncio.to_thread(self._prepared, records, places)
        batch = LogBatch(
            records=tuple(found.records),
            key=key,
            taken_ms=taken_ms,
            numbers=found.numbers,
            names=_names_of(found, names, places),
        )
        await self._writer.write(batch)
        if self._tail is not None:
            self._tail.publish(batch)
        for watch in self._watches:
            watch.publish(batch)
        return found

    def _check(self, records: Sequence[LogRecord], now_ms: int) -> dict[int, str]:
        """Why lines are refused, by their place; a line from the future gets the present."""
        config = self._config
        past = min(config.max_past or self._retention_seconds, self._retention_seconds)
        oldest = (now_ms - round(past * 1000)) * 1_000_000
        newest = (now_ms + config.max_future.ms) * 1_000_000
        refused: dict[int, str] = {}
        times = list(map(_TIME, records))
        if times and oldest <= min(times) and max(times) <= newest:
            return refused
        limit = "retention" if past == self._retention_seconds else "logs.max_past"
        why = f"the line is older than {Duration(past)}, which is as old as {limit} allows"
        for place, one in enumerate(records):
            if one.ts_ns < oldest:
                refused[place] = why
            elif one.ts_ns > newest:
                one.attributes = {**one.attributes, _GIVEN_TIME: str(one.ts_ns)}
                one.ts_ns = now_ms * 1_000_000
        return refused

    def _prepared(self, given: list[LogRecord], places: Sequence[int]) -> _Prepared:
        for one in self._large(given):
            self._bound(one)
        _tell_ids_plainly(given)
        self._scrubber(given)
        records = given
        for step in self._steps:
            records = step(records)
        if records is not given:
            _tell_ids_plainly(records)
        if len(records) == len(given) and all(map(is_, records, given)):
            return _Prepared(records, None if isinstance(places, range) else places)
        # A line keeps the number of its place, whatever the rules left out before it.
        known = {id(one): place for one, place in zip(given, places, strict=True)}
        beyond = count(max(places) + 1)
        numbers = [known[id(one)] if id(one) in known else next(beyond) for one in records]
        return _Prepared(records, numbers)

    def _large(self, records: Sequence[LogRecord]) -> list[LogRecord]:
        """Those that may have something that is too long; of others few things are looked at."""
        most, most_attributes = int(self._config.max_line), self._config.max_attributes
        if _are_small(records, most, most_attributes):
            return []
        return [
            one
            for one in records
            if len(one.body) > most
            or len(one.attributes) > most_attributes
            or (one.attributes and not 0 < len(one.original) < most // _LONGER)
            or len(one.original) > most
        ]

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


def _tell_ids_plainly(records: Sequence[LogRecord]) -> None:
    """Write the ids of traces and spans in the way in which spans have them."""
    ids = "".join(map(_TRACE, records)) + "".join(map(_SPAN, records))
    is_plain = "-" not in ids and ids == ids.lower()
    if is_plain and {0, 32}.issuperset(map(len, map(_TRACE, records))):
        return
    for one in records:
        one.trace_id, one.span_id = plain_trace(one.trace_id), plain_span(one.span_id)


def _names_of(found: _Prepared, names: Sequence[int], places: Sequence[int]) -> Sequence[int]:
    """The names of the lines that are kept; none when none of the request has one."""
    if not any(names):
        return ()
    numbers = range(len(found.records)) if found.numbers is None else found.numbers
    own = frozenset(places)  # what rules added has no name
    return [names[number] if number in own else 0 for number in numbers]


def _are_small(records: Sequence[LogRecord], most: int, most_attributes: int) -> bool:
    """Whether none has anything that is too long, as of most requests."""
    if not records:
        return True
    originals = list(map(len, map(_ORIGINAL, records)))
    return (
        min(originals) > 0
        and max(originals) < most // _LONGER
        and max(map(len, map(_BODY, records))) <= most
        and max(map(len, map(_ATTRIBUTES, records))) <= most_attributes
    )


def key_of(body: bytes, *, carries_times: bool, now_ns: int, place: str = "") -> int:
    """What names a request: its bytes and the place it was sent to, where its lines carry times.

    Lines without a time may be said again: such a request is repeated only when it comes at the
    same moment.
    """
    digest = blake2b(body, digest_size=8, key=place.encode("utf-8", "replace")[:64])
    if not carries_times:
        digest.update(now_ns.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")
