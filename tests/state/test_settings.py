from __future__ import annotations

import msgspec
import pytest

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent
from tocsin.state.audit import Audit
from tocsin.state.database import Database
from tocsin.state.push_groups import PushGroup, PushGroups
from tocsin.state.settings import Settings


class Rule(msgspec.Struct, frozen=True):
    metric: str


async def test_a_setting_is_kept_replaced_and_dropped(database: Database, clock: FakeClock) -> None:
    settings = Settings(database, clock)
    assert await settings.get("drop", list[Rule], []) == []
    await settings.set("drop", [Rule("a")], by="bo")
    await settings.set("drop", [Rule("b")], by="ann")
    assert await settings.get("drop", list[Rule], []) == [Rule("b")]
    (kept,) = await settings.all()
    assert (kept.key, kept.updated_by) == ("drop", "ann")
    assert msgspec.json.decode(kept.value) == [{"metric": "b"}]
    await settings.delete("drop")
    assert await settings.all() == []


async def test_a_setting_of_another_type_is_said_to_be(
    database: Database, clock: FakeClock
) -> None:
    settings = Settings(database, clock)
    await settings.set("drop", 5, by="bo")
    with pytest.raises(Permanent, match="setting drop in the state database is damaged"):
        await settings.get("drop", list[Rule], [])


async def test_pushed_groups_are_kept_until_they_are_deleted(database: Database) -> None:
    groups = PushGroups(database)
    await groups.save('{"job":"b"}', b"x \x00 1", 5)
    await groups.save('{"job":"a"}', b"", 6)
    await groups.save('{"job":"a"}', b"y 2", 7)
    assert await groups.all() == [
        PushGroup(key='{"job":"a"}', content=b"y 2", updated_at=7),
        PushGroup(key='{"job":"b"}', content=b"x \x00 1", updated_at=5),
    ]
    await groups.delete('{"job":"a"}')
    assert [group.key for group in await groups.all()] == ['{"job":"b"}']
    await groups.clear()
    assert await groups.all() == []


async def test_the_trail_is_read_from_its_end(database: Database, clock: FakeClock) -> None:
    audit = Audit(database, clock)
    for number in range(5):
        await audit.record("bo", "key_created", str(number), detail={"scopes": "read"}, ip="::1")
    newest = await audit.latest(2)
    assert [entry.target for entry in newest] == ["4", "3"]
    assert newest[0].detail == {"scopes": "read"}
    older = await audit.latest(2, before_id=newest[-1].id)
    assert [entry.target for entry in older] == ["2", "1"]
