"""The recent window answers as a plain dict would, wherever it says that it covers."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kit.clock import FakeClock
from tocsin.model.samples import STALE
from tocsin.store.chunks import CHUNK_BYTES
from tocsin.store.ragged import Ragged
from tocsin.store.recent import RecentConfig, RecentWindow
from tocsin.store.slots import DEPTH

Model = dict[tuple[int, int], float]


def window(clock: FakeClock, *, chunks: int = 4096, seconds: float = 1200.0) -> RecentWindow:
    config = RecentConfig(budget_bytes=chunks * (CHUNK_BYTES + 110), window_seconds=seconds)
    recent = RecentWindow(clock, config)
    recent.begin(clock.now_ms())
    recent.open()
    return recent


def append(recent: RecentWindow, samples: list[tuple[int, int, float]]) -> None:
    recent.append(
        np.array([one[0] for one in samples], np.int64),
        np.array([one[1] for one in samples], np.int64),
        np.array([one[2] for one in samples], np.float64),
    )


def as_dict(data: Ragged) -> Model:
    refs = np.repeat(data.refs, np.diff(data.offsets)).tolist()
    return dict(zip(zip(refs, data.ts.tolist(), strict=True), data.values.tolist(), strict=True))


def check(recent: RecentWindow, model: Model, refs: list[int], start: int, end: int) -> bool:
    """Compare where it covers; returns whether it did."""
    wanted = np.array(refs, np.int64)
    if not recent.covers(wanted, start):
        return False
    data = recent.read(wanted, start, end)
    assert as_dict(data) == {
        key: value for key, value in model.items() if key[0] in refs and start <= key[1] <= end
    }
    assert (np.diff(data.offsets) > 0).all()
    for one in range(len(data.refs)):
        assert (np.diff(data.ts[data.offsets[one] : data.offsets[one + 1]]) > 0).all()
    return True


batches = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-40, 40), st.integers(0, 3).map(float)),
        max_size=40,
    ),
    max_size=12,
)


@given(batches, st.integers(-50, 60), st.integers(0, 80))
def test_it_reads_what_was_written_last_in_any_order(
    written: list[list[tuple[int, int, float]]], start: int, length: int
) -> None:
    clock = FakeClock()
    recent = window(clock)
    now = clock.now_ms()
    model: Model = {}
    for batch in written:
        samples = [(ref, now + at * 1000, value) for ref, at, value in batch]
        append(recent, samples)
        model.update({(ref, ts): value for ref, ts, value in samples})
    begin = now + start * 1000
    covered = check(recent, model, [0, 2, 3, 5], begin, begin + length * 1000)
    assert covered == (begin >= now)


class Passing(FakeClock):
    """A clock for plain functions: both readings move, nobody sleeps on it."""

    def pass_seconds(self, seconds: float) -> None:
        self._move_to(self.monotonic() + seconds)


@settings(max_examples=20, deadline=None)
@given(st.integers(), st.sampled_from([48, 64, 100]))
def test_with_too_little_memory_it_never_claims_what_it_lost(seed: int, chunks: int) -> None:
    random = Random(seed)
    clock = Passing()
    recent = window(clock, chunks=chunks, seconds=200)
    model: Model = {}
    answered = 0
    for _ in range(40):
        clock.pass_seconds(random.randrange(20))
        now = clock.now_ms()
        samples = [
            (
                random.randrange(random.choice([3, 40, 120])),
                now - random.choice([0, 0, 0, 1, 30, 250]) * 1000,
                float(random.randrange(100)),
            )
            for _ in range(random.choice([1, 20, 200]))
        ]
        append(recent, samples)
        model.update({(ref, ts): value for ref, ts, value in samples})
        for refs in ([0], [1, 2], list(range(40)), [119, 500]):
            for back in (0, 10, 100):
                answered += check(recent, model, refs, now - back * 1000, now + 1000)
    assert answered > 40


def test_nothing_is_covered_before_it_is_opened() -> None:
    recent = RecentWindow(FakeClock())
    refs = np.array([1])
    assert not recent.covers(refs, 2**60)
    recent.begin(5)
    assert not recent.covers(refs, 5)
    recent.open()
    assert recent.covers(refs, 5)
    assert not recent.covers(refs, 4)


def test_more_samples_of_one_series_than_it_can_have_keep_the_newest(clock: FakeClock) -> None:
    recent = window(clock)
    now = clock.now_ms()
    count = DEPTH * 16 + 100
    samples = [(7, now + at, float(at)) for at in range(count)]
    append(recent, samples)
    refs = np.array([7])
    assert not recent.covers(refs, now)
    model = {(ref, ts): value for ref, ts, value in samples}
    assert check(recent, model, [7], now + 200, now + count)


def test_a_backfill_of_old_samples_is_not_held_and_not_claimed(clock: FakeClock) -> None:
    recent = window(clock, seconds=60)
    now = clock.now_ms()
    append(recent, [(1, now, 1.0), (1, now - 61_000, 2.0), (2, now - 90_000, 3.0)])
    assert not recent.covers(np.array([1]), now - 61_000)
    assert recent.covers(np.array([1, 2]), now)
    assert as_dict(recent.read(np.array([1, 2]), 0, now)) == {(1, now): 1.0}


def test_payloads_are_kept_bit_for_bit(clock: FakeClock) -> None:
    recent = window(clock)
    payload = np.array([0x7FF0000000000002, 0x7FF8000000000001, 0x8000000000000000], np.uint64)
    values = payload.view(np.float64)
    ts = clock.now_ms() + np.arange(3)
    recent.append(np.zeros(3, np.int64), ts, values)
    data = recent.read(np.array([0]), int(ts[0]), int(ts[-1]))
    assert data.values.view(np.uint64).tolist() == payload.tolist()
    assert np.isnan(STALE)


async def test_slots_of_series_that_ended_are_used_again(clock: FakeClock) -> None:
    recent = window(clock, chunks=64, seconds=60)
    for round_ in range(40):
        await clock.advance(61)
        now = clock.now_ms()
        append(recent, [(round_ * 20 + ref, now, 1.0) for ref in range(20)])
        refs = np.arange(round_ * 20, round_ * 20 + 20)
        assert recent.covers(refs, now)
        assert len(recent.read(refs, now, now).ts) == 20


@pytest.mark.parametrize("refs", [[], [3], [3, 1000, 5_000_000]], ids=["none", "one", "unknown"])
def test_series_without_samples_are_left_out(clock: FakeClock, refs: list[int]) -> None:
    recent = window(clock)
    append(recent, [(4, clock.now_ms(), 1.0)])
    data = recent.read(np.array(refs, np.int64), 0, 2**60)
    assert (len(data.refs), data.offsets.tolist(), len(data.ts)) == (0, [0], 0)
