"""What each key sent is counted over restarts, and by several nodes together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.state.fresh import state_file
from tocsin.app.log_usage import UsageKeeping
from tocsin.ingest.logs.quota import LimitsConfig, Quota, Usage
from tocsin.kit.clock import FakeClock
from tocsin.state.database import Database
from tocsin.state.settings import Settings


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    one = state_file(tmp_path / "state.db")
    await one.open()
    yield one
    await one.close()


async def node(database: Database, clock: FakeClock) -> tuple[Quota, UsageKeeping]:
    quota = Quota(clock, LimitsConfig())
    keeping = UsageKeeping(quota, Settings(database, clock), clock)
    await keeping.load()
    return quota, keeping


async def test_usage_goes_on_after_a_restart(database: Database, clock: FakeClock) -> None:
    quota, keeping = await node(database, clock)
    since_ms = quota.since_ms
    quota.admit("app", 3, 300)
    await keeping.flush()
    await clock.advance(86_400)
    quota, keeping = await node(database, clock)
    quota.admit("app", 1, 50)
    quota.admit("other", 1, 10)
    await keeping.flush()
    await keeping.flush()
    quota, _ = await node(database, clock)
    assert quota.usage == {"app": Usage(4, 350, 0), "other": Usage(1, 10, 0)}
    assert quota.since_ms == since_ms


async def test_two_nodes_count_together(database: Database, clock: FakeClock) -> None:
    (one, keeps_one), (two, keeps_two) = await node(database, clock), await node(database, clock)
    one.admit("app", 1, 10)
    two.admit("app", 2, 20)
    await keeps_one.flush()
    await keeps_two.flush()
    assert two.usage == {"app": Usage(3, 30, 0)}
    one.admit("app", 1, 10)
    await keeps_one.flush()
    assert one.usage == {"app": Usage(4, 40, 0)}
