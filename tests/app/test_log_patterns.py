"""Patterns are known again after a restart, also those that became more general."""

from __future__ import annotations

from tocsin.app.log_patterns import PatternKeeping
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.log_patterns import LogPattern
from tocsin.model.logs import LogRecord
from tocsin.store.client import Store
from tocsin.store.log_patterns import LogPatternTable

NAMES = ("alice", "bob", "carol", "dave", "eve", "frank", "gina")


def said(miner: PatternMiner, *bodies: str) -> list[int]:
    records = [
        LogRecord(ts_ns=10**18 + n * 10**6, body=body, service="api")
        for n, body in enumerate(bodies)
    ]
    return [one.pattern for one in miner(records)]


async def test_patterns_are_known_after_a_restart(store: Store) -> None:
    clock = FakeClock(1_800_000_000.0)
    miner, table = PatternMiner(), LogPatternTable(store, clock)
    keeping = PatternKeeping(miner, table, clock)
    await keeping.open()
    first = said(miner, "user alice logged in", 'it\'s "odd"\\ \x07 5')
    await keeping.flush()
    await clock.advance(5)
    said(miner, *(f"user {name} logged in" for name in NAMES))
    await keeping.flush()

    again = PatternMiner()
    await PatternKeeping(again, table, clock).open()
    assert said(again, "user zoe logged in", 'it\'s "odd"\\ \x07 7') == first
    assert again.changes() == []
    kept = {one.pattern: one for one in await table.all()}
    assert kept[first[0]].template == "user <*> logged in"
    assert kept[first[0]].example == "user alice logged in"
    assert kept[first[0]].first_seen_ms == 10**12


class _Away(LogPatternTable):
    """A table whose store is away for a while."""

    is_away = True
    kept: tuple[LogPattern, ...] = ()

    def __init__(self) -> None:
        """Needs no store."""

    async def keep(self, patterns: object) -> None:
        if self.is_away:
            raise Temporary("the store is away")
        self.kept = tuple(patterns)  # type: ignore[arg-type]  # a fake takes what it is given


async def test_what_cannot_be_kept_now_is_kept_later() -> None:
    miner, table = PatternMiner(), _Away()
    keeping = PatternKeeping(miner, table, FakeClock(0.0))
    said(miner, "started")
    await keeping.flush()
    table.is_away = False
    await keeping.flush()
    assert [one.template for one in table.kept] == ["started"]
