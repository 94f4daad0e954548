"""With the cache, a reader sees exactly what it would see without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import TooLarge
from tocsin.model.samples import STALE_BITS
from tocsin.store.packed import as_it_is, tightened
from tocsin.store.ragged import Ragged, from_counts, laid_out
from tocsin.store.sample_cache import Refs, SampleCache

MINUTE = 60_000
NOW = 1_000 * MINUTE
EVERYTHING = 10**9
STALE = float(np.array([STALE_BITS], np.uint64).view(np.float64)[0])
VALUES = [0.0, -0.0, 1.0, 2.0**31, 0.1, 1e-300, float("inf"), STALE]


class Shelf:
    """A store in memory: samples by ref and time, and what was read of it."""

    def __init__(self) -> None:
        self.samples: dict[int, dict[int, float]] = {}
        self.loads: list[tuple[list[int], int, int]] = []
        self.meanwhile: Callable[[], None] | None = None

    def write(self, ref: int, ts: int, value: float) -> None:
        self.samples.setdefault(ref, {})[ts] = value

    def between(self, refs: Refs, start_ms: int, end_ms: int) -> dict[tuple[int, int], bytes]:
        return {
            (ref, ts): np.float64(value).tobytes()
            for ref in refs.tolist()
            for ts, value in self.samples.get(ref, {}).items()
            if start_ms <= ts <= end_ms
        }

    async def load(self, refs: Refs, start_ms: int, end_ms: int, limit: int) -> Ragged:
        self.loads.append((refs.tolist(), start_ms, end_ms))
        found = self.between(refs, start_ms, end_ms)
        await asyncio.sleep(0)
        if self.meanwhile is not None:
            self.meanwhile()
        if len(found) > limit:
            raise TooLarge("too many")
        return ragged(found)


def ragged(found: dict[tuple[int, int], bytes]) -> Ragged:
    keys = sorted(found)
    refs = np.array([ref for ref, _ in keys], np.int64)
    values = np.frombuffer(b"".join(found[key] for key in keys), np.float64).copy()
    own, counts = np.unique(refs, return_counts=True)
    return from_counts(own, counts, np.array([ts for _, ts in keys], np.int64), values)


def as_dict(data: Ragged) -> dict[tuple[int, int], bytes]:
    series = np.repeat(data.refs, np.diff(data.offsets)).tolist()
    times = data.ts.tolist()
    assert len(set(data.refs.tolist())) == len(data.refs)
    assert (np.diff(data.offsets) > 0).all()
    found = {
        key: value.tobytes()
        for key, value in zip(zip(series, times, strict=True), data.values, strict=True)
    }
    assert len(found) == len(times)
    for start, stop in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        assert (np.diff(data.ts[start:stop]) > 0).all()
    return found


some_refs = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)
minutes = st.integers(-40, 3)
written = st.tuples(st.integers(0, 5), minutes, st.sampled_from(VALUES))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(written, min_size=1, max_size=6)),
        st.tuples(st.just("read"), some_refs, minutes, st.integers(0, 45)),
        st.tuples(
            st.just("race"),
            some_refs,
            minutes,
            st.integers(0, 45),
            st.lists(written, min_size=1, max_size=3),
        ),
        st.tuples(st.just("wait"), st.integers(1, 8)),
    ),
    max_size=30,
)


@given(steps=steps, max_bytes=st.sampled_from([1500, 1 << 20]))
@settings(max_examples=200, deadline=None)
async def test_reads_with_the_cache_equal_reads_without_it_whatever_is_written_between(
    steps: list[tuple[object, ...]], max_bytes: int
) -> None:
    clock, shelf = FakeClock(NOW / 1000), Shelf()
    cache = SampleCache(clock, max_bytes=max_bytes)

    def commit(rows: list[tuple[int, int, float]]) -> None:
        times = [clock.now_ms() + at * MINUTE for _, at, _ in rows]
        for (ref, _, value), ts in zip(rows, times, strict=True):
            shelf.write(ref, ts, value)
        cache.saw(min(times))

    for step in steps:
        match step:
            case ("write", list() as rows):
                commit(rows)
            case ("wait", int() as count):
                await clock.advance(count * 60)
            case (_, list() as refs, int() as at, int() as length, *rest):
                wanted = np.array(sorted(refs), np.int64)
                start = clock.now_ms() + at * MINUTE
                end = start + length * MINUTE
                if rest:
                    shelf.meanwhile = lambda rows=rest[0]: commit(rows)
                    await cache.read(wanted, start, end, EVERYTHING, shelf.load)
                    shelf.meanwhile = None
                data = await cache.read(wanted, start, end, EVERYTHING, shelf.load)
                assert as_dict(data) == shelf.between(wanted, start, end)
                assert 0 <= cache.nbytes <= max_bytes


def filled() -> tuple[FakeClock, Shelf, SampleCache]:
    clock, shelf = FakeClock(NOW / 1000), Shelf()
    for ref in range(4):
        for at in range(-100, 1):
            shelf.write(ref, NOW + at * MINUTE, float(at * ref))
    return clock, shelf, SampleCache(clock)


async def test_another_range_and_a_part_of_the_series_read_only_the_tail() -> None:
    _, shelf, cache = filled()
    await cache.read(np.arange(4), NOW - 60 * MINUTE, NOW, EVERYTHING, shelf.load)
    await cache.read(np.array([1, 3]), NOW - 30 * MINUTE, NOW, EVERYTHING, shelf.load)
    assert shelf.loads[1:] == [([1, 3], NOW - 30_000 + 1, NOW)]


async def test_a_past_range_inside_another_reads_nothing() -> None:
    _, shelf, cache = filled()
    await cache.read(np.arange(4), NOW - 60 * MINUTE, NOW, EVERYTHING, shelf.load)
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    assert len(shelf.loads) == 1


async def test_a_longer_range_reads_only_what_lies_before_and_keeps_it() -> None:
    _, shelf, cache = filled()
    end = NOW - 10 * MINUTE
    await cache.read(np.arange(4), NOW - 50 * MINUTE, end, EVERYTHING, shelf.load)
    for _ in range(2):
        await cache.read(np.arange(4), NOW - 80 * MINUTE, end, EVERYTHING, shelf.load)
    assert shelf.loads[1:] == [([0, 1, 2, 3], NOW - 80 * MINUTE, NOW - 50 * MINUTE - 1)]


async def test_new_series_are_read_alone() -> None:
    _, shelf, cache = filled()
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    await cache.read(np.arange(3), start, end, EVERYTHING, shelf.load)
    await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    assert shelf.loads[1:] == [([3], start, end)]


async def test_those_who_ask_at_once_share_one_read() -> None:
    _, shelf, cache = filled()
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    found = await asyncio.gather(
        *(
            cache.read(np.arange(4), start + late * MINUTE, end, EVERYTHING, shelf.load)
            for late in range(5)
        )
    )
    assert len(shelf.loads) == 1
    for late, data in enumerate(found):
        assert as_dict(data) == shelf.between(np.arange(4), start + late * MINUTE, end)


async def test_who_waits_for_a_read_that_fails_reads_by_itself() -> None:
    _, shelf, cache = filled()
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    first, second = await asyncio.gather(
        cache.read(np.arange(4), start, end, 10, shelf.load),
        cache.read(np.arange(4), start, end, EVERYTHING, shelf.load),
        return_exceptions=True,
    )
    assert isinstance(first, TooLarge)
    assert isinstance(second, Ragged)


async def test_two_stretches_of_time_are_held_beside_each_other() -> None:
    _, shelf, cache = filled()
    ranges = [(NOW - 90 * MINUTE, NOW - 60 * MINUTE), (NOW - 40 * MINUTE, NOW - 10 * MINUTE)]
    for start, end in ranges * 3:
        await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    assert len(shelf.loads) == 2


async def test_cached_samples_count_towards_the_limit() -> None:
    _, shelf, cache = filled()
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    with pytest.raises(TooLarge, match="more than 100 samples"):
        await cache.read(np.arange(4), start, end, 100, shelf.load)


async def test_without_bytes_nothing_is_kept() -> None:
    clock, shelf, _ = filled()
    cache = SampleCache(clock, max_bytes=0)
    for _ in range(2):
        await cache.read(np.arange(4), NOW - MINUTE, NOW - MINUTE, EVERYTHING, shelf.load)
    assert len(shelf.loads) == 2
    assert cache.nbytes == 0


async def test_after_a_deletion_everything_is_read_again() -> None:
    _, shelf, cache = filled()
    start, end = NOW - 50 * MINUTE, NOW - 10 * MINUTE
    await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    cache.clear()
    assert cache.nbytes == 0
    await cache.read(np.arange(4), start, end, EVERYTHING, shelf.load)
    assert len(shelf.loads) == 2


columns = st.lists(
    st.lists(st.sampled_from(VALUES), max_size=5).flatmap(
        lambda values: st.tuples(st.just(values), st.integers(0, 1))
    ),
    min_size=1,
    max_size=8,
)


@given(columns=columns, narrow=st.booleans())
@settings(deadline=None)
def test_tightened_samples_come_back_bit_for_bit(
    columns: list[tuple[list[float], int]], narrow: bool
) -> None:
    found = {
        (ref, NOW + at * MINUTE + jitter): np.float64(7.0 if narrow else value).tobytes()
        for ref, (values, jitter) in enumerate(columns)
        for at, value in enumerate(values)
    }
    refs = np.arange(len(columns))
    tight = tightened(as_it_is(ragged(found), refs))
    rows = np.argsort(tight.refs)
    piece = tight.between(rows, 0, 2 * NOW)
    assert as_dict(laid_out([piece])) == found


@pytest.mark.parametrize("length", [3, 300])
def test_many_series_with_times_of_their_own_are_cut_alike(length: int) -> None:
    found = {
        (ref, NOW + at * MINUTE + ref * 7): np.float64(at).tobytes()
        for ref in range(600)
        for at in range(length)
    }
    data = ragged(found)
    start, end = NOW + MINUTE, NOW + 200 * MINUTE
    piece = as_it_is(data, data.refs).between(np.arange(600), start, end)
    expected = {key: value for key, value in found.items() if start <= key[1] <= end}
    assert as_dict(laid_out([piece])) == expected


def test_counters_of_one_target_take_four_bytes_a_sample() -> None:
    found = {
        (ref, NOW + at * MINUTE): np.float64(at * ref).tobytes()
        for ref in range(100)
        for at in range(1000)
    }
    data = ragged(found)
    loose = as_it_is(data, data.refs)
    assert loose.nbytes > 16 * len(data.ts)
    assert tightened(loose).nbytes < 4.2 * len(data.ts)
