"""Which rules a configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.alert.rules.rule_file import RuleFileError
from tocsin.app.config import load_config
from tocsin.app.rules import rule_files, rule_plan

RULE = "groups: [{name: %s, rules: [{alert: A, expr: up == 0}]}]"


def config(folder: Path, prometheus: str) -> Path:
    file = folder / "tocsin.yaml"
    file.write_text(f"prometheus:\n{prometheus}")
    return file


def test_patterns_are_relative_to_the_file_and_each_file_counts_once(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name in "ba":
        (tmp_path / "rules" / f"{name}.yml").write_text(RULE % name)
    loaded = load_config(
        config(
            tmp_path,
            "  global:\n    evaluation_interval: 10s\n    rule_query_offset: 3s\n"
            "    external_labels: {r: eu}\n"
            "  rule_files: [rules/*.yml, rules/a.yml, none.yml]\n",
        )
    )
    plan = rule_plan(loaded)
    assert [group.name for group in plan.groups] == ["a", "b"]
    assert {(group.interval_ms, group.query_offset_ms) for group in plan.groups} == {(10_000, 3000)}
    assert plan.external_labels == (("r", "eu"),)
    assert [file.name for file in rule_files(loaded)] == ["a.yml", "b.yml"]
    (warning,) = plan.warnings
    assert warning.endswith("rule_files: no file matches none.yml")


def test_a_mistake_in_any_file_is_told_with_its_place(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yml").write_text("groups: [{name: g, rules: [{alert: A}]}]")
    loaded = load_config(config(tmp_path, "  rule_files: [a.yml, b.yml]\n"))
    with pytest.raises(RuleFileError) as refused:
        rule_plan(loaded)
    assert [problem.place.file for problem in refused.value.problems] == [
        str(tmp_path / "a.yml"),
        str(tmp_path / "b.yml"),
    ]


def test_without_a_prometheus_yml_there_are_no_rules(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text("")
    assert rule_plan(load_config(file)).groups == ()
