"""How is an intake measured beside the engine's own JSONEachRow? That of lines and of spans alike.

Each measurement begins when no merge runs, and its rows count once they are stored; processor time
includes the merges that follow. The rounds take turns, and of each way the best one counts, so that
what else the machine does counts as little as possible. What sends is another process.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import psutil

from bench.log_senders import MARK, Order, sent
from tocsin.app.build import build
from tocsin.app.config import load_config
from tocsin.app.product import Tocsin
from tocsin.kit.clock import SystemClock
from tocsin.store.client import Store

SENDERS = 4
_COLLECTED_AT = (5_000, 5, 50)  # as `tocsin serve` sets it
_numbers = itertools.count()

Way = Callable[[int, int, float], Order]
"""What is sent, given the first of its numbers, the senders and the seconds."""


class Flushed(Protocol):
    """A writer that can bring what it took into the store."""

    async def flush(self, limit_seconds: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one measurement found."""

    rows: int
    seconds: float
    own_cpu: float
    engine_cpu: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    @property
    def cpu(self) -> float:
        """Processor seconds per million rows, of both processes."""
        return (self.own_cpu + self.engine_cpu) / self.rows * 1e6

    def told(self, name: str, noun: str) -> str:
        """The row of the table."""
        own, engine = (one / self.rows * 1e6 for one in (self.own_cpu, self.engine_cpu))
        return f"{name:<36}{self.rate:>9,.0f} {noun}/s {own:6.1f} + {engine:5.1f} = {self.cpu:5.1f}"


@dataclass(frozen=True, slots=True)
class Sending:
    """One way, by so many senders at once, with so many rows a request."""

    way: Way
    senders: int
    rows: int


class Measure:
    """Runs one kind of sending at a time, beginning with an engine that has nothing to do."""

    def __init__(self, tocsin: Tocsin, writer: Flushed) -> None:
        self.store = tocsin.parts.kept.store
        self._writer = writer
        self._processes = psutil.Process(), psutil.Process(tocsin.status().engine_pid)

    async def __call__(self, seconds: float, sending: Sending) -> Round:
        """So many senders at once for so long."""
        await self._merged()
        before = self._cpu()
        order = sending.way(next(_numbers) * 1_000_000, sending.senders, seconds)
        requests, began = await asyncio.to_thread(sent, order)
        await self._writer.flush(60.0)
        took = time.perf_counter() - began
        await self._merged()
        own, engine = (now - then for now, then in zip(self._cpu(), before, strict=True))
        return Round(requests * sending.rows, took, own, engine)

    async def in_turn(
        self, ways: Mapping[str, Sending], seconds: float, rounds: int
    ) -> dict[str, list[Round]]:
        """Every way, in so many rounds."""
        found: dict[str, list[Round]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, sending in ways.items():
                found[name].append(await self(seconds, sending))
        return found

    def _cpu(self) -> list[float]:
        return [sum(one.cpu_times()[:2]) for one in self._processes]

    async def _merged(self) -> None:
        """Wait until no merge has run for a moment."""
        quiet = 0
        while quiet < 5:
            running = await self.store.fetch_bytes("SELECT count() FROM system.merges", fmt="TSV")
            quiet = 0 if int(running) else quiet + 1
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running_tocsin() -> AsyncIterator[Tocsin]:
    """A Tocsin of its own that scrapes nothing and asks for no key, as `tocsin serve` runs it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tocsin.yaml"
        file.write_text("scrape: {host: false, itself: false}\nauth: off\n")
        listen = {"http": "127.0.0.1:0", "otlp_http": "off", "otlp_grpc": "off"}
        flags = {f"listen.{name}": value for name, value in listen.items()}
        tocsin = await build(load_config(file, {"data": f"{folder}/data", **flags}), SystemClock())
        await tocsin.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTED_AT)
        try:
            yield tocsin
        finally:
            await tocsin.stop()


def posted(
    url: str, path: str, bodies: list[bytes], headers: dict[str, str], expected: bytes = b""
) -> Way:
    """Bodies to an address of Tocsin."""
    at = urlsplit(url)

    def order(first: int, senders: int, seconds: float) -> Order:
        return Order(
            host=at.hostname or "",
            port=at.port or 0,
            path=path,
            bodies=bodies,
            senders=senders,
            seconds=seconds,
            first=first,
            expected=expected,
            # Shippers do not ask for packed answers.
            headers={"Accept-Encoding": "identity", **headers},
        )

    return order


def inserted(store: Store, into: str, bodies: list[bytes]) -> Way:
    """Bodies of JSONEachRow into a table (and its columns) of the engine itself."""
    asked = {
        "query": f"INSERT INTO {into} FORMAT JSONEachRow",
        "database": store.database,
        "insert_deduplication_token": f"bench-{MARK.decode()}",
    }
    known = b64encode(f"{store.endpoint.user}:{store.endpoint.password}".encode()).decode()
    url = store.endpoint.url
    return posted(url, f"/?{urlencode(asked)}", bodies, {"Authorization": f"Basic {known}"})


def best(rounds: list[Round]) -> Round:
    """The quickest."""
    return max(rounds, key=lambda one: one.rate)


async def bytes_on_disk(store: Store, table: str) -> float:
    """Bytes a row."""
    sql = (
        "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts"
        " WHERE active AND table = {table:String} AND database = currentDatabase()"
    )
    return float(await store.fetch_bytes(sql, {"table": table}, fmt="TSV"))
