"""What a query costs, when it is refused or ended, and what is told about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.query.promql.memory import MemorySource
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import TooLarge
from tocsin.model.labels import Labels, Matcher, make
from tocsin.model.series import SeriesData
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.engine import Engine, EngineLimits, QueryOptions
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.faults import InvalidQuery, QueryCanceled, QueryTimeout, TooManySamples
from tocsin.query.promql.hashing import xxh64
from tocsin.query.promql.registry import FUNCTIONS
from tocsin.query.promql.signatures import FUNCTIONS as SIGNATURES

MINUTE = 60_000


def _labels(name: str, **labels: str) -> Labels:
    return make((("__name__", name), *labels.items()))


def _source(hours: int = 1) -> MemorySource:
    points = {at * 15_000: float(at) for at in range(hours * 240)}
    return MemorySource({_labels("m_total", i=str(i)): points for i in range(3)})


async def test_equal_selectors_are_read_once(clock: FakeClock) -> None:
    source = _source()
    result = await Engine(source, clock).range(
        "rate(m_total[5m]) / rate(m_total[5m]) + m_total", 10 * MINUTE, 20 * MINUTE, MINUTE
    )
    assert len(source.reads) == 1
    assert result.stats.series_read == 3
    assert result.stats.samples_read == 3 * 60
    assert result.stats.origins == ("recent",)


async def test_far_offsets_are_not_read_through(clock: FakeClock) -> None:
    source = _source(hours=30)
    engine = Engine(source, clock)
    at = 29 * 60 * MINUTE
    await engine.range("m_total - m_total offset 1d", at, at + 10 * MINUTE, MINUTE)
    spans = sorted(end - start for _, start, end in source.reads)
    assert spans == [15 * MINUTE - 1, 15 * MINUTE - 1]


async def test_a_wide_query_in_pieces_gives_the_same_as_at_once(clock: FakeClock) -> None:
    source = _source(hours=12)
    small = EngineLimits(chunk_span_ms=MINUTE, chunk_samples=500)
    whole = Engine(source, clock, EngineLimits(chunk_span_ms=24 * 60 * MINUTE))
    pieces = Engine(source, clock, small)
    query = "topk(2, sum_over_time(rate(m_total[5m])[30m:1m] @ end()) + rate(m_total[5m]))"
    query = f"{query} or absent(m_total offset -1m)"
    times = (0, 14 * 60 * MINUTE, 7 * MINUTE)
    expected = await whole.range(query, *times)
    result = await pieces.range(query, *times)
    assert expected.stats.chunks == 1
    assert result.stats.chunks > 10
    assert result.labels == expected.labels
    assert (result.present == expected.present).all()
    there = result.present
    assert result.values[there] == pytest.approx(expected.values[there])


async def test_pieces_are_not_shorter_than_what_each_reads_again(clock: FakeClock) -> None:
    source = _source(hours=12)
    limits = EngineLimits(chunk_span_ms=0, chunk_samples=10)
    times = (4 * 60 * MINUTE, 10 * 60 * MINUTE, MINUTE)
    result = await Engine(source, clock, limits).range("max_over_time(m_total[3h])", *times)
    assert result.stats.chunks == 3
    assert result.present.all()


async def test_too_many_samples_are_refused_in_prometheus_words(clock: FakeClock) -> None:
    engine = Engine(_source(), clock)
    with pytest.raises(TooManySamples, match="would load too many samples into memory") as refused:
        await engine.instant("rate(m_total[1h])", 60 * MINUTE, QueryOptions(limit_samples=100))
    assert isinstance(refused.value, TooLarge)


async def test_the_first_of_several_failing_reads_is_the_error(clock: FakeClock) -> None:
    engine = Engine(_source(), clock)
    query = "rate(m_total[1h]) + rate({i='1'}[1h])"
    with pytest.raises(TooManySamples):
        await engine.instant(query, 60 * MINUTE, QueryOptions(limit_samples=100))


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("sum_over_time(vector(1)[100y:1ms])", id="endless steps"),
        pytest.param("sum_over_time(m_total[10y:1s])", id="series × steps"),
    ],
)
async def test_a_matrix_that_is_too_large_is_never_made(query: str, clock: FakeClock) -> None:
    with pytest.raises(TooManySamples):
        await Engine(_source(), clock).instant(query, 60 * MINUTE)


async def test_queries_that_find_no_place_time_out(clock: FakeClock) -> None:
    source = _Hanging()
    engine = Engine(source, clock, EngineLimits(at_once=1))
    first = asyncio.create_task(engine.instant("m", 0))
    await source.asked.wait()
    with pytest.raises(QueryTimeout, match="query timed out in query queue"):
        await engine.instant("1", 0, QueryOptions(timeout_seconds=0.01))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await engine.instant("1", 0)).values[0, 0] == 1


@pytest.mark.parametrize(
    ("times", "words"),
    [
        pytest.param((0, 11_001_000, 1000), "exceeded maximum resolution of 11,000", id="too fine"),
        pytest.param((0, 10, 0), "zero or negative query resolution step", id="no step"),
        pytest.param((10, 0, 1), "end timestamp must not be before start time", id="backwards"),
    ],
)
async def test_impossible_ranges_are_refused(
    times: tuple[int, int, int], words: str, clock: FakeClock
) -> None:
    with pytest.raises(InvalidQuery, match=words):
        await Engine(_source(), clock).range("m_total", *times)


async def test_experimental_functions_are_refused_when_switched_off(clock: FakeClock) -> None:
    engine = Engine(_source(), clock)
    with pytest.raises(ParseError):
        await engine.instant("info(m_total)", 0, QueryOptions(experimental=False))


class _Hanging(MemorySource):
    """Never answers; tells when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_read_that_takes_too_long_ends_with_the_timeout(clock: FakeClock) -> None:
    engine = Engine(_Hanging(), clock)
    with pytest.raises(QueryTimeout, match="query timed out in"):
        await engine.instant("m", 0, QueryOptions(timeout_seconds=0.01))


async def test_evaluation_stops_at_the_deadline(clock: FakeClock) -> None:
    class Slow(MemorySource):
        async def select(
            self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
        ) -> SeriesData:
            await clock.advance(200)
            return SeriesData.empty()

    with pytest.raises(QueryTimeout, match="query timed out in expression evaluation"):
        await Engine(Slow(), clock).instant("m", 0)


async def test_a_client_that_leaves_ends_its_query(clock: FakeClock) -> None:
    source = _Hanging()
    task = asyncio.create_task(Engine(source, clock).instant("m", 0))
    await source.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_cancellation_is_told_in_prometheus_words() -> None:
    assert str(QueryCanceled()) == "query was canceled in expression evaluation"


async def test_explain_tells_each_node_with_its_place(clock: FakeClock) -> None:
    result = await Engine(_source(), clock).instant(
        "sum(rate(m_total[5m]))", 30 * MINUTE, QueryOptions(explain=True)
    )
    told = [(node.kind, node.pos.start, node.series_out) for node in result.stats.nodes]
    assert told == [("MatrixSelector", 9, 3), ("rate", 4, 3), ("sum", 0, 1)]


async def test_slow_queries_are_kept(clock: FakeClock) -> None:
    engine = Engine(_source(), clock, EngineLimits(slow_seconds=0.0, slow_kept=2))
    for query in ("1", "2", "m_total"):
        await engine.instant(query, MINUTE)
    assert [slow.text for slow in engine.slow_queries] == ["2", "m_total"]
    assert engine.slow_queries[-1].series_read == 3


async def test_a_string_is_a_result_too(clock: FakeClock) -> None:
    result = await Engine(_source(), clock).instant('("text")', 0)
    assert (result.kind, result.text) == (ValueType.STRING, "text")


async def test_a_heavy_query_runs_in_a_thread_and_gives_the_same(clock: FakeClock) -> None:
    source = _source()
    times = (10 * MINUTE, 50 * MINUTE, MINUTE)
    here = await Engine(source, clock).range("rate(m_total[5m])", *times)
    there = await Engine(source, clock, EngineLimits(thread_cells=1)).range(
        "rate(m_total[5m])", *times
    )
    assert (here.values == there.values).all()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"", 0xEF46DB3751D8E999, id="nothing"),
        pytest.param(b"a", 0xD24EC4F1A98C6E5B, id="one byte"),
        pytest.param(b"abc", 0x44BC2CF5AD770999, id="three bytes"),
        pytest.param(
            b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1, id="a long text"
        ),
    ],
)
def test_xxh64_gives_the_published_values(data: bytes, value: int) -> None:
    assert xxh64(data) == value


def test_every_function_that_parses_can_be_evaluated() -> None:
    of_the_query = {"start", "end", "step", "range"}  # numbers, once its times are known
    assert set(SIGNATURES) - of_the_query == set(FUNCTIONS)
    assert {name for name, one in SIGNATURES.items() if one.experimental} - of_the_query == {
        name for name, one in FUNCTIONS.items() if one.experimental
    }
