"""Rule files of Prometheus: what is read, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.alert.checking.advice import advice
from tocsin.alert.rules.rule_file import Defaults, RuleFileError, RuleGroup, read


def group(tmp_path: Path, text: str, defaults: Defaults | None = None) -> list[RuleGroup]:
    file = tmp_path / "rules.yml"
    file.write_text(text)
    return read(file, defaults or Defaults())


def test_every_key_of_a_group_and_of_its_rules_is_read(tmp_path: Path) -> None:
    text = """\
groups:
  - name: a
    interval: 30s
    limit: 7
    query_offset: 2m
    labels: {team: web, severity: low}
    rules:
      - record: job:up:sum
        expr: sum(up)   by (job)
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 10m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.job }}"}
"""
    (made,) = group(tmp_path, text)
    recording, alerting = made.rules
    assert (made.interval_ms, made.limit, made.query_offset_ms) == (30_000, 7, 120_000)
    assert (recording.name, recording.expr) == ("job:up:sum", "sum by (job) (up)")
    assert alerting.labels == (("severity", "page"), ("team", "web"))
    assert (alerting.hold_ms, alerting.keep_firing_ms) == (300_000, 600_000)
    assert alerting.annotations == (("summary", "{{ $labels.job }}"),)


def test_a_group_without_an_interval_takes_the_global_one(tmp_path: Path) -> None:
    defaults = Defaults(interval_ms=15_000, query_offset_ms=1000)
    (made,) = group(tmp_path, "groups: [{name: a, rules: []}]", defaults)
    assert (made.interval_ms, made.query_offset_ms) == (15_000, 1000)


@pytest.mark.parametrize("text", ["", "groups:\n", "groups: []\n"])
def test_a_file_may_be_empty(tmp_path: Path, text: str) -> None:
    assert group(tmp_path, text) == []


@pytest.mark.parametrize(
    ("rule", "where", "words"),
    [
        ("{alert: A, record: b, expr: up}", "1:32", "only one of record and alert"),
        ("{expr: up}", "1:31", "one of record and alert must be set"),
        ("{alert: A}", "1:31", "the expression is missing"),
        ("{alert: A, expr: up ==}", "1:42", "could not parse expression: 1:6"),
        ("{alert: A, expr: 'up[5m]'}", "1:42", "needs an instant vector"),
        ("{record: 'a{b}', expr: up}", "1:32", "braces in the name"),
        ("{record: a, expr: up, for: 1m}", "1:53", "does not have this"),
        ("{alert: A, expr: up, annotations: {s: '{{ x }}'}}", "1:66", "function 'x' not defined"),
        ("{alert: A, expr: up, labels: {__name__: x}}", "1:61", "invalid label name"),
        ("{alert: A, expr: up, foo: bar}", "1:52", "unknown key"),
        ("{alert: A, expr: up, for: soon}", "1:57", "expected a duration"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, rule: str, where: str, words: str
) -> None:
    with pytest.raises(RuleFileError) as refused:
        group(tmp_path, f"groups: [{{name: a, rules: [{rule}]}}]")
    assert words in str(refused.value)
    line, column = where.split(":")
    assert refused.value.problems[0].place.line == int(line)
    assert abs(refused.value.problems[0].place.column - int(column)) <= 4


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "groups: [{name: a, rules: [{alert: A}, {expr: up}]}, {name: a, rules: []}, {rules: []}]"
    with pytest.raises(RuleFileError) as refused:
        group(tmp_path, text)
    assert len(refused.value.problems) == 4


def test_doubts_name_what_cannot_fire_or_fires_too_soon(tmp_path: Path) -> None:
    rules = "[{alert: A, expr: gone > 0, for: 1m}, {alert: B, expr: up == 0}, {alert: C, expr: up}]"
    found = list(
        advice(group(tmp_path, f"groups: [{{name: a, rules: {rules}}}]"), {"up"}.__contains__)
    )
    assert [words.split(": ", 1)[1] for words in found] == [
        "A: no series of gone is there: it cannot fire",
        "B: no `for`: a single bad sample fires it",
        "C: no `for`: a single bad sample fires it",
        "C: the expression compares nothing: it fires for every series that is there",
    ]  # fmt: skip
