"""Whatever dies and whenever: what was answered reaches the store, once, and is seen meanwhile."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from unittest.mock import Mock

import pytest

from tests.store.journal_world import Engine, event, files, flushed, running, samples_of
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import Temporary
from tocsin.model import labels as lbl
from tocsin.model.samples import Exemplar, batch_of
from tocsin.store.client import Store
from tocsin.store.errors import DiskFull, LogFull, StoreError
from tocsin.store.load import load_series
from tocsin.store.pending import NOTHING
from tocsin.store.recent import RecentWindow
from tocsin.store.series import DAY_MS, SeriesRegistry
from tocsin.store.source import MetricSource
from tocsin.store.wal_again import insert_again
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows, scan
from tocsin.store.writer import Writer, WriterConfig


@pytest.mark.parametrize("seed", range(40))
async def test_all_that_was_answered_reaches_the_store_once(
    seed: int, tmp_path: Path, clock: FakeClock
) -> None:
    random, engine = Random(seed), Engine()
    expected: dict[tuple[int, int], float] = {}
    events: Counter[bytes] = Counter()
    for life in range(5):
        engine.moods = []
        async with running(engine, tmp_path, clock, FlushConfig(rows=20)) as journal:
            engine.moods = random.choices(
                ["taken", "lost", "unknown", "token alone", "hangs before", "hangs after"],
                (5, 2, 2, 1, 1, 1),
                k=9,
            )
            for step in range(random.randrange(12)):
                if random.random() < 0.3:
                    name = b"%d/%d" % (life, step)
                    await journal.keep(event(name), NOTHING)
                    events[name] += 1
                else:
                    few = [
                        (random.randrange(5), random.randrange(5), float(random.randrange(99)))
                        for _ in range(random.randrange(1, 9))
                    ]
                    await journal.keep(*samples_of(few))
                    expected |= {(number, ts): value for number, ts, value in few}
                await clock.advance(random.choice([0.0, 0.0, 0.5, 3.0]))
    engine.moods = []
    async with running(engine, tmp_path, clock):
        assert engine.samples == expected
        assert engine.events == events


async def test_rows_are_inserted_together_series_before_samples(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        for number in range(20):
            await journal.keep(event(b"%d" % number), NOTHING)
            await journal.keep(*samples_of([(1, number, 1.0)]))
            await journal.keep([Rows("series", ("id",), "JSONEachRow", 1, b"{}\n")], NOTHING)
        assert engine.tables == []
        await clock.advance(2.1)
        assert await journal.flush(5.0)
        assert engine.tables == ["series", "samples", "events"]


async def test_many_rows_do_not_wait_for_the_interval(tmp_path: Path, clock: FakeClock) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock, FlushConfig(seconds=60, rows=10)) as journal:
        await journal.keep(*samples_of([(1, ts, 1.0) for ts in range(10)]))
        assert await journal.flush(5.0)
        assert len(engine.samples) == 10


async def test_a_flush_brings_everything_answered_before_it_into_the_store(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock, FlushConfig(seconds=60)) as journal:
        assert await journal.flush(5.0)
        await journal.keep(*samples_of([(1, 1, 1.0)]))
        await journal.settle("exemplars")
        assert not engine.samples
        await journal.settle("samples")
        assert engine.samples
        engine.moods = ["hangs before"]
        await journal.keep(*samples_of([(1, 2, 1.0)]))
        assert not await journal.flush(0.01)


async def test_a_store_that_stays_away_lets_rows_pend_up_to_the_bound(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock, FlushConfig(pending_rows=30)) as journal:
        engine.moods = ["lost"] * 100
        for ts in range(3):
            await journal.keep(*samples_of([(number, ts, 1.0) for number in range(10)]))
            await clock.advance(3)
        with pytest.raises(LogFull, match="30 rows are pending") as caught:
            await journal.keep(*samples_of([(1, 9, 1.0)]))
        assert caught.value.retry_after == 5.0
        engine.moods = []
        await flushed(journal, clock)
        assert len(engine.samples) == 30
        await journal.keep(*samples_of([(1, 9, 1.0)]))


async def test_a_slow_store_makes_writers_wait_and_not_fail(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock, FlushConfig(pending_rows=10, seconds=60)) as it:
        await it.keep(*samples_of([(1, ts, 1.0) for ts in range(10)]))
        await it.keep(*samples_of([(2, ts, 1.0) for ts in range(10)]))
        assert len(engine.samples) == 10


async def test_a_full_disk_of_the_store_is_told_once_no_more_can_pend(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    engine.fault = DiskFull("no space", 30.0)
    async with running(engine, tmp_path, clock, FlushConfig(pending_rows=1)) as journal:
        engine.moods = ["lost"] * 10
        await journal.keep(event(b"a"), NOTHING)
        for _ in range(3):
            await clock.advance(3)
            await asyncio.to_thread(int)
        with pytest.raises(DiskFull) as caught:
            await journal.keep(event(b"b"), NOTHING)
        assert caught.value.retry_after == 30.0


async def test_rows_that_the_store_refuses_are_kept_in_a_file_and_hold_up_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        for name in (b"good", b"poison", b"fine"):
            await journal.keep(event(name), NOTHING)
        await flushed(journal, clock)
        assert engine.events == {b"good": 1, b"fine": 1}
    (path,) = files(tmp_path, "refused-*")
    (found,) = scan(path.read_bytes())
    assert found.rows is not None
    assert b"poison" in bytes(found.rows.data)


async def test_of_a_record_only_the_row_that_is_wrong_is_set_aside(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    names = [b"%d" % number for number in range(50)]
    names[17] = b"poison"
    data = b"".join(bytes(event(name)[0].data) for name in names)
    async with running(engine, tmp_path, clock) as journal:
        await journal.keep([Rows("events", ("ts", "name"), "JSONEachRow", 50, data)], NOTHING)
        await flushed(journal, clock)
        assert engine.events == Counter(name for name in names if name != b"poison")
    (path,) = files(tmp_path, "refused-*")
    (found,) = scan(path.read_bytes())
    assert found.rows is not None
    assert found.rows.count == 1
    assert b"poison" in bytes(found.rows.data)


async def test_a_trouble_of_the_store_that_is_not_known_to_pass_sets_nothing_aside_soon(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        engine.fault = StoreError("Too many open files", 76)
        engine.moods = ["lost"] * 20
        await journal.keep(event(b"a"), NOTHING)
        flush = asyncio.create_task(journal.flush(20.0))
        while not flush.done():
            await clock.advance(5)
            await asyncio.to_thread(int)
        assert engine.events == {b"a": 1}
    assert not files(tmp_path, "refused-*")


async def test_at_the_start_too_a_trouble_of_the_store_sets_nothing_aside_soon(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        await journal.keep(event(b"a"), NOTHING)
    engine.fault = StoreError("Too many open files", 76)
    engine.moods = ["lost"] * 5
    second = Journal(engine, tmp_path, clock)
    opening = asyncio.create_task(second.open())
    while not opening.done():
        await clock.advance(1)
        await asyncio.to_thread(int)
    assert opening.result() == 1
    assert engine.events == {b"a": 1}
    assert not files(tmp_path, "refused-*")
    second.die()


async def test_rows_that_can_neither_be_inserted_nor_set_aside_wait(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        await journal.keep(event(b"poison"), NOTHING)
        full = OSError(errno.ENOSPC, "No space left on device")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", Mock(side_effect=full))
            for _ in range(20):
                await clock.advance(5)
                await asyncio.to_thread(int)
            assert journal.pending.count == 1
        await flushed(journal, clock)
    assert files(tmp_path, "refused-*")


async def test_a_disk_without_room_refuses_writes_before_they_are_logged(
    tmp_path: Path, clock: FakeClock
) -> None:
    def check_room() -> None:
        raise DiskFull("only 1 MiB is free", 30.0)

    journal = Journal(Engine(), tmp_path, clock, check_room=check_room)
    await journal.open()
    with pytest.raises(DiskFull, match="1 MiB"):
        await journal.keep(event(b"a"), NOTHING)
    assert not files(tmp_path, "*.wal")
    journal.die()


async def test_with_fsync_rows_take_the_same_way(tmp_path: Path, clock: FakeClock) -> None:
    engine = Engine()
    journal = Journal(engine, tmp_path / "made", clock, fsync=True)
    assert await journal.open() == 0
    await asyncio.gather(*(journal.keep(event(b"%d" % n), NOTHING) for n in range(5)))
    journal.die()
    again = Journal(engine, tmp_path / "made", clock, fsync=True)
    assert await again.open() == 5
    assert engine.events == {b"%d" % n: 1 for n in range(5)}
    again.die()


async def test_draining_leaves_nothing_behind(tmp_path: Path, clock: FakeClock) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        await journal.keep(event(b"a"), NOTHING)
        await journal.drain(5.0)
        assert engine.events == {b"a": 1}
    assert not files(tmp_path, "*.wal")


async def test_what_cannot_be_inserted_in_time_stays_for_the_next_start(
    tmp_path: Path, clock: FakeClock
) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        engine.moods = ["hangs before"]
        await journal.keep(event(b"a"), NOTHING)
        await journal.drain(0.01)
    async with running(engine, tmp_path, clock):
        assert engine.events == {b"a": 1}


async def test_a_start_that_failed_keeps_the_log(tmp_path: Path, clock: FakeClock) -> None:
    engine = Engine()
    async with running(engine, tmp_path, clock) as journal:
        await journal.keep(event(b"a"), NOTHING)
    engine.moods = ["lost"]
    second = Journal(engine, tmp_path, clock)
    with pytest.raises(Temporary, match="away"):
        await second.open()
    await second.drain(1.0)
    async with running(engine, tmp_path, clock):
        assert engine.events == {b"a": 1}


class Wired:
    """A writer with a log over the real store, and a source that sees both."""

    def __init__(self, store: Store, folder: Path, seconds: float = 60.0) -> None:
        clock = SystemClock()
        self.registry, self.recent = SeriesRegistry(), RecentWindow(clock)
        self.journal = Journal(store, folder, clock, FlushConfig(seconds=seconds))
        self.source = MetricSource(store, self.registry, self.recent, clock, journal=self.journal)
        self.writer = Writer(
            store, self.registry, self.recent, clock, WriterConfig(), journal=self.journal
        )

    async def samples(self, start: int, end: int) -> dict[tuple[str, int], float]:
        data = await self.source.select([], start, end, limit_samples=1000)
        return {
            (lbl.get(labels, "s"), int(data.ts[at])): float(data.values[at])
            for number, labels in enumerate(data.labels)
            for at in range(data.offsets[number], data.offsets[number + 1])
        }


async def test_old_samples_are_seen_before_and_after_the_store_has_them(
    store: Store, tmp_path: Path
) -> None:
    it = Wired(store, tmp_path)
    await it.writer.open()
    task = asyncio.create_task(it.writer.run())
    old = SystemClock().now_ms() - 3 * DAY_MS
    refs = [it.registry.add(lbl.make([("__name__", "m"), ("s", name)])) for name in "ab"]
    await it.writer.write(batch_of(refs, [old, old], [1.0, 2.0]))
    assert await it.samples(old - 9, old + 9) == {("a", old): 1.0, ("b", old): 2.0}
    assert await it.writer.flush()
    await it.writer.write(batch_of(refs, [old, old + 5], [7.0, 3.0]))
    expected = {("a", old): 7.0, ("b", old): 2.0, ("b", old + 5): 3.0}
    assert await it.samples(old - 9, old + 9) == expected
    assert await it.writer.flush()
    assert not it.journal.pending.count
    assert await it.samples(old - 9, old + 9) == expected
    batch = batch_of([], [], [])
    batch.exemplars.append(Exemplar(refs[0], old, 1.0, (("trace_id", "t"),)))
    await it.writer.write(batch)
    (found,) = await it.source.exemplars([], old, old)
    assert found.exemplars == [((("trace_id", "t"),), 1.0, old)]
    assert await it.writer.drain()
    await task


async def test_a_killed_process_s_samples_and_events_are_there_after_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    old = SystemClock().now_ms() - DAY_MS
    first = Wired(store, tmp_path)
    await first.writer.open()
    task = asyncio.create_task(first.writer.run())
    ref = first.registry.add(lbl.make([("__name__", "m"), ("s", "a")]))
    await first.writer.write(batch_of([ref], [old], [4.0]))
    await first.writer.write_rows("events", ("ts", "name"), b'{"ts":"1700000000","name":"e"}\n', 1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    first.journal.die()
    assert await count(store, "samples") == await count(store, "events") == 0
    second = Wired(store, tmp_path)
    await second.writer.open()
    await load_series(store, second.registry)
    assert await second.samples(old, old) == {("a", old): 4.0}
    assert await count(store, "events") == 1
    second.journal.die()


async def test_an_insert_of_events_with_the_same_token_counts_once(store: Store) -> None:
    row = b'{"ts":"1700000000","name":"e"}\n{"ts":"1600000000","name":"e"}\n'
    for token in ("a", "a", "b", "a"):
        await store.insert("events", ("ts", "name"), row, "JSONEachRow", token=token)
    assert await count(store, "events") == 4


async def test_rows_whose_token_alone_was_kept_are_inserted_after_all(store: Store) -> None:
    """What a kill -9 leaves between the engine's two steps: one of two parts, and both tokens."""
    columns = ("ts", "name")
    first = b'{"ts":"1700000000.123456789","name":"a\\"\'"}\n'
    second = b'{"ts":"1600000000","name":"b"}\n'
    rows = [Rows("events", columns, "JSONEachRow", 2, first + second)]
    await insert_again(store, rows, token="t", timeout_seconds=60)
    await store.command("ALTER TABLE events DELETE WHERE name = 'b' SETTINGS mutations_sync = 1")
    for _ in range(2):
        await insert_again(store, rows, token="t", timeout_seconds=60)
        assert await count(store, "events") == 2


async def count(store: Store, table: str) -> int:
    return int(await store.fetch_bytes(f"SELECT count() FROM {table}", fmt="TSV"))
