"""Memory, store and a plain dict give the same answers."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import TooLarge
from tocsin.model import labels as lbl
from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.model.samples import STALE_BITS, Exemplar, Metadata, SampleBatch, batch_of
from tocsin.model.series import SeriesData
from tocsin.store import reading
from tocsin.store.client import Store
from tocsin.store.load import load_recent, load_series
from tocsin.store.recent import RecentWindow
from tocsin.store.series import DAY_MS, SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.writer import Writer, WriterConfig

BITS = [STALE_BITS, 0x7FF8000000000001, 0xFFF8DEADBEEF0001, 1 << 63, 0, 0x3FF0000000000000]
Model = dict[tuple[Labels, int], int]
EVERYTHING = 50_000_000


class Node:
    """What one process has: everything but the store."""

    def __init__(self, store: Store, *, raw_days: int = 30) -> None:
        clock = SystemClock()
        self.store = store
        self.clock = clock
        self.registry = SeriesRegistry()
        self.recent = RecentWindow(clock)
        config = WriterConfig(interval_ms=0)
        self.writer = Writer(store, self.registry, self.recent, clock, config)
        self.source = self.reader(self.recent, raw_days)
        self.from_store = self.reader(RecentWindow(clock), raw_days)

    def reader(self, recent: RecentWindow, raw_days: int) -> MetricSource:
        return MetricSource(
            self.store, self.registry, recent, self.clock, raw_days=lambda: raw_days
        )

    def ref(self, **labels: str) -> int:
        return self.registry.add(lbl.from_mapping({"__name__": "m", **labels}))


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    task = asyncio.create_task(node.writer.run())
    yield node
    assert await node.writer.drain()
    await task


def as_dict(data: SeriesData) -> Model:
    found: Model = {}
    bits = data.values.view(np.uint64).tolist()
    for labels, (low, high) in zip(data.labels, itertools.pairwise(data.offsets), strict=True):
        assert (np.diff(data.ts[low:high]) > 0).all()
        assert high > low
        times = data.ts[low:high].tolist()
        found |= {(labels, ts): one for ts, one in zip(times, bits[low:high], strict=True)}
    return found


def samples(refs: list[int], ts: list[int], bits: list[int]) -> SampleBatch:
    batch = batch_of(refs, ts, [0.0] * len(refs))
    return SampleBatch(batch.refs, batch.ts, np.array(bits, np.uint64).view(np.float64))


batches = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-900, 30), st.sampled_from(BITS)),
        min_size=1,
        max_size=20,
    ),
    min_size=1,
    max_size=5,
)


@given(written=batches, start=st.integers(-1000, 0), length=st.integers(0, 1100))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_memory_and_store_agree_with_a_dict(
    store: Store, written: list[list[tuple[int, int, int]]], start: int, length: int
) -> None:
    async with running(Node(store)) as node:
        now = node.clock.now_ms()
        node.recent.begin(now - 1_000_000)
        node.recent.open()
        example = uuid.uuid4().hex
        refs = [node.ref(example=example, n=str(number)) for number in range(4)]
        model: Model = {}
        for batch in written:
            rows = [(refs[number], now + at * 1000, bits) for number, at, bits in batch]
            await node.writer.write(samples(*(list(column) for column in zip(*rows, strict=True))))
            model |= {(node.registry.labels(ref), ts): bits for ref, ts, bits in rows}
        matchers = [Matcher("example", MatchOp.EQUAL, example), Matcher("n", MatchOp.REGEX, "0|2")]
        begin, end = now + start * 1000, now + (start + length) * 1000
        expected = {
            key: bits
            for key, bits in model.items()
            if begin <= key[1] <= end and lbl.get(key[0], "n") in ("0", "2")
        }
        for source, origin in ((node.source, "recent"), (node.from_store, "store")):
            data = await source.select(matchers, begin, end, limit_samples=EVERYTHING)
            assert as_dict(data) == expected
            assert not data.labels or data.origin == origin


async def test_a_new_process_knows_what_the_old_one_wrote(store: Store) -> None:
    async with running(Node(store)) as old:
        now = old.clock.now_ms()
        kept, gone = old.ref(job="a", odd='"\\\n\x00é'), old.ref(job="b")
        rows = samples(
            [kept, kept, kept, gone], [now - DAY_MS, now - 5, now + 9, now - 3 * DAY_MS], BITS[:4]
        )
        rows.metadata.append(Metadata("m", "gauge", "a help", "s"))
        await old.writer.write(rows)
        await old.writer.write(samples([kept], [now - 5], [BITS[5]]))
        labels = old.registry.labels(kept)
    new = Node(store)
    await load_series(store, new.registry)
    assert len(new.registry) == 2
    ref = new.registry.find(labels)
    assert ref is not None
    assert new.registry.ids[ref] == old.registry.ids[kept]
    assert new.registry.last_day[ref] == old.registry.last_day[kept]
    assert new.registry.first_day[ref] == old.registry.first_day[kept]
    assert await new.source.metadata() == {"m": [Metadata("m", "gauge", "a help", "s")]}
    await load_recent(store, new.registry, new.recent, new.clock)
    data = await new.source.select([], now - 600_000, now + 60_000, limit_samples=EVERYTHING)
    assert data.origin == "recent"
    assert as_dict(data) == {(labels, now - 5): BITS[5], (labels, now + 9): BITS[2]}
    fewer = SeriesRegistry()
    await load_series(store, fewer, since_day=now // DAY_MS - 1)
    assert len(fewer) == 1


async def test_many_series_are_read_in_several_statements(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE", 1000)
    async with running(Node(store)) as node:
        now = node.clock.now_ms() - 3_600_000
        refs = np.repeat([node.ref(n=str(number)) for number in range(50)], 40)
        ts = np.tile(now + np.arange(40) * 15_000, 50)
        values = np.arange(2000, dtype=np.float64)
        order = np.random.default_rng(1).permutation(2000)
        await node.writer.write(SampleBatch(refs[order], ts[order], values[order]))
        data = await node.source.select([], now, now + 3_600_000, limit_samples=2000)
        assert data.origin == "store"
        assert as_dict(data) == as_dict(
            SeriesData(
                [node.registry.labels(ref) for ref in refs[::40].tolist()],
                np.arange(0, 2001, 40),
                ts,
                values,
            )
        )
        with pytest.raises(TooLarge, match="1,999 samples"):
            await node.source.select([], now, now + 3_600_000, limit_samples=1999)
        everything = await node.source.select([], -(2**60), 2**60, limit_samples=2000)
        assert len(everything.ts) == 2000


async def test_ids_that_share_their_lower_half_are_told_apart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([1, 1 | 1 << 40, 1 | 1 << 50])
    monkeypatch.setattr("tocsin.store.series.series_id", lambda _labels: next(numbers))
    async with running(Node(store)) as node:
        now = node.clock.now_ms()
        refs = [node.ref(n=str(number)) for number in range(3)]
        await node.writer.write(samples(refs, [now] * 3, BITS[:3]))
        data = await node.source.select([], now, now, limit_samples=9)
        assert as_dict(data) == {
            (node.registry.labels(ref), now): bits for ref, bits in zip(refs, BITS[:3], strict=True)
        }


async def test_memory_refuses_more_samples_than_the_limit_too(store: Store) -> None:
    async with running(Node(store)) as node:
        now = node.clock.now_ms()
        node.recent.begin(now)
        node.recent.open()
        ref = node.ref()
        await node.writer.write(samples([ref] * 3, [now, now + 1, now + 2], BITS[:3]))
        assert len((await node.source.select([], now, now + 5, limit_samples=3)).ts) == 3
        with pytest.raises(TooLarge, match="3 samples, more than 2"):
            await node.source.select([], now, now + 5, limit_samples=2)


async def test_what_is_older_than_raw_samples_comes_from_rollups(store: Store) -> None:
    async with running(Node(store, raw_days=2)) as node:
        now = node.clock.now_ms()
        ref, other = node.ref(n="1"), node.ref(n="2")
        old = now - 3 * DAY_MS
        window = old // 300_000 * 300_000
        await node.writer.write(
            samples([ref, ref, other], [old - 1, now - 1, old], [BITS[5], BITS[4], BITS[5]])
        )
        row = (
            f'{{"id":{node.registry.ids[ref]},"ts":{window},"count":2,"last":7.5,'
            f'"last_ts":{window + 285_000},"version":1}}\n'
        )
        columns = ("id", "ts", "count", "last", "last_ts", "version")
        await store.insert("samples_5m", columns, row.encode(), "JSONEachRow")
        data = await node.source.select([], old - DAY_MS, now, limit_samples=10)
        assert data.origin == "rollup"
        assert "2 days" in data.warnings[0]
        labels = node.registry.labels(ref)
        seven = int(np.float64(7.5).view(np.uint64))
        assert as_dict(data) == {(labels, window + 285_000): seven, (labels, now - 1): BITS[4]}
        late = await node.source.select([], window + 285_001, old + DAY_MS, limit_samples=10)
        assert not late.labels


async def test_names_values_and_series_come_from_any_of_the_matcher_sets(store: Store) -> None:
    async with running(Node(store)) as node:
        now = node.clock.now_ms()
        refs = [node.ref(n=n, extra="x" if n == "2" else "") for n in ("1", "2", "3")]
        await node.writer.write(samples(refs, [now] * 3, BITS[:3]))
        sets = [[Matcher("n", MatchOp.EQUAL, "2")], [Matcher("n", MatchOp.REGEX, "[12]")]]
        first, second = (node.registry.labels(ref) for ref in refs[:2])
        assert await node.source.series(sets, now, now) == sorted([first, second])
        assert await node.source.series(sets, now, now, 1) == sorted([first, second])[:1]
        assert await node.source.label_names(sets[:1], now, now) == ["__name__", "extra", "n"]
        assert await node.source.label_names([], now - 5 * DAY_MS, now - 3 * DAY_MS) == []
        assert await node.source.label_values("n", sets, now, now) == ["1", "2"]
        assert await node.source.label_values("n", [], now, now) == ["1", "2", "3"]
        assert await node.source.label_values("nope", [], now, now) == []


async def test_exemplars_come_back_by_series(store: Store) -> None:
    async with running(Node(store)) as node:
        now = node.clock.now_ms()
        ref = node.ref()
        batch = samples([ref], [now], BITS[:1])
        trace = (("trace_id", "abc"),)
        batch.exemplars += [
            Exemplar(ref, now + 1, float("inf"), trace),
            Exemplar(ref, now, 0.25, trace),
            Exemplar(ref, now - DAY_MS, 1.0, trace),
        ]
        await node.writer.write(batch)
        (found,) = await node.source.exemplars([], now - 5, now + 5)
        assert found.labels == node.registry.labels(ref)
        assert list(found.exemplars) == [(trace, 0.25, now), (trace, float("inf"), now + 1)]
        assert await node.source.exemplars([], now + 2, now + 5) == []
