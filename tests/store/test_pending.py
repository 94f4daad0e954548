"""What is pending is found by series and time, and lies over what the store has."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest

from tocsin.kit.clock import FakeClock
from tocsin.store.pending import NOTHING, Loose, Pending, merged
from tocsin.store.ragged import EMPTY, Ragged
from tocsin.store.wal_mark import Position
from tocsin.store.wal_record import Rows

Model = dict[tuple[int, int], float]


def loose(samples: list[tuple[int, int, float]]) -> Loose:
    refs, ts, values = zip(*samples, strict=True) if samples else ((), (), ())
    return Loose(np.array(refs, np.int64), np.array(ts, np.int64), np.array(values, np.float64))


def ragged(model: Model, random: Random) -> Ragged:
    """As the store answers: series in any order, each in rising time."""
    refs = sorted({ref for ref, _ in model})
    random.shuffle(refs)
    parts = [sorted((ts, value) for (r, ts), value in model.items() if r == ref) for ref in refs]
    counts = np.array([len(part) for part in parts], np.int64)
    flat = [sample for part in parts for sample in part]
    return Ragged(
        np.array(refs, np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([ts for ts, _ in flat], np.int64),
        np.array([value for _, value in flat], np.float64),
    )


def model_of(data: Ragged) -> Model:
    found: Model = {}
    for at, ref in enumerate(data.refs.tolist()):
        part = slice(data.offsets[at], data.offsets[at + 1])
        ts = data.ts[part].tolist()
        assert ts
        assert all(before < after for before, after in pairwise(ts))
        found |= {(ref, one): value for one, value in zip(ts, data.values[part], strict=True)}
    return found


@pytest.mark.parametrize("seed", range(60))
def test_pending_samples_over_stored_ones_are_what_a_dict_would_hold(seed: int) -> None:
    random = Random(seed)
    span = random.choice([5, 1000])
    stored: Model = {
        (random.randrange(8), random.randrange(span)): random.random()
        for _ in range(random.randrange(60))
    }
    shift = random.choice([0, span])
    news = [
        (random.randrange(10), shift + random.randrange(span), random.random())
        for _ in range(random.randrange(40))
    ]
    data = merged(ragged(stored, random) if stored else EMPTY, loose(news))
    assert model_of(data) == stored | {(ref, ts): value for ref, ts, value in news}


@pytest.mark.parametrize("seed", range(40))
def test_every_pending_sample_is_found_until_the_store_has_it(seed: int, clock: FakeClock) -> None:
    random = Random(seed)
    pending = Pending(clock)
    held: list[list[tuple[int, int, float]]] = [[], []]
    taken = False
    for step in range(30):
        match random.randrange(6):
            case 0 if taken:
                pending.done()
                held[0], taken = [], False
            case 1 if held[1] and not taken:
                pending.take()
                held, taken = [held[1], []], True
            case _:
                few = [
                    (random.randrange(20), random.randrange(100), random.random())
                    for _ in range(random.randrange(1, 6))
                ]
                rows = Rows("samples", ("id",), "RowBinary", len(few), b"x" * len(few))
                pending.add([rows], loose(few), Position(1, step))
                held[1] += few
        refs = np.array(random.sample(range(25), random.randrange(1, 20)), np.int64)
        low, high = sorted((random.randrange(100), random.randrange(100)))
        found = pending.samples(refs, low, high)
        expected = [
            sample for sample in held[0] + held[1] if sample[0] in refs and low <= sample[1] <= high
        ]
        assert list(zip(*(one.tolist() for one in found), strict=True)) == expected
        assert pending.count == len(held[0]) + len(held[1])


def test_many_small_appends_are_found_as_they_arrived(clock: FakeClock) -> None:
    pending, random = Pending(clock), Random(7)
    expected: list[tuple[int, int, float]] = []
    for number in range(500):
        size = 70_000 if number == 250 else 3
        few = [(random.randrange(9), 1000 + number, random.random()) for _ in range(size)]
        pending.add([Rows("samples", (), "RowBinary", size, b"")], loose(few), Position(1, number))
        expected += [one for one in few if one[0] in (2, 5) and one[1] >= 1100]
        if number % 100 == 99:
            found = pending.samples(np.array([2, 5]), 1100, 9999)
            assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


def test_nothing_pending_leaves_the_stored_samples_as_they_are() -> None:
    stored = ragged({(1, 5): 2.0}, Random(1))
    assert merged(stored, NOTHING) is stored


def test_a_group_whose_insert_failed_is_taken_again_before_what_came_later(
    clock: FakeClock,
) -> None:
    pending = Pending(clock)
    rows = Rows("events", ("name",), "JSONEachRow", 1, b"{}\n")
    pending.add([rows], NOTHING, Position(1, 10))
    group = pending.take()
    pending.add([rows], NOTHING, Position(1, 20))
    assert pending.take() is group
    assert group.until == Position(1, 10)
    assert pending.tables() == {"events"}
    pending.done()
    assert pending.take().until == Position(1, 20)
    pending.done()
    assert pending.count == 0
    assert pending.tables() == set()
