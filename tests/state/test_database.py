from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.state.fresh import state_on_server
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.state.database import _MIGRATIONS, NEWEST, Database
from tocsin.state.tables import DASHBOARDS, METADATA


async def test_the_migrations_lead_to_the_tables_that_the_program_knows(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), METADATA)

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_the_newest_migration_is_the_one_that_the_program_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/state.db"
    question = text("SELECT sql FROM sqlite_master ORDER BY name")
    found = []
    for _ in range(2):
        database = Database(url)
        await database.open()
        async with database.reading() as connection:
            found.append((await connection.execute(question)).all())
        await database.close()
    assert found[0] == found[1]
    assert len(found[0]) > 10


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.exec_driver_sql("CREATE TABLE half (a integer)")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await fail()
    async with database.transaction() as connection:
        await connection.exec_driver_sql("CREATE TABLE half (a integer)")


async def test_a_number_that_no_column_holds_is_the_askers_mistake(database: Database) -> None:
    async def ask(number: int) -> None:
        async with database.reading() as connection:
            await connection.execute(DASHBOARDS.select().where(DASHBOARDS.c.version == number))

    for number in (1 << 63, -(10**30)):
        with pytest.raises(Rejected, match="too large"):
            await ask(number)


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.open()
    async with database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    await database.close()
    with pytest.raises(Permanent, match="written by a newer Tocsin"):
        await Database(f"sqlite:///{tmp_path}/state.db").open()


async def test_a_database_that_is_away_is_said_to_be() -> None:
    database = Database("postgresql://me:hunter2@127.0.0.1:1/none")
    with pytest.raises(Temporary, match=r"postgresql\+asyncpg://me:\*\*\*@127.0.0.1:1/none cannot"):
        await database.open()


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("something else " * 100)
    with pytest.raises(Permanent, match="file is not a database"):
        await Database(f"sqlite:///{tmp_path}/state.db").open()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "", "sqlite+nothing"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(Permanent, match=r"state\.url"):
        Database(url)


def _raised(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT pg_terminate_backend(pg_backend_pid())", id="the connection is ended"),
        pytest.param(_raised("40P01"), id="a deadlock"),
        pytest.param(_raised("53300"), id="too many connections"),
        pytest.param(_raised("25006"), id="the server became a standby"),
    ],
)
async def test_what_does_not_lie_in_a_statement_passes(postgresql_url: str, statement: str) -> None:
    database = await state_on_server(postgresql_url)
    await database.open()
    with pytest.raises(Temporary, match="cannot be used now"):
        async with database.transaction() as connection:
            await connection.exec_driver_sql(statement)
    with pytest.raises(DBAPIError):
        async with database.transaction() as connection:
            await connection.exec_driver_sql("SELECT 1 / 0")
    await database.close()
