"""Migrations run once, in order, and may be interrupted anywhere."""

from __future__ import annotations

import pytest

from tocsin.kit.fault import Permanent
from tocsin.store.client import Store
from tocsin.store.errors import StoreError
from tocsin.store.migrate import Migration, migrate, shipped

pytestmark = pytest.mark.anyio

FIRST = Migration(1, "first", "-- why; with a semicolon;\nCREATE TABLE IF NOT EXISTS a {on_cluster}"
                  " (x Int8) ENGINE = {replicated}MergeTree ORDER BY x;\n")  # fmt: skip
SECOND = Migration(
    2,
    "second",
    "CREATE TABLE IF NOT EXISTS b (x Int8) ENGINE = MergeTree ORDER BY x;\n"
    "ALTER TABLE b ADD COLUMN IF NOT EXISTS y Int8;\n",
)


async def test_what_is_missing_is_applied_once(empty_store: Store) -> None:
    assert await migrate(empty_store, migrations=[FIRST]) == ["first"]
    assert await migrate(empty_store, migrations=[FIRST, SECOND]) == ["second"]
    assert await migrate(empty_store, migrations=[FIRST, SECOND]) == []


async def test_an_interrupted_migration_is_taken_up_again(empty_store: Store) -> None:
    broken = Migration(2, "second", SECOND.text + "SELECT no_such_column;\n")
    with pytest.raises(StoreError, match="no_such_column"):
        await migrate(empty_store, migrations=[FIRST, broken])
    assert await migrate(empty_store, migrations=[FIRST, SECOND]) == ["second"]
    assert await empty_store.fetch_bytes("SELECT count(y) FROM b", fmt="TSV") == b"0\n"


async def test_a_changed_file_is_noticed(empty_store: Store) -> None:
    await migrate(empty_store, migrations=[FIRST])
    changed = Migration(1, "first", FIRST.text + "SELECT 1;\n")
    with pytest.raises(Permanent, match=r"0001_first\.sql has changed"):
        await migrate(empty_store, migrations=[changed])


async def test_a_newer_schema_is_not_touched(empty_store: Store) -> None:
    await migrate(empty_store, migrations=[FIRST, SECOND])
    with pytest.raises(Permanent, match="newer version"):
        await migrate(empty_store, migrations=[FIRST])


async def test_the_shipped_schema_applies_twice_over(empty_store: Store) -> None:
    applied = await migrate(empty_store)
    assert applied == [each.name for each in shipped()]
    for migration in shipped():
        for statement in migration.statements(None):
            await empty_store.command(statement)


def test_numbers_are_unique_and_follow_each_other() -> None:
    assert [each.number for each in shipped()] == list(range(1, len(shipped()) + 1))


def test_a_cluster_gets_replicated_tables() -> None:
    (statement,) = FIRST.statements("prod`x")
    assert "ON CLUSTER `prod\\`x`" in statement
    assert "ReplicatedMergeTree" in statement
    for migration in shipped():
        for statement in migration.statements("prod"):
            assert "ON CLUSTER `prod`" in statement
            assert not statement.startswith("CREATE TABLE") or "ENGINE = Replicated" in statement
