"""Rule tests that say who is notified, when, and with what text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.alert.trying import case_file, case_run
from tocsin.app.dry_receivers import dry_receivers
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected

RULES = """
groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, for: 2m, labels: {severity: critical},
         annotations: {summary: '{{ $labels.instance }} is down'}}
      - {alert: Gone, expr: up == 0, labels: {severity: info}}
"""
ROUTES = """
global: {smtp_smarthost: 'mail.invalid:25', smtp_from: t@example.org}
route:
  receiver: quiet
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes: [{receiver: pager, matchers: [severity=critical]}]
receivers:
  - {name: quiet, email_configs: [{to: ops@example.org}]}
  - name: pager
    slack_configs:
      - {api_url: 'http://slack.invalid/hook', channel: '#ops', send_resolved: true,
         title: '{{ .CommonLabels.alertname }} {{ .Status }}',
         text: '{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}'}
"""
CASES = """
rule_files: [rules.yml]
evaluation_interval: 1m
alertmanager: alertmanager.yml
tests:
  - interval: 1m
    input_series: [{{series: 'up{{instance="a"}}', values: '1 0x9 1x20'}}]
    notification_test:
{tests}
"""
ALL = """
      - eval_time: 20m
        receiver: pager
        exp_notifications:
          - exp_at: 3m30s
            exp_status: firing
            exp_integration: slack[0]
            exp_alerts: [{exp_labels: {alertname: Down, instance: a, severity: critical}}]
            exp_text: ['Down firing', 'a is down']
          - {exp_at: 13m30s, exp_status: resolved, exp_text: ['Down resolved']}
      - eval_time: 20m
        receiver: quiet
        exp_notifications: [{exp_at: 1m30s, exp_text: ['To: ops@example.org', 'Gone']}]
      - {eval_time: 3m, receiver: pager}
      - {since: 5m, eval_time: 10m, receiver: pager}
"""


async def problems(folder: Path, tests: str) -> list[str]:
    (folder / "rules.yml").write_text(RULES)
    (folder / "alertmanager.yml").write_text(ROUTES)
    (folder / "test.yml").write_text(CASES.format(tests=tests))
    return await case_run.run(case_file.read(folder / "test.yml"), dry_receivers)


async def test_who_is_told_when_and_with_what_text(tmp_path: Path) -> None:
    assert await problems(tmp_path, ALL) == []


@pytest.mark.parametrize(
    ("test", "words"),
    [
        pytest.param("{eval_time: 5m, receiver: pager}", "expected: 0 notifications", id="count"),
        pytest.param(
            "{eval_time: 5m, receiver: pager, exp_notifications: [{exp_at: 3m}]}",
            "expected at: 3m\n  got at:      3m30s", id="when",
        ),
        pytest.param(
            "{eval_time: 5m, receiver: pager, exp_notifications: [{exp_status: resolved}]}",
            "expected status: resolved", id="status",
        ),
        pytest.param(
            "{eval_time: 5m, receiver: pager, exp_notifications: [{exp_integration: 'email[0]'}]}",
            "got integration:      slack[0]", id="by which way",
        ),
        pytest.param(
            "{eval_time: 5m, receiver: pager, exp_notifications: [{exp_alerts: []}]}",
            "expected alerts: none", id="alerts",
        ),
        pytest.param(
            "{eval_time: 5m, receiver: pager, exp_notifications: [{exp_text: [b is down]}]}",
            "expected text: b is down", id="text",
        ),
    ],
)  # fmt: skip
async def test_what_is_not_as_expected_is_said(tmp_path: Path, test: str, words: str) -> None:
    (said,) = await problems(tmp_path, f"      - {test}")
    assert words in said


async def test_a_receiver_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="did you mean"):
        await problems(tmp_path, "      - {eval_time: 1m, receiver: pgaer}")


def test_notifications_without_routes_are_a_mistake_with_a_place(tmp_path: Path) -> None:
    file = tmp_path / "test.yml"
    file.write_text(CASES.format(tests="      - {receiver: x}").replace("alertmanager:", "#"))
    with pytest.raises(ConfigError, match="needs routes"):
        case_file.read(file)


async def test_another_alertmanager_file_may_be_given(tmp_path: Path) -> None:
    await problems(tmp_path, ALL)
    other = tmp_path / "other.yml"
    other.write_text(ROUTES.replace("group_wait: 30s", "group_wait: 90s"))
    cases = case_file.read(tmp_path / "test.yml", other)
    assert any("3m30s" in words for words in await case_run.run(cases, dry_receivers))


async def test_a_test_may_begin_at_a_moment_so_that_hours_of_the_week_count(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "alertmanager.yml").write_text(
        ROUTES.replace("matchers: [severity=critical]", "matchers: [severity=critical],"
                       " mute_time_intervals: [sundays]")
        + "time_intervals: [{name: sundays, time_intervals: [{weekdays: [sunday]}]}]\n"
    )  # fmt: skip
    told = """
      - {eval_time: 20m, receiver: pager, exp_notifications: [{exp_at: 3m30s}, {exp_at: 13m30s}]}
"""
    (tmp_path / "test.yml").write_text(CASES.format(tests=told))
    assert await case_run.run(case_file.read(tmp_path / "test.yml"), dry_receivers) == []
    text = CASES.format(tests=told).replace(
        "tests:\n  - interval",
        "tests:\n  - start_timestamp: 2026-11-22T09:00:00+01:00\n    interval",
    )
    (tmp_path / "test.yml").write_text(text)
    (found,) = await case_run.run(case_file.read(tmp_path / "test.yml"), dry_receivers)
    assert "got:      none" in found
