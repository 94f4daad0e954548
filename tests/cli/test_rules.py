"""`tocsin check rules` and `tocsin test rules` at a terminal."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tocsin.cli.main import app
from tocsin.demo.rules import RULES

CASES = Path(__file__).parent.parent / "alert" / "rules" / "everyday_test.yml"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_right_rules_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    assert run("check", "rules", str(file)) == (0, f"{file}: 6 rules found\n")


def test_a_mistake_is_told_and_the_exit_code_is_one(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("groups: [{name: a, rules: [{alert: A, expr: up ==}]}]")
    code, said = run("check", "rules", str(file))
    assert code == 1
    assert f"{file}:1:" in said


def test_tests_that_pass_and_tests_that_fail(tmp_path: Path) -> None:
    assert run("test", "rules", str(CASES)) == (0, f"Unit Testing:  {CASES}\n  SUCCESS\n")
    (tmp_path / "everyday.yml").write_text((CASES.parent / "everyday.yml").read_text())
    other = tmp_path / "other.yml"
    other.write_text(CASES.read_text().replace("value: 0", "value: 5"))
    code, said = run("test", "rules", str(other))
    assert code == 1
    assert "FAILED" in said


def test_the_plain_rules_of_a_configuration_are_read_and_doubted(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(
        "alerts:\n  - {name: Much, condition: 'error_rate > 150%', duration: 5m}\n"
        "slos:\n  api: {objective: 99.9%, indicator: error_rate}\n"
    )
    place = f"warning: {file}:2:5: Much:"
    doubt = f"{place} condition: a share is from 0% to 100%: > 150% is never true\n"
    assert run("check", "rules", str(file)) == (0, f"{file}: 1 rule found\n{doubt}")
    code, said = run("check", "config", str(file))
    assert code == 0
    assert said.count(doubt) == 1


def test_a_condition_that_is_too_deep_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(f"alerts: [{{name: A, condition: '{'-' * 9_000}1 > 2'}}]\n")
    code, said = run("check", "rules", str(file))
    assert code == 1
    assert f"{file}:1:" in said
    assert "more than 50 parentheses" in said
