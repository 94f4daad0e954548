"""What people changed, found by time."""

from __future__ import annotations

from tocsin.kit.clock import FakeClock
from tocsin.state.audit import Audit
from tocsin.state.database import Database


async def test_the_acts_of_a_stretch_of_time_are_found_but_for_kinds_that_do_not_matter(
    database: Database,
) -> None:
    clock = FakeClock()
    audit, began = Audit(database, clock), clock.now_ms()
    for what in ("rule_saved", "alert_acknowledged", "config_applied", "user_created"):
        await audit.record("ana", what)
        clock.jump(60.0)
    found = await audit.between(began, began + 180_000, limit=10, without=("alert_acknowledged",))
    assert [one.what for one in found] == ["config_applied", "rule_saved"]
    assert len(await audit.between(began, began + 180_000, limit=1)) == 1
