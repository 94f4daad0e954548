"""Whoever follows lines never holds up those who send them."""

from __future__ import annotations

import threading

import pytest

from tocsin.ingest.logs.tail import MOST, MOST_OF_ONE, TailBus
from tocsin.kit.fault import Temporary, TooMuch
from tocsin.model.logs import LogBatch, LogRecord


def batch(count: int, body: str = "x", key: int = 1) -> LogBatch:
    records = tuple(LogRecord(ts_ns=n, body=body) for n in range(count))
    return LogBatch(records=records, key=key, taken_ms=0)


async def test_publishing_looks_at_no_line_and_a_large_batch_is_looked_at_elsewhere() -> None:
    looked_at: list[str] = []

    def read(record: LogRecord, _batch: LogBatch, _number: int) -> int:
        looked_at.append(threading.current_thread().name)
        return record.ts_ns

    bus = TailBus()
    with bus.reading(read) as reader:
        bus.publish(batch(5_000))
        assert looked_at == []
        found: list[int] = []
        async for part in reader.batches(10):
            found += part
            if len(found) == 5_000:
                break
    assert found == list(range(5_000))
    assert {name.rpartition("_")[0] for name in looked_at} == {"log_tail"}


@pytest.mark.parametrize(
    ("given", "is_here"),
    [
        pytest.param(batch(10), True, id="a few short lines"),
        pytest.param(batch(10, "x" * 10_000), False, id="a few long lines"),
        pytest.param(batch(500), False, id="many lines"),
    ],
)
async def test_only_what_is_light_is_looked_at_at_once(given: LogBatch, is_here: bool) -> None:
    bus = TailBus()
    with bus.reading(lambda *_: threading.current_thread().name) as reader:
        bus.publish(given)
        found = await anext(reader.batches(10))
    assert ({threading.current_thread().name} == set(found)) is is_here


async def test_a_reader_sees_what_it_wants_with_its_place() -> None:
    bus = TailBus()
    with bus.reading(lambda one, own, n: (own.key, n) if one.ts_ns % 2 else None) as reader:
        bus.publish(batch(4, key=5))
        bus.publish(batch(2, key=6))
        parts = reader.batches(10)
        assert [await anext(parts), await anext(parts)] == [[(5, 1), (5, 3)], [(6, 1)]]
        assert reader.lost == 0


def nothing(_record: LogRecord, _batch: LogBatch, _number: int) -> int | None:
    return None


async def test_who_is_too_slow_loses_whole_batches_and_is_told_how_many_lines() -> None:
    bus = TailBus()
    with bus.reading(nothing) as reader:
        bus.publish(batch(60_000))  # the first is taken however large it is
        bus.publish(batch(30))
        assert reader.lost == 30
    with bus.reading(nothing) as reader:
        for _ in range(60):
            bus.publish(batch(1_000))
        assert reader.lost == 10_000
    with bus.reading(nothing) as reader:
        for _ in range(20):
            bus.publish(batch(1, "x" * (1 << 20)))
        assert reader.lost == 4


async def test_silence_is_told_too() -> None:
    with TailBus().reading(nothing) as reader:
        assert await anext(reader.batches(0.001)) == []


def test_tails_are_bounded_for_each_caller_and_for_all() -> None:
    bus = TailBus()
    places = [bus.reading(nothing, f"caller {n // MOST_OF_ONE}") for n in range(MOST)]
    for place in places[:MOST_OF_ONE]:
        place.__enter__()
    with pytest.raises(TooMuch, match="caller 0"):
        bus.check("caller 0")
    bus.check("caller 1")
    for place in places[MOST_OF_ONE:]:
        place.__enter__()
    with pytest.raises(Temporary, match="close one"), bus.reading(nothing, "another"):
        pass
    for place in places:
        place.__exit__(None, None, None)
    bus.check("caller 0")
