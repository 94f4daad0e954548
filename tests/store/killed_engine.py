"""An engine that is killed at any moment while somebody writes into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

from tests.waiting import some_moment
from tocsin.kit.clock import Clock, SystemClock
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal

B = TypeVar("B", contravariant=True)
T = TypeVar("T")
SENDERS = 4
_DRAINED_WITHIN_SECONDS = 300.0


class Writer(Protocol[B]):
    """Who writes batches of one kind."""

    async def open(self) -> object: ...
    async def run(self) -> None: ...
    async def write(self, batch: B, /) -> object: ...
    async def drain(self, limit_seconds: float, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class KilledEngine:
    """A migrated store of its own, and the process behind it."""

    store: Store
    journal: Journal
    clock: Clock
    child: EngineChild

    async def written(
        self, writer: Writer[T], make: Callable[[int], T], *, rounds: int, kills: int
    ) -> list[T]:
        """Batches of several senders that were acknowledged, and are in the store, while the
        engine was killed so often. `make` is given the key of a batch."""
        seed = int.from_bytes(os.urandom(4), "big")
        print(f"seed {seed}")  # noqa: T201  shown when it fails
        chance = Random(seed)
        await writer.open()
        work = asyncio.create_task(writer.run())
        sent: list[T] = []

        async def send(sender: int) -> None:
            for number in range(rounds):
                one = make(sender * 1000 + number)
                await writer.write(one)
                sent.append(one)
                await some_moment(chance, most=0.05)

        async def kill() -> None:
            for _ in range(kills):
                await some_moment(chance, least=0.1, most=0.5)
                if self.child.pid is not None:
                    with contextlib.suppress(ProcessLookupError):  # it has just died
                        os.kill(self.child.pid, signal.SIGKILL)

        await asyncio.gather(kill(), *(send(sender) for sender in range(SENDERS)))
        assert await writer.drain(_DRAINED_WITHIN_SECONDS)
        await work
        return sent


@asynccontextmanager
async def killed_engine(folder: Path) -> AsyncIterator[KilledEngine]:
    clock = SystemClock()
    child = EngineChild(folder / "telemetry", clock)
    await child.start()
    store = await Store.connect(child.endpoint, database="t", clock=clock)
    await migrate(store)
    journal = Journal(store, folder / "log", clock, FlushConfig(seconds=0.05))
    yield KilledEngine(store, journal, clock, child)
    await store.close()
    await child.stop()
