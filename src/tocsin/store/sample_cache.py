"""Which samples need not be read from the store again? Those read before that nothing changes.

Blocks of samples, each of some series over one stretch of time, stay in memory within a budget; an
index by ref tells each series' blocks, so that any selection is served from what others have read.
A read takes what a block holds and loads the rest: later samples (`tail`), earlier ones (`head`),
and whole series that no block has.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import TooLarge
from tocsin.store.packed import Packed, Rows, as_it_is, tightened
from tocsin.store.ragged import EMPTY, Piece, Ragged, laid_out, piece_of

Refs = NDArray[np.int64]
Load = Callable[[Refs, int, int, int], Awaitable[Ragged]]
"""Reads the samples of `refs` from `start_ms` to `end_ms`, at most so many, from elsewhere."""

_WAYS = 2
"""Stretches of time in which a series may lie: a panel beside the same one a week ago."""
_MOST_BLOCKS = 16
"""A selection scattered over more blocks is read anew, as one."""
_LONG_TAIL_MS = 300_000
"""Samples after a block's end are loaded each time until there are so many of them."""
_THREAD_SAMPLES = 100_000
_THREAD_ROWS = 5_000
_NOBODY = -1
_FOR_EVER = 2**62

_samples = gauge.counter("sample_cache_samples", "Samples read, by where they came from.", ("how",))
_held = gauge.gauge("sample_cache_bytes", "Memory that cached samples take.")


@dataclass(slots=True, eq=False)
class _Block:
    """All samples that the rows' series have from `from_ms` to `until_ms` (both included)."""

    packed: Packed
    from_ms: int
    until_ms: int
    used: int
    """How many (series, way) pairs of the index name it."""
    widest_ms: int
    """The longest range that was asked of it."""
    last_use: int
    is_tight: bool = False


@dataclass(slots=True, eq=False)
class _Hit:
    """What one block has of a selection."""

    number: int
    block: _Block
    refs: Refs
    rows: Rows
    head: Ragged = EMPTY


@dataclass(slots=True, eq=False)
class _Reading:
    """A read that is on its way; samples from `until_ms` on may be missing in it."""

    until_ms: int = _FOR_EVER


class SampleCache:
    """Samples by ref and time, at most `max_bytes` of them; 0 keeps none.

    `saw` has to be told of every commit (its oldest time) before anybody may expect to read it.
    What is younger than `grace_ms` is not kept: it changes too often. Used from the event loop.
    """

    def __init__(self, clock: Clock, *, max_bytes: int = 96 << 20, grace_ms: int = 30_000) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._grace_ms = grace_ms
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._next = 0
        self._bytes = 0
        self._newest_ms = -_FOR_EVER
        self._block = np.full((_WAYS, 16), _NOBODY, np.int32)
        self._row = np.zeros((_WAYS, 16), np.int32)
        self._readings: set[_Reading] = set()
        self._loading: dict[bytes, asyncio.Event] = {}

    @property
    def nbytes(self) -> int:
        """Memory that the samples take."""
        return self._bytes

    def saw(self, oldest_ms: int) -> None:
        """Samples from this time on were written: what is held of that time no longer counts."""
        for reading in self._readings:
            reading.until_ms = min(reading.until_ms, oldest_ms)
        if oldest_ms > self._newest_ms:
            return
        for number, block in list(self._blocks.items()):
            block.until_ms = min(block.until_ms, oldest_ms - 1)
            if block.until_ms < block.from_ms:
                self._drop(number)
        self._newest_ms = oldest_ms - 1

    def clear(self) -> None:
        """Something was deleted: hold nothing."""
        self.saw(-_FOR_EVER)

    async def read(
        self, refs: Refs, start_ms: int, end_ms: int, limit_samples: int, load: Load
    ) -> Ragged:
        """What `load` would return, in any order of series. Raises TooLarge beyond the limit."""
        if not len(refs) or end_ms < start_ms:
            return EMPTY
        settled_ms = self._clock.now_ms() - self._grace_ms
        if not self._max_bytes or start_ms > settled_ms:
            return await load(refs, start_ms, end_ms, limit_samples)
        reading = _Reading()
        settled_ms = min(settled_ms, end_ms)
        budget = _Budget(limit_samples)
        wanted = _Wanted(start_ms, end_ms, settled_ms, budget, load, reading)
        self._readings.add(reading)
        try:
            async with self._planned(refs, wanted) as (hits, missing):
                parts = [await self._served(hits, wanted)] if hits else []
                if len(missing):
                    parts.append(await self._fresh(missing, wanted))
        finally:
            self._readings.discard(reading)
        return parts[0] if len(parts) == 1 else await _laid_out([piece_of(p) for p in parts])

    @asynccontextmanager
    async def _planned(self, refs: Refs, wanted: _Wanted) -> AsyncIterator[tuple[list[_Hit], Refs]]:
        """What blocks have, and the series that none has.

        Panels that open together ask for the same series: the others wait until one has read them.
        """
        hits, missing = self._plan(refs, wanted.start_ms, wanted.settled_ms)
        while (others := self._loading.get(missing.tobytes())) is not None:
            await others.wait()
            hits, missing = self._plan(refs, wanted.start_ms, wanted.settled_ms)
        if not len(missing):
            yield hits, missing
            return
        key = missing.tobytes()
        done = self._loading[key] = asyncio.Event()
        try:
            yield hits, missing
        finally:
            del self._loading[key]
            done.set()

    async def _fresh(self, refs: Refs, wanted: _Wanted) -> Ragged:
        """Series that no block has; now one has them."""
        data = await wanted.loaded(refs, wanted.start_ms, wanted.end_ms)
        until_ms = min(wanted.settled_ms, wanted.reading.until_ms - 1)
        widest_ms = wanted.end_ms - wanted.start_ms
        self._keep(as_it_is(data, refs), wanted.start_ms, until_ms, widest_ms)
        return data

    # finding

    def _plan(self, refs: Refs, start_ms: int, end_ms: int) -> tuple[list[_Hit], Refs]:
        """Which blocks have at least half of the range, and the series that none has."""
        self._reserve(int(refs.max()) + 1)
        hits: list[_Hit] = []
        left = refs
        for way in range(_WAYS):
            numbers = self._block[way, left]
            taken = np.zeros(len(left), np.bool_)
            for number in np.unique(numbers).tolist():
                block = self._blocks.get(number)
                if block is None or not _has_half(block, start_ms, end_ms):
                    continue
                own = numbers == number
                taken |= own
                rows = self._row[way, left[own]].astype(np.int64)
                hits.append(_Hit(number, block, left[own], rows))
            left = left[~taken]
        return ([], refs) if len(hits) > _MOST_BLOCKS else (hits, left)

    async def _served(self, hits: list[_Hit], wanted: _Wanted) -> Ragged:
        """The samples of the series that blocks have, with heads and tail from elsewhere."""
        for hit in hits:
            self._blocks.move_to_end(hit.number)
            hit.block.last_use = self._next
            hit.block.widest_ms = max(hit.block.widest_ms, wanted.end_ms - wanted.start_ms)
        known_ms = min(wanted.end_ms, *(hit.block.until_ms for hit in hits))
        rows = sum(len(hit.rows) for hit in hits)
        if rows < _THREAD_ROWS:
            pieces = _pieces(hits, wanted.start_ms, known_ms)
        else:
            pieces = await asyncio.to_thread(_pieces, hits, wanted.start_ms, known_ms)
        kept = sum(int(piece.counts.sum()) for piece in pieces)
        wanted.budget.spend(kept)
        _samples.labels("cached").inc(kept)
        heads: list[Piece] = []
        for hit in hits:
            if hit.block.from_ms > wanted.start_ms:
                before = hit.block.from_ms - 1
                hit.head = await wanted.loaded(hit.refs, wanted.start_ms, before)
                heads.append(piece_of(hit.head))
        tail = EMPTY
        if known_ms < wanted.end_ms:
            refs = np.concatenate([hit.refs for hit in hits])
            tail = await wanted.loaded(refs, known_ms + 1, wanted.end_ms)
        data = await _laid_out([*heads, *pieces, *([piece_of(tail)] if len(tail.ts) else [])])
        for hit in hits:
            await self._renew(hit, wanted, known_ms, tail)
        return data

    async def _renew(self, hit: _Hit, wanted: _Wanted, known_ms: int, tail: Ragged) -> None:
        """Keep the block's series with what was loaded for them, if that is worth a copy."""
        block = hit.block
        until_ms = min(wanted.settled_ms, wanted.reading.until_ms - 1)
        is_longer = until_ms - known_ms >= _LONG_TAIL_MS
        if not is_longer and wanted.start_ms >= block.from_ms:
            if not block.is_tight:
                await self._tighten(block)
            return
        if until_ms < known_ms:
            return
        from_ms = min(wanted.start_ms, max(block.from_ms, until_ms - 2 * block.widest_ms))
        pieces = [
            piece_of(hit.head),
            block.packed.between(hit.rows, from_ms, known_ms),
            piece_of(_of(tail, hit.refs)),
        ]
        whole = await _laid_out([piece for piece in pieces if len(piece.refs)])
        # While that was made, samples may have come late.
        until_ms = min(until_ms, wanted.reading.until_ms - 1)
        self._keep(as_it_is(whole, hit.refs), from_ms, until_ms, block.widest_ms)

    async def _tighten(self, block: _Block) -> None:
        """It was of use: from now on it shall take less memory."""
        block.is_tight = True
        loose = block.packed
        if len(loose.values) < _THREAD_SAMPLES:
            tight = tightened(loose)
        else:
            tight = await asyncio.to_thread(tightened, loose)
        block.packed = tight
        if any(held is block for held in self._blocks.values()):
            self._bytes += tight.nbytes - loose.nbytes
            _held.set(self._bytes)

    # keeping

    def _keep(self, packed: Packed, from_ms: int, until_ms: int, widest_ms: int) -> None:
        size = packed.nbytes
        if until_ms < from_ms or size > self._max_bytes:
            return
        refs = packed.refs
        way = self._way_for(refs, from_ms, until_ms)
        number = self._next
        self._next += 1
        self._release(way, refs)
        self._block[way, refs] = number
        self._row[way, refs] = np.arange(len(refs), dtype=np.int32)
        packed.values.setflags(write=False)
        packed.ts.setflags(write=False)
        self._blocks[number] = _Block(packed, from_ms, until_ms, len(refs), widest_ms, number)
        self._newest_ms = max(self._newest_ms, until_ms)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._blocks)))
        _held.set(self._bytes)

    def _way_for(self, refs: Refs, from_ms: int, until_ms: int) -> int:
        """Where a fresh block does least harm: over blocks that it contains or that are unused."""
        ages = []
        for way in range(_WAYS):
            age = _NOBODY
            for number in np.unique(self._block[way, refs]).tolist():
                block = self._blocks.get(number)
                if block is None:
                    continue
                contained = from_ms <= block.from_ms and block.until_ms <= until_ms
                age = max(age, _NOBODY if contained else block.last_use)
            ages.append(age)
        return ages.index(min(ages))

    def _release(self, way: int, refs: Refs) -> None:
        """These series' blocks lose them; those that have none left go."""
        numbers, counts = np.unique(self._block[way, refs], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            block = self._blocks.get(number)
            if block is None:
                continue
            block.used -= count
            if block.used <= 0:
                self._drop(number)

    def _drop(self, number: int) -> None:
        # The index may go on naming it: numbers are never given twice.
        self._bytes -= self._blocks.pop(number).packed.nbytes
        _held.set(self._bytes)

    def _reserve(self, size: int) -> None:
        more = size - self._block.shape[1]
        if more > 0:
            more = max(more, self._block.shape[1] // 2)
            shape = (_WAYS, more)
            self._block = np.hstack([self._block, np.full(shape, _NOBODY, np.int32)])
            self._row = np.hstack([self._row, np.zeros(shape, np.int32)])


class _Budget:
    """Samples that may still come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def spend(self, samples: int) -> None:
        self._left -= samples
        if self._left < 0:
            raise TooLarge(
                f"the query needs more than {self._limit:,} samples; narrow the time range or the "
                "selectors, or raise the limit of samples a query may load"
            )

    async def load(self, load: Load, refs: Refs, start_ms: int, end_ms: int) -> Ragged:
        """At most what is left."""
        found = await load(refs, start_ms, end_ms, self._left)
        self.spend(len(found.ts))
        return found


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A range, how far of it may be kept, and how the rest is loaded."""

    start_ms: int
    end_ms: int
    settled_ms: int
    budget: _Budget
    load: Load
    reading: _Reading

    async def loaded(self, refs: Refs, start_ms: int, end_ms: int) -> Ragged:
        found = await self.budget.load(self.load, refs, start_ms, end_ms)
        _samples.labels("loaded").inc(len(found.ts))
        return found


def _pieces(hits: Sequence[_Hit], start_ms: int, end_ms: int) -> list[Piece]:
    return [hit.block.packed.between(hit.rows, start_ms, end_ms) for hit in hits]


def _has_half(block: _Block, start_ms: int, end_ms: int) -> bool:
    common = min(block.until_ms, end_ms) - max(block.from_ms, start_ms) + 1
    return common * 2 > end_ms - start_ms


def _of(data: Ragged, refs: Refs) -> Ragged:
    """The series of `data` that are among `refs`."""
    chosen = np.flatnonzero(np.isin(data.refs, refs))
    if len(chosen) == len(data.refs):
        return data
    whole = piece_of(data)
    if not len(chosen):
        return EMPTY
    return laid_out(
        [
            whole._replace(
                refs=whole.refs[chosen],
                counts=whole.counts[chosen],
                ts_starts=whole.ts_starts[chosen],
                value_starts=whole.value_starts[chosen],
            )
        ]
    )


async def _laid_out(pieces: Sequence[Piece]) -> Ragged:
    """As `laid_out`, beside the event loop when that takes long."""
    if sum(int(piece.counts.sum()) for piece in pieces) < _THREAD_SAMPLES:
        return laid_out(pieces)
    return await asyncio.to_thread(laid_out, pieces)
