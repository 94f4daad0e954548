"""Rules in the words of `tocsin.yaml`, from the file to the compiled rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.alert.rules.rule_file import RuleFileError, RuleGroup, Unknown
from tocsin.app.config import load_config
from tocsin.app.rules import rule_plan

ALERT_CONFIG = """\
alertConfig:
  alertRules:
    serviceDown: {condition: 'http_status_5xx_rate > 50%', duration: '1m', severity: 'critical',
      message: 'Service experiencing high error rates'}
    databaseDown: {condition: 'convex_connection_errors > 10', duration: '2m', severity: critical}
    highErrorRate: {condition: 'error_rate > 5%', duration: '5m', severity: high}
    slowResponse: {condition: 'p95_response_time > 2000ms', duration: '5m', severity: high}
    highMemoryUsage: {condition: 'memory_usage > 80%', duration: '10m', severity: medium}
    aiServiceSlow: {condition: 'ai_analysis_latency > 10000ms', duration: '5m', severity: medium}
    lowUserActivity: {condition: 'daily_active_users < 50', duration: '1h', severity: low}
"""

LIST = """\
indicators:
  queue: {expr: max(jobs_waiting), about: jobs that wait}
  queue_time: {expr: "sum(queue_seconds) / sum(queue_jobs)", unit: s}
alerts:
  - name: QueueLong
    condition: queue > 10 or queue_time > 30s
    recover: queue < 5
    duration: 5m
    severity: high
    message: "{{ $value }} jobs wait"
    runbook: https://wiki/queue
    by: [service]
    no_data: keep
    labels: {team: infra}
    annotations: {hint: restart the worker}
"""


def plan(folder: Path, text: str) -> tuple[RuleGroup, ...]:
    file = folder / "tocsin.yaml"
    file.write_text(text)
    return rule_plan(load_config(file)).groups


def test_what_an_application_exports_is_read_as_it_stands(tmp_path: Path) -> None:
    (group,) = plan(tmp_path, ALERT_CONFIG)
    assert (group.name, group.interval_ms) == ("alerts", 15_000)
    assert [rule.name for rule in group.rules] == [
        "serviceDown",
        "databaseDown",
        "highErrorRate",
        "slowResponse",
        "highMemoryUsage",
        "aiServiceSlow",
        "lowUserActivity",
    ]
    first, slow = group.rules[0], group.rules[3]
    assert first.labels == (("severity", "critical"),)
    assert first.annotations == (("summary", "Service experiencing high error rates"),)
    assert (first.hold_ms, first.written) == (60_000, "http_status_5xx_rate > 50%")
    assert (first.no_data, first.on_error) == (Unknown.ALERT, Unknown.ALERT)
    assert slow.expr.endswith("> 2")
    assert "http_request_duration_seconds_bucket" in slow.expr


def test_a_list_with_everything(tmp_path: Path) -> None:
    ((rule,),) = (group.rules for group in plan(tmp_path, LIST))
    assert rule.name == "QueueLong"
    assert rule.expr == (
        "max by (service) (jobs_waiting) > 10 or "
        "sum by (service) (queue_seconds) / sum by (service) (queue_jobs) > 30"
    )
    assert rule.recover == "max by (service) (jobs_waiting) < 5"
    assert dict(rule.labels) == {"severity": "high", "team": "infra"}
    assert dict(rule.annotations) == {
        "summary": "{{ $value }} jobs wait",
        "runbook_url": "https://wiki/queue",
        "hint": "restart the worker",
    }
    assert (rule.no_data, rule.place.line) == (Unknown.KEEP, 5)


def test_rules_of_both_forms_stand_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]")
    prometheus = "prometheus: {global: {evaluation_interval: 7s}, rule_files: [r.yml]}\n"
    groups = plan(tmp_path, prometheus + "alerts: {Slow: {condition: 'p99_latency > 2s'}}\n")
    assert [(group.name, group.interval_ms) for group in groups] == [("g", 7000), ("alerts", 7000)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("alerts: [{name: A, condition: 'error_rat > 5%'}]", "error_rate", id="name"),
        pytest.param("alerts: [{condition: 'error_rate > 5%'}]", "has no name", id="no name"),
        pytest.param("alerts: {A: {condition: 'up'}}", "unknown indicator", id="no indicator"),
        pytest.param("alerts: {A: {}}", '"condition" is missing', id="no condition"),
        pytest.param("alerts: {A: {conditon: x}}", 'did you mean "condition"', id="a wrong key"),
        pytest.param("alerts: 5", "a list of rules", id="no rules"),
        pytest.param("indicators: {q: {expr: 'sum('}}", "could not parse", id="no PromQL"),
        pytest.param("indicators: {q: {expr: x, unit: parsec}}", "expected one of", id="no unit"),
        pytest.param(
            "alerts: {A: {condition: 'load > 5', message: '{{ nonsense }}'}}",
            "bad template",
            id="t",
        ),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RuleFileError, match=words) as refused:
        plan(tmp_path, text)
    (problem,) = refused.value.problems
    assert problem.place.file == str(tmp_path / "tocsin.yaml")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError) as refused:
        plan(tmp_path, "alerts:\n  A: {condition: x}\n  B: {condition: 'load > 5%'}\n")
    assert [problem.place.line for problem in refused.value.problems] == [2, 3]
