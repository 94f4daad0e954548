"""An engine in memory that fails as told to, and the log of writes before it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.model.samples import SAMPLE
from tocsin.store.pending import Loose
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal
from tocsin.store.wal_record import Rows

COLUMNS = ("id", "ts", "value")


class Engine:
    """A store that outlives the process: samples replace equal keys, tokens are remembered.

    `moods` says what becomes of the next inserts: taken, lost, taken without an answer, their token
    noted but not the rows, or hanging before or after they were taken.
    """

    def __init__(self) -> None:
        self.samples: dict[tuple[int, int], float] = {}
        self.events: Counter[bytes] = Counter()
        self.tables: list[str] = []
        self.tokens: set[str] = set()
        self.moods: list[str] = []
        self.fault: Fault = Temporary("away")
        self.hangs = asyncio.Event()

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str,
        *,
        token: str = "",
        timeout_seconds: float,
    ) -> None:
        assert columns
        assert fmt in ("RowBinary", "JSONEachRow")
        assert timeout_seconds > 0
        mood = self.moods.pop(0) if self.moods else "taken"
        if mood == "lost":
            raise self.fault
        if b"poison" in data:
            raise Rejected("these rows are wrong")
        if mood == "token alone":
            self.tokens.add(token)
            raise self.fault
        if mood != "hangs before":
            self._take(table, data, token)
        if mood.startswith("hangs"):
            self.hangs.set()
            await asyncio.Event().wait()
        if mood == "unknown":
            raise self.fault

    def _take(self, table: str, data: bytes, token: str) -> None:
        self.tables.append(table)
        if table == "samples":
            for number, ts, value in np.frombuffer(data, SAMPLE).tolist():
                self.samples[number, ts] = value
        elif table == "events" and token not in self.tokens:
            self.tokens.add(token)
            rows = [msgspec.json.decode(line) for line in data.splitlines()]
            self.events.update(row["name"].encode() for row in rows)

    async def command(self, sql: str, params: Mapping[str, int] | None = None) -> None:
        raise AssertionError(f"nothing has counts by minute here: {sql} {params}")

    async def fetch_bytes(self, sql: str, params: Mapping[str, str] | None = None) -> bytes:
        assert sql.startswith("SELECT count() FROM `events` WHERE ts = ")
        assert params is not None
        assert params["ts"] == "1700000000500000000"
        return self.events[params["name"].encode()].to_bytes(8, "little")


def samples_of(samples: list[tuple[int, int, float]]) -> tuple[list[Rows], Loose]:
    data = np.array(samples, SAMPLE).tobytes()
    refs, ts, values = (np.array(column) for column in zip(*samples, strict=True))
    rows = Rows("samples", COLUMNS, "RowBinary", len(samples), data)
    return [rows], Loose(refs, ts, values)


def event(name: bytes) -> list[Rows]:
    line = b'{"ts":"1700000000.5","name":"%s"}\n' % name
    return [Rows("events", ("ts", "name"), "JSONEachRow", 1, line)]


async def flushed(journal: Journal, clock: FakeClock) -> None:
    """Pass time until the store has all that is pending now."""
    flush = asyncio.create_task(journal.flush(20.0))
    while not flush.done():
        await clock.advance(1)
        await asyncio.to_thread(int)  # lets the threads that write files get on
    assert flush.result()


def files(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


@asynccontextmanager
async def running(
    engine: Engine, folder: Path, clock: FakeClock, config: FlushConfig | None = None
) -> AsyncIterator[Journal]:
    """One process's life; it ends as by kill -9."""
    journal = Journal(engine, folder, clock, config)
    await journal.open()
    task = asyncio.create_task(journal.run())
    try:
        yield journal
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        journal.die()
