"""A cached range query gives what an uncached one gives, and reads only what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.kit.clock import FakeClock
from tocsin.model.labels import Labels, Matcher, get
from tocsin.model.series import SeriesData, Unlisted
from tocsin.query.promql.cache import CachingEngine, is_cacheable
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.parse import parse
from tocsin.query.promql.result import QueryOptions, Result

STEP = 15_000
NOW = 1_700_000_000_000


@dataclass
class Samples(Unlisted):
    """A SeriesSource of a sine for each of some hosts, every 15 s, that notes what was read."""

    hosts: int = 3
    reads: list[tuple[int, int]] = field(default_factory=list)
    lift: float = 0.0
    meanwhile: Callable[[], object] = bool

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        self.reads.append((start_ms, end_ms))
        self.meanwhile()
        labels: list[Labels] = []
        parts: list[np.ndarray] = []
        hosts: list[int] = []
        for host in range(self.hosts):
            one: Labels = (("__name__", "load"), ("host", str(host)))
            if all(matcher.matches(get(one, matcher.name)) for matcher in matchers):
                # Every host is silent for a while, each at another time.
                ts = np.arange(-(-start_ms // STEP) * STEP, end_ms + 1, STEP, dtype=np.int64)
                ts = ts[(ts // 600_000) % 5 != host]
                if len(ts):
                    labels.append(one)
                    parts.append(ts)
                    hosts.append(host)
        if not labels:
            return SeriesData.empty()
        offsets = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
        ts = np.concatenate(parts)
        values = np.sin(ts / 1e6) + np.repeat(hosts, np.diff(offsets)) + self.lift
        return SeriesData(labels, offsets, ts, values)


def shown(result: Result) -> dict[Labels, list[tuple[int, float]]]:
    return {
        labels: [
            (at, value)
            for at, value, there in zip(
                result.times.tolist(), values.tolist(), present.tolist(), strict=True
            )
            if there
        ]
        for labels, values, present in zip(
            result.labels, result.values, result.present, strict=True
        )
    }


QUERIES = [
    "load",
    "sum(rate(load[2m]))",
    "max_over_time(load[5m:1m] offset 3m)",
    "load > 1",
    'absent(load{host="1"})',
    "topk(1, load)",
    "vector(time()) + 1",
    "1 + 2",
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(QUERIES),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 120)), min_size=2, max_size=5),
    st.sampled_from([30_000, 60_000]),
)
@pytest.mark.anyio
async def test_cached_answers_are_the_uncached_ones(
    text: str, windows: list[tuple[int, int]], step_ms: int
) -> None:
    clock = FakeClock(NOW / 1000)
    cached, plain = CachingEngine(Samples(), clock), Engine(Samples(), clock)
    for back, length in windows:
        start = (NOW // step_ms - back) * step_ms
        end = min(start + length * step_ms, NOW + step_ms)
        expected = await plain.range(text, start, end, step_ms)
        found = await cached.range(text, start, end, step_ms)
        assert shown(found) == shown(expected)
        assert found.times.tolist() == expected.times.tolist()
        assert list(found.labels) == list(expected.labels)


async def test_a_refresh_reads_only_the_new_tail() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock, grace_ms=120_000)
    start = NOW // 60_000 * 60_000 - 3_600_000
    await engine.range("load", start, start + 3_600_000, 60_000)
    await clock.advance(60)
    source.reads.clear()
    await engine.range("load", start + 60_000, start + 3_660_000, 60_000)
    (read,) = source.reads
    assert read[0] >= start + 3_660_000 - 4 * 60_000 - 300_000


async def test_fresh_steps_are_computed_again_since_samples_may_still_arrive() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock, grace_ms=120_000)
    start, end = NOW // 60_000 * 60_000 - 600_000, NOW // 60_000 * 60_000
    before = shown(await engine.range("load", start, end, 60_000))
    source.lift = 100.0
    after = shown(await engine.range("load", start, end, 60_000))
    for labels, points in after.items():
        old = dict(before[labels])
        assert all(value == old[at] for at, value in points if at <= NOW - 120_000)
        assert all(value == old[at] + 100 for at, value in points if at > NOW - 120_000)


async def test_what_was_written_late_is_seen_after_forgetting() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock)
    start = NOW // 60_000 * 60_000 - 3_600_000
    before = shown(await engine.range("sum(load)", start, start + 600_000, 60_000))
    source.lift = 1.0
    engine.forget(start + 3_000_000)
    assert shown(await engine.range("sum(load)", start, start + 600_000, 60_000)) == before
    engine.forget(start + 300_000)
    assert shown(await engine.range("sum(load)", start, start + 600_000, 60_000)) != before


async def test_only_late_samples_make_it_forget_and_what_lies_before_them_stays() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock, grace_ms=120_000)
    start = NOW // 60_000 * 60_000 - 3_600_000
    await engine.range("load", start, start + 3_000_000, 60_000)
    full = engine.kept_bytes
    engine.saw(NOW - 60_000)
    assert engine.kept_bytes == full
    engine.saw(start + 1_500_000)
    assert full / 3 < engine.kept_bytes < full
    source.reads.clear()
    await engine.range("load", start, start + 1_440_000, 60_000)
    assert source.reads == []


async def test_samples_that_arrive_late_while_a_query_runs_are_not_missed_later() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock)
    start = NOW // 60_000 * 60_000 - 3_600_000
    source.meanwhile = lambda: engine.saw(start)
    await engine.range("load", start, start + 600_000, 60_000)
    assert engine.kept_bytes == 0


async def test_a_clock_set_back_makes_kept_steps_young_again() -> None:
    clock, source = FakeClock(NOW / 1000 + 7200), Samples()
    engine = CachingEngine(source, clock)
    start = NOW // 60_000 * 60_000 - 600_000
    before = shown(await engine.range("load", start, start + 600_000, 60_000))
    clock.jump(-7200)
    source.lift = 1.0
    after = shown(await engine.range("load", start, start + 600_000, 60_000))
    assert before != after


async def test_what_was_kept_while_the_clock_was_ahead_goes_with_the_samples_that_follow() -> None:
    clock, source = FakeClock(NOW / 1000 + 7200), Samples()
    engine = CachingEngine(source, clock)
    start = NOW // 60_000 * 60_000 + 60_000
    await engine.range("load", start, start + 3_600_000, 60_000)
    clock.jump(-7200)
    source.lift = 1.0
    for written in range(NOW, NOW + 3_600_000, 15_000):
        engine.saw(written)
    clock.jump(7200)
    found = shown(await engine.range("load", start, start + 3_600_000, 60_000))
    fresh = Engine(source, clock)
    assert found == shown(await fresh.range("load", start, start + 3_600_000, 60_000))


async def test_memory_is_bounded() -> None:
    clock, source = FakeClock(NOW / 1000), Samples()
    engine = CachingEngine(source, clock, max_bytes=40_000)
    start = NOW // 60_000 * 60_000 - 7_200_000
    for number in range(30):
        await engine.range(f"load + {number}", start, start + 3_600_000, 60_000)
    assert 0 < engine.kept_bytes <= 40_000


async def test_explained_queries_and_queries_of_other_sources_are_not_kept() -> None:
    clock, source, other = FakeClock(NOW / 1000), Samples(), Samples(lift=5.0)
    engine = CachingEngine(source, clock)
    start = NOW // 60_000 * 60_000 - 3_600_000
    for options in (QueryOptions(explain=True), QueryOptions(source=other)):
        await engine.range("load", start, start + 600_000, 60_000, options)
    assert engine.kept_bytes == 0
    assert len(source.reads) == len(other.reads) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(load[5m] offset 1h)", True),
        ("rate(load[step() * 5])", True),
        ("rate(load[5m] anchored)", True),
        ("load @ 1600000000", False),
        ("load @ end()", False),
        ("rate(load[5m:1m] @ start())", False),
        ("load offset -1m", False),
        ("load offset (step() - 5)", False),
        ("rate(load[5m] smoothed)", False),
        ("load - start()", False),
        ("sum(load * range())", False),
        ("rate(load[range() / 10])", False),
        ("rate(load[1h:range() / 10])", False),
    ],
)
def test_only_what_depends_on_its_own_step_is_kept(text: str, expected: bool) -> None:
    assert is_cacheable(parse(text)) is expected
