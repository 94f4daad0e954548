"""What was acknowledged and is not in the store yet, as queries need it: samples by series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.store.ragged import Ragged, Times, Values, in_order
from tocsin.store.wal_mark import START, Position
from tocsin.store.wal_record import Rows

Refs = NDArray[np.int64]

_rows = gauge.gauge("pending_rows", "Rows that are in the log and not in the store yet.")
_bytes = gauge.gauge("pending_bytes", "Their bytes.")
_age = gauge.gauge("pending_age_seconds", "How long the oldest of them waits.")


class Loose(NamedTuple):
    """Samples in the order of their arrival, of whichever series."""

    refs: Refs
    ts: Times
    values: Values


NOTHING = Loose(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One append's samples, and what rejects them quickly."""

    samples: Loose
    first_ms: int
    last_ms: int
    lowest: int
    highest: int


_COMPACT = 64
"""More chunks than that are joined before they are searched: small appends come by hundreds."""
_JOINED_SAMPLES = 1 << 16


def _compacted(chunks: list[_Chunk]) -> list[_Chunk]:
    """The same samples in the same order, in fewer chunks."""
    joined: list[_Chunk] = []
    run: list[_Chunk] = []
    size = 0
    for one in chunks:
        if run and size + len(one.samples.ts) > _JOINED_SAMPLES:
            joined.append(_as_one(run))
            run, size = [], 0
        run.append(one)
        size += len(one.samples.ts)
    return [*joined, _as_one(run)]


def _as_one(run: list[_Chunk]) -> _Chunk:
    if len(run) == 1:
        return run[0]
    columns = zip(*(one.samples for one in run), strict=True)
    return _chunk(Loose(*map(np.concatenate, columns)))


def _chunk(samples: Loose) -> _Chunk:
    refs, ts, _ = samples
    return _Chunk(samples, int(ts.min()), int(ts.max()), int(refs.min()), int(refs.max()))


class Group:
    """Rows that are inserted as one: everything up to the position `until`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: list[Rows] = []
        self.chunks: list[_Chunk] = []
        self.until: Position = START
        self.count = 0
        self.size_bytes = 0
        self.since = 0.0

    def compact(self) -> None:
        """Join small chunks when there are many."""
        if len(self.chunks) > _COMPACT:
            self.chunks = _compacted(self.chunks)


class Pending:
    """Two groups: the one on its way to the store, and the one that gathers behind it.

    Used from the event loop's thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flying: Group | None = None
        self._next = Group(1)
        self.done_through = 0
        """The number of the last group that the store took."""

    @property
    def count(self) -> int:
        """Rows of both groups."""
        return self._next.count + (self._flying.count if self._flying else 0)

    @property
    def size_bytes(self) -> int:
        """Bytes of both groups."""
        return self._next.size_bytes + (self._flying.size_bytes if self._flying else 0)

    @property
    def gathered(self) -> Group:
        """The group that gathers; `take` makes it the one on its way."""
        return self._next

    @property
    def last_number(self) -> int:
        """The number of the last group that has rows."""
        return self._next.number if self._next.rows else self._next.number - 1

    @property
    def age_seconds(self) -> float:
        """How long the oldest row waits; 0 when none does."""
        group = self._flying or (self._next if self._next.rows else None)
        return self._clock.monotonic() - group.since if group else 0.0

    def tables(self) -> set[str]:
        """Which tables lack rows."""
        rows = self._next.rows + (self._flying.rows if self._flying else [])
        return {one.table for one in rows}

    def add(self, rows: Sequence[Rows], samples: Loose, until: Position) -> None:
        """These were appended to the log, which they end at `until`."""
        group = self._next
        if not group.rows:
            group.since = self._clock.monotonic()
        group.rows += rows
        if len(samples.refs):
            group.chunks.append(_chunk(samples))
        group.until = until
        group.count += sum(one.count for one in rows)
        group.size_bytes += sum(len(one.data) for one in rows) + 8 * len(samples.refs)
        self.report()

    def take(self) -> Group:
        """The group to insert now: the one whose insert failed, else what has gathered."""
        if self._flying is None:
            self._flying, self._next = self._next, Group(self._next.number + 1)
        return self._flying

    def done(self) -> None:
        """The store has the group that was taken."""
        if self._flying is not None:
            self.done_through = self._flying.number
        self._flying = None
        self.report()

    def samples(self, refs: Refs, start_ms: int, end_ms: int) -> Loose:
        """Those of these series from `start_ms` to `end_ms` (both included), as they arrived."""
        groups = (self._flying, self._next) if self._flying else (self._next,)
        for group in groups:
            group.compact()
        chunks = [
            one
            for group in groups
            for one in group.chunks
            if one.first_ms <= end_ms and one.last_ms >= start_ms
        ]
        if not chunks or not len(refs):
            return NOTHING
        low, high = int(refs.min()), int(refs.max())
        wanted = np.zeros(high - low + 1, np.bool_)
        wanted[refs - low] = True
        found = []
        for one in chunks:
            if one.lowest > high or one.highest < low:
                continue
            own, ts, values = one.samples
            chosen = (ts >= start_ms) & (ts <= end_ms) & (own >= low) & (own <= high)
            chosen &= wanted[np.clip(own - low, 0, high - low)]
            if chosen.any():
                found.append(Loose(own[chosen], ts[chosen], values[chosen]))
        if not found:
            return NOTHING
        return Loose(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def report(self) -> None:
        """Tell the gauges."""
        _rows.set(self.count)
        _bytes.set(self.size_bytes)
        _age.set(self.age_seconds)


def merged(stored: Ragged, news: Loose) -> Ragged:
    """What the store will hold: of equal times of a series the one that came last counts."""
    if not len(news.refs):
        return stored
    known = len(stored.refs)
    order = np.argsort(stored.refs, kind="stable")
    fresh = np.setdiff1d(news.refs, stored.refs)
    refs = np.concatenate([stored.refs, fresh])
    places = np.argsort(refs, kind="stable") if len(fresh) else order
    series = places[np.searchsorted(refs, news.refs, sorter=places)]
    by_time = np.lexsort((news.ts, series))
    series, ts, values = series[by_time], news.ts[by_time], news.values[by_time]
    last = np.ones(len(ts), np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (ts[1:] != ts[:-1])
    series, ts, values = series[last], ts[last], values[last]

    old_counts = np.zeros(len(refs), np.int64)
    old_counts[:known] = np.diff(stored.offsets)
    new_counts = np.bincount(series, minlength=len(refs))
    offsets = np.zeros(len(refs) + 1, np.int64)
    np.cumsum(old_counts + new_counts, out=offsets[1:])
    before = np.cumsum(new_counts) - new_counts
    new_at = np.arange(len(ts)) - before[series] + offsets[series] + old_counts[series]
    all_ts = np.empty(len(stored.ts) + len(ts), np.int64)
    all_values = np.empty(len(all_ts), np.float64)
    # What is stored keeps its order: it fills the places in between.
    between = np.ones(len(all_ts), np.bool_)
    between[new_at] = False
    all_ts[between], all_values[between] = stored.ts, stored.values
    all_ts[new_at], all_values[new_at] = ts, values
    data = Ragged(refs, offsets, all_ts, all_values)
    heads = np.flatnonzero((old_counts > 0) & (new_counts > 0))
    joints = offsets[heads] + old_counts[heads]
    if (all_ts[joints] <= all_ts[joints - 1]).any():
        return in_order(data)
    return data
