"""What happened in the last minutes? The newest samples of every active series, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.store.chunks import CHUNK, CHUNK_BYTES, UNUSED, Chunks
from tocsin.store.ragged import Ragged, Times, Values, from_counts, in_order
from tocsin.store.slots import DEPTH, LONG_AGO, NONE, SLOT_BYTES, Refs, Slot, Slots

_SWEEP_SECONDS = 30.0
_IDLE_MS = 300_000
"""A series that brought nothing for so long makes room for another one."""
_EVICTED_SHARE = 32
"""For want of memory at least one of so many chunks is dropped at once: rarely, not each time."""

_bytes = gauge.gauge("recent_bytes", "Bytes of samples held in the recent window.")
_series = gauge.gauge("recent_series", "Series held in the recent window.")
_reach = gauge.gauge("recent_reach_seconds", "How far back the recent window holds every series.")
_evicted = gauge.counter("recent_evicted_chunks", "Chunks dropped early for want of memory.")
_refused = gauge.counter("recent_refused_samples", "Samples not held: no room for their series.")


@dataclass(frozen=True, slots=True)
class RecentConfig:
    """How much is kept in memory: at most `budget_bytes`, at most `window_seconds` back."""

    budget_bytes: int = 64 << 20
    window_seconds: float = 1200.0


class RecentWindow:
    """The newest samples by ref, in the order of their arrival, within a memory budget.

    For each series it knows from when on it holds everything (`covers`), and answers what the
    store would: of several values of one series and instant, the one written last. It covers
    nothing until `begin` and `open` were called. Used from the event loop's thread.
    """

    def __init__(self, clock: Clock, config: RecentConfig | None = None) -> None:
        self._clock = clock
        self._config = config or RecentConfig()
        # Three slots to four chunks: even when every slot is taken, chunks remain to be dropped.
        count = max(self._config.budget_bytes * 4 // (CHUNK_BYTES * 4 + SLOT_BYTES * 3), DEPTH * 2)
        self._chunks = Chunks(count)
        self._slots = Slots(count * 3 // 4)
        self._floor = UNUSED
        self._opened = False
        self._swept_at = clock.monotonic()

    @property
    def window_ms(self) -> int:
        """How far back it is meant to reach."""
        return round(self._config.window_seconds * 1000)

    def begin(self, floor_ms: int) -> None:
        """From now on every sample written at or after `floor_ms` passes through `append`; to be
        said once, while nothing is held."""
        self._floor = floor_ms

    def open(self) -> None:
        """What lay in the store already has been appended too: `covers` may say yes."""
        self._opened = True

    def covers(self, refs: Refs, start_ms: int) -> bool:
        """Whether every sample of these series from `start_ms` on is held."""
        if not self._opened:
            return False
        slots = self._slots.of(refs)
        held = slots[slots != NONE]
        if len(held) < len(slots) and self._floor > start_ms:
            return False
        return not len(held) or int(self._slots.floor[held].max()) <= start_ms

    def read(self, refs: Refs, start_ms: int, end_ms: int) -> Ragged:
        """The held samples from `start_ms` to `end_ms` (both included), in the order of `refs`."""
        slots = self._slots.of(refs)
        if (slots == NONE).any():
            refs = refs[slots != NONE]
            slots = slots[slots != NONE]
        first = self._slots.tail[slots]
        held = (self._slots.count[slots] + (CHUNK - 1)) // CHUNK - first
        ends = np.cumsum(held)
        starts = ends - held
        number = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - starts, held)
        chunks = self._slots.table[np.repeat(slots, held), number % DEPTH]
        ts = self._chunks.ts[chunks]
        inside = (ts >= start_ms) & (ts <= end_ms)
        upto = np.zeros(len(chunks) + 1, np.int64)
        np.cumsum(np.count_nonzero(inside, axis=1), out=upto[1:])
        counts = upto[ends] - upto[starts]
        data = from_counts(refs, counts, ts[inside], self._chunks.values[chunks][inside])
        return in_order(data) if self._slots.disordered[slots].any() else data

    def append(self, refs: Refs, ts: Times, values: Values) -> None:
        """Hold these samples, which the store has just committed, in this order."""
        self._sweep_if_due()
        old = ts < self._clock.now_ms() - self.window_ms
        if old.any():
            self.miss(refs[old], ts[old])
            refs, ts, values = refs[~old], ts[~old], values[~old]
        slots = self._slots_for(refs, ts)
        if not len(slots):
            return
        order = np.argsort(slots, kind="stable")
        slots, ts, values = slots[order], ts[order], values[order]
        if slots[0] == NONE:
            kept = int(np.searchsorted(slots, 0))
            slots, ts, values = slots[kept:], ts[kept:], values[kept:]
        if len(slots):
            self._put_series(slots, ts, values)

    def miss(self, refs: Refs, ts: Times) -> None:
        """These samples are, or may be, in the store, but not here: reach back less far."""
        beyond = int(ts.max()) + 1
        slots = self._slots.of(refs)
        held = slots[slots != NONE]
        self._slots.floor[held] = np.maximum(self._slots.floor[held], beyond)
        if len(held) < len(slots):
            self._floor = max(self._floor, beyond)

    def _slots_for(self, refs: Refs, ts: Times) -> Slot:
        """The slot of each sample's series, new where needed; NONE where there is no room."""
        slots = self._slots.of(refs)
        lacking = slots == NONE
        if not lacking.any():
            return slots
        fresh = np.unique(refs[lacking])
        if len(fresh) > self._slots.free:
            self._sweep(self._clock.now_ms() - min(_IDLE_MS, self.window_ms))
            slots = self._slots.of(refs)
            fresh = np.unique(refs[slots == NONE])[: self._slots.free]
        if len(fresh):
            self._slots.obtain(fresh, self._floor)
            slots = self._slots.of(refs)
        left = slots == NONE
        if left.any():
            self._floor = max(self._floor, int(ts[left].max()) + 1)
            _refused.inc(int(left.sum()))
        return slots

    def _put_series(self, slots: Slot, ts: Times, values: Values) -> None:
        """Hold samples that are sorted by slot: note order and newest, then fill chunks."""
        own = self._slots
        starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]]))
        heads = slots[starts]
        before = np.empty(len(ts), np.int64)
        before[1:] = ts[:-1]
        before[starts] = own.newest[heads]
        own.disordered[slots[ts <= before]] = True
        own.newest[heads] = np.maximum(own.newest[heads], np.maximum.reduceat(ts, starts))
        if len(heads) == len(slots):
            self._put(slots, ts, values)
            return
        lengths = np.diff(np.append(starts, len(slots)))
        rank = np.arange(len(slots)) - np.repeat(starts, lengths)
        most = int(lengths.max())
        if most > (DEPTH - 1) * CHUNK:
            lost = rank < np.repeat(lengths, lengths) - (DEPTH - 1) * CHUNK
            self.miss(own.ref[slots[lost]], ts[lost])
            slots, ts, values, rank = slots[~lost], ts[~lost], values[~lost], rank[~lost]
        for low in range(0, most, CHUNK):
            turn = (rank >= low) & (rank < low + CHUNK)
            if turn.any():
                self._put(slots[turn], ts[turn], values[turn])

    def _put(self, slots: Slot, ts: Times, values: Values) -> None:
        """Hold at most CHUNK samples a series, sorted by slot: each begins at most one chunk."""
        own = self._slots
        single = len(slots) < 2 or bool((slots[1:] != slots[:-1]).all())
        number = own.count[slots]
        if not single:
            starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]]))
            lengths = np.diff(np.append(starts, len(slots)))
            number += np.arange(len(slots)) - np.repeat(starts, lengths)
        place = number % CHUNK
        begun = place == 0
        if begun.any():
            self._begin_chunks(slots[begun], number[begun] // CHUNK)
        chunks = own.table[slots, number // CHUNK % DEPTH]
        self._chunks.ts[chunks, place] = ts
        self._chunks.values[chunks, place] = values
        # The last sample of a series stands last, so its number wins.
        own.count[slots] = number + 1
        full = place == CHUNK - 1
        if full.any():
            self._chunks.close(chunks[full])

    def _begin_chunks(self, slots: Slot, numbers: NDArray[np.int64]) -> None:
        own = self._slots
        overrun = numbers - own.tail[slots] >= DEPTH
        if overrun.any():
            self._drop_tails(slots[overrun])
        if len(slots) > self._chunks.free:
            self._evict(len(slots))
        own.table[slots, numbers % DEPTH] = self._chunks.take(len(slots))

    def _drop_tails(self, slots: Slot) -> None:
        """Drop the oldest chunk, which is full, of each of these slots."""
        own = self._slots
        chunks = own.table[slots, own.tail[slots] % DEPTH]
        own.floor[slots] = np.maximum(own.floor[slots], self._chunks.newest[chunks] + 1)
        own.tail[slots] += 1
        self._chunks.give_back(chunks)

    def _evict(self, wanted: int) -> None:
        """Drop the oldest chunks of all, until `wanted` are free."""
        wanted = max(wanted, self._chunks.count // _EVICTED_SHARE)
        own = self._slots
        while self._chunks.free < wanted:
            slots = own.used
            slots = slots[own.count[slots] >= (own.tail[slots] + 1) * CHUNK]
            if not len(slots):
                return
            age = self._chunks.newest[own.table[slots, own.tail[slots] % DEPTH]]
            lacking = wanted - self._chunks.free
            if lacking < len(slots):
                slots = slots[np.argpartition(age, lacking)[:lacking]]
            self._drop_tails(slots)
            _evicted.inc(len(slots))

    def _sweep_if_due(self) -> None:
        now = self._clock.monotonic()
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            self._sweep(self._clock.now_ms() - self.window_ms)
            self._report()

    def _sweep(self, idle_since_ms: int) -> None:
        """Release the slots that brought nothing since then, and chunks older than the window."""
        own = self._slots
        slots = own.used
        idle = slots[own.newest[slots] < idle_since_ms]
        if len(idle):
            newest = own.newest[idle]
            lost = int(np.maximum(own.floor[idle], newest + 1).max())
            self._floor = max(self._floor, lost)
            for chunks in self._chunks_of(idle):
                self._chunks.give_back(chunks)
            own.release(idle)
        cutoff = self._clock.now_ms() - self.window_ms
        slots = own.used
        while len(slots):
            slots = slots[own.count[slots] >= (own.tail[slots] + 1) * CHUNK]
            oldest = self._chunks.newest[own.table[slots, own.tail[slots] % DEPTH]]
            slots = slots[oldest < cutoff]
            if len(slots):
                self._drop_tails(slots)

    def _chunks_of(self, slots: Slot) -> list[NDArray[np.int32]]:
        """All chunks of these slots, at most one of each slot at a time."""
        own = self._slots
        found = []
        for ahead in range(DEPTH):
            number = own.tail[slots] + ahead
            have = number * CHUNK < own.count[slots]
            if not have.any():
                break
            found.append(own.table[slots[have], number[have] % DEPTH])
        return found

    def _report(self) -> None:
        slots = self._slots.used
        _series.set(len(slots))
        _bytes.set((self._chunks.count - self._chunks.free) * CHUNK_BYTES + len(slots) * SLOT_BYTES)
        floor = int(self._slots.floor[slots].max()) if len(slots) else self._floor
        _reach.set(max(0.0, (self._clock.now_ms() - max(floor, LONG_AGO)) / 1000))
