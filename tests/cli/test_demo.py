"""Breaking a demo that is not there is refused, where it would go unnoticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tocsin.cli.main import app
from tocsin.demo.switches import Switches

RUN = CliRunner()


@pytest.mark.parametrize("command", [["break", "database"], ["mend"], ["status"]])
def test_a_folder_without_a_demo_is_named(tmp_path: Path, command: list[str]) -> None:
    ran = RUN.invoke(app, ["demo", "--data", str(tmp_path / "other"), *command])
    assert ran.exit_code == 1
    assert "there is no demo in" in ran.output
    assert not (tmp_path / "other").exists()


def test_a_demo_that_does_not_run_is_not_broken(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    ran = RUN.invoke(app, ["demo", "--data", str(tmp_path), "break", "database"])
    assert ran.exit_code == 1
    assert "does not run" in ran.output
    assert not Switches(tmp_path / "demo").is_broken("database")


def test_a_demo_that_runs_is_broken_and_its_folder_named_for_mending(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "running.json").write_text(json.dumps({"pid": os.getpid()}))
    ran = RUN.invoke(app, ["demo", "--data", str(tmp_path), "break", "database"])
    assert ran.exit_code == 0, ran.output
    assert f"tocsin demo --data {tmp_path} mend database" in ran.output
    assert Switches(tmp_path / "demo").is_broken("database")
    assert RUN.invoke(app, ["demo", "--data", str(tmp_path), "mend"]).exit_code == 0
    assert not Switches(tmp_path / "demo").is_broken("database")
