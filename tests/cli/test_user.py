from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from tests.state.fresh import state_file
from tocsin.cli.exits import Exit
from tocsin.cli.main import app
from tocsin.kit.clock import SystemClock
from tocsin.state.users import Users


async def _make_admin(folder: Path) -> None:
    database = state_file(folder / "state.db")
    await database.open()
    await Users(database, SystemClock()).ensure_admin()
    await database.close()


async def _may_log_in(folder: Path, password: str) -> bool:
    database = state_file(folder / "state.db")
    await database.open()
    user = await Users(database, SystemClock()).check("admin", password)
    await database.close()
    return user is not None


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["user", "reset-password", *arguments])
    return result.exit_code, result.output


async def test_a_forgotten_password_is_replaced(tmp_path: Path) -> None:
    await _make_admin(tmp_path)
    code, said = await asyncio.to_thread(run, "--data", str(tmp_path))
    assert code == 0
    assert said.startswith("admin can log in with the one-time password ")
    assert await _may_log_in(tmp_path, said.split()[-1])


async def test_a_user_who_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    await _make_admin(tmp_path)
    code, said = await asyncio.to_thread(run, "bo", "--data", str(tmp_path))
    assert code == Exit.NOTHING
    assert "there is no user 'bo'; known: admin" in said
