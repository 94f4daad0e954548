"""Pushed groups are there again after a restart."""

from __future__ import annotations

from pathlib import Path

from tests.state.fresh import state_file
from tocsin.app.pushed import KeptGroups
from tocsin.ingest.protocols.pushgateway import Pushed
from tocsin.ingest.push_groups import Group
from tocsin.kit.clock import FakeClock
from tocsin.state.push_groups import PushGroups

KEY = (("instance", "a"), ("job", "backup"))


async def test_a_group_outlives_the_process_that_took_it(tmp_path: Path, clock: FakeClock) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    group = Group(KEY, Pushed({}, []), pushed_at=5.0)
    before = KeptGroups(PushGroups(database), clock)
    await before.put(group)

    after = KeptGroups(PushGroups(database), clock)
    assert await after.get(KEY) is None
    await after.load()
    assert await after.get(KEY) == group
    assert await after.all() == [group]

    await after.delete(KEY)
    again = KeptGroups(PushGroups(database), clock)
    await again.load()
    assert await again.all() == []
    await database.close()
