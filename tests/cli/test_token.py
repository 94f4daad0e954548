from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from tests.state.fresh import state_file
from tocsin.cli.exits import Exit
from tocsin.cli.main import app
from tocsin.kit.clock import SystemClock
from tocsin.state.tokens import Scope, Token, Tokens


async def token(*arguments: str, data: Path) -> tuple[int, str]:
    result = await asyncio.to_thread(
        CliRunner().invoke, app, ["token", *arguments, "--data", str(data)]
    )
    return result.exit_code, result.output


async def found(folder: Path, text: str) -> Token | None:
    database = state_file(folder / "state.db")
    await database.open()
    try:
        return await Tokens(database, SystemClock()).find(text)
    finally:
        await database.close()


async def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    code, said = await token(
        "create", "grafana", "--scope", "read", "--expires", "30d", data=tmp_path
    )
    assert code == 0
    text = said.split()[0]
    made = await found(tmp_path, text)
    assert made is not None
    assert made.scopes == (Scope.READ,)
    assert made.expires_at is not None
    code, said = await token("list", data=tmp_path)
    assert code == 0
    assert "grafana" in said
    assert text not in said
    code, said = await token("revoke", str(made.id), data=tmp_path)
    assert (code, said) == (0, f"key {made.id} (grafana) is revoked\n")
    assert await found(tmp_path, text) is None
    assert "grafana" not in (await token("list", data=tmp_path))[1]
    assert "grafana" in (await token("list", "--all", data=tmp_path))[1]


async def test_a_key_without_scopes_is_for_ingest_alone(tmp_path: Path) -> None:
    _, said = await token("create", "agent", data=tmp_path)
    made = await found(tmp_path, said.split()[0])
    assert made is not None
    assert made.scopes == (Scope.INGEST,)


async def test_an_unknown_scope_is_told_with_those_that_exist(tmp_path: Path) -> None:
    code, said = await token("create", "x", "--scope", "write", data=tmp_path)
    assert code == Exit.WRONG
    assert "there is no scope 'write'; choose of ingest, read, admin" in said


async def test_revoking_what_is_not_there_says_so(tmp_path: Path) -> None:
    code, said = await token("revoke", "7", data=tmp_path)
    assert code == Exit.NOTHING
    assert "there is no key with the id 7" in said
