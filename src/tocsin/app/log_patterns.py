"""Patterns of log lines across restarts: known at the start, kept while they change."""

from __future__ import annotations

import asyncio

from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.store.log_patterns import LogPatternTable

_log = log.get("log_patterns")
_EVERY_SECONDS = 5.0


class PatternKeeping:
    """`open` before lines are taken, then `run`; `flush` keeps what is new at once."""

    def __init__(self, miner: PatternMiner, table: LogPatternTable, clock: Clock) -> None:
        self._miner = miner
        self._table = table
        self._clock = clock

    async def open(self) -> None:
        """Know the patterns of before. Raises Temporary when the store is away."""
        known = await self._table.all()
        await asyncio.to_thread(self._miner.know, known)

    async def run(self) -> None:
        """Keep what is new every few seconds, for ever; a store that is away is tried again."""
        while True:
            await self._clock.sleep(_EVERY_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Keep what is new now; what cannot be kept is kept later."""
        changes = self._miner.changes()
        try:
            await self._table.keep(changes)
        except Temporary as fault:
            self._miner.again(changes)
            _log.warning("patterns_wait", patterns=len(changes), error=str(fault))
