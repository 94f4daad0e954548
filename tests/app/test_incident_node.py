"""By what name does a node claim its errands? Two that share a database never by the same."""

from __future__ import annotations

from pathlib import Path

from tests.state.fresh import state_file
from tocsin.app.config import load_config
from tocsin.app.incidents import Incidents
from tocsin.kit.clock import FakeClock
from tocsin.model.errands import Errand, Plan
from tocsin.state.database import Database


def _node(database: Database, folder: Path, clock: FakeClock) -> Incidents:
    folder.mkdir(exist_ok=True)
    file = folder / "tocsin.yaml"
    file.write_text(f"data: {folder}\n")
    return Incidents(database, load_config(file, environment={}), clock)


async def test_a_restart_takes_back_its_own_claims_and_no_other_nodes(tmp_path: Path) -> None:
    database, clock = state_file(tmp_path / "state.db"), FakeClock()
    await database.open()
    one = _node(database, tmp_path / "one", clock)
    errand = Errand(kind="page", key="a", due_ms=clock.now_ms())
    await one.runner.put(Plan(put=(errand,)))
    (claimed,) = await one.errands.claim(one.runner._node, clock.now_ms(), 60_000)
    other = _node(database, tmp_path / "two", clock)
    await other.load()
    assert await other.errands.claim("two", clock.now_ms(), 60_000) == [], "the first is at it"
    again = _node(database, tmp_path / "one", clock)
    await again.load()
    (same,) = await again.errands.claim("one", clock.now_ms(), 60_000)
    assert same.id == claimed.id
    await database.close()


async def test_a_name_that_was_never_written_whole_is_made_anew(tmp_path: Path) -> None:
    database, clock = state_file(tmp_path / "state.db"), FakeClock()
    await database.open()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "node-id").write_text("")
    assert len(_node(database, tmp_path / "one", clock).runner._node) == 32
    await database.close()
