from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tocsin.cli.main import app

ROUTES = """
route:
  receiver: team
  routes:
    - {matchers: ['severity="critical"'], receiver: pager, group_wait: 0s}
    - {matchers: ['severity="low"'], receiver: team, mute_time_intervals: [sundays]}
receivers: [{name: team}, {name: pager}]
time_intervals: [{name: sundays, time_intervals: [{weekdays: [sunday]}]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ROUTES)
    return path


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_the_tree_is_drawn(file: Path) -> None:
    code, text = run("routes", "show", "--config", str(file))
    assert code == 0
    assert "every alert → team\n" in text
    assert '    severity="critical" → pager\n' in text
    assert "muted during sundays" in text


def test_a_trial_says_who_and_by_which_way(file: Path) -> None:
    code, text = run("routes", "test", "severity=critical", "--config", str(file))
    assert code == 0
    assert "pager: is told\n  every alert → team\n    severity" in text
    assert "first after 0s" in text


def test_a_trial_says_who_is_not_told_then(file: Path) -> None:
    words = ("routes", "test", "severity=low", "--config", str(file), "--at")
    code, text = run(*words, "Sunday 03:00")
    assert code == 3
    assert "at Sunday" in text
    assert "team: muted by the time interval sundays" in text
    assert run(*words, "Monday 03:00")[0] == 0
    assert run(*words, "sometime")[0] == 1


def test_a_file_is_checked(file: Path, tmp_path: Path) -> None:
    code, text = run("check", "alertmanager", str(file))
    assert (code, "3 routes, 2 receivers" in text) == (0, True)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("route: {receiver: tem}\nreceivers: [{name: team}]\n")
    code, text = run("check", "alertmanager", str(file), str(wrong))
    assert code == 1
    assert (
        f"{wrong}:1:9: route.receiver: there is no receiver 'tem'; did you mean \"team\"?" in text
    )
