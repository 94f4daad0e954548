from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from tests.cli.test_silence import Peer
from tocsin.cli.main import app

ROUTES = """
route:
  receiver: team
  routes:
    - {matchers: ['severity="critical"'], receiver: pager, group_wait: 0s}
    - {matchers: ['severity="low"'], receiver: team, mute_time_intervals: [sundays]}
    - {matchers: ['severity="void"'], receiver: void}
receivers:
  - {name: team, webhook_configs: [{url: 'http://127.0.0.1:9'}]}
  - {name: pager, pagerduty_configs: [{routing_key: k}]}
  - {name: void}
inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [alertname!=Down]}]
time_intervals: [{name: sundays, time_intervals: [{weekdays: [sunday]}]}]
"""
POLICY = """
severities:
  critical: {description: All is down, responseTime: 5 minutes, channels: [pager, team]}
alerting:
  channels:
    pager: {kind: pagerduty, routing_key: k}
    team: {kind: webhook, url: 'http://127.0.0.1:9'}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(ROUTES)
    return path


@contextmanager
def peer() -> Iterator[Peer]:
    made = Peer()
    thread = Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_the_tree_is_drawn(file: Path) -> None:
    code, text = run("routes", "show", "--config", str(file))
    assert code == 0
    assert "every alert → team\n" in text
    assert '    severity="critical" → pager\n' in text
    assert "muted during sundays" in text
    assert "told by pagerduty\n" in text
    assert text.index("told by webhook") < text.index("severity="), "who has routes below, too"


def test_the_tree_of_a_policy_is_drawn_and_told_to_programs(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(POLICY)
    code, text = run("routes", "show", "--config", str(file))
    assert code == 0
    assert "severity critical: All is down; answered within 5m" in text
    assert "told by pagerduty; if that fails: team" in text
    tree = json.loads(run("routes", "show", "--config", str(file), "--json")[1])
    assert tree["routes"][0]["matchers"] == ['severity="critical"']
    assert [one["receiver"] for one in tree["routes"][0]["routes"]] == ["pager", "team"]


def test_a_trial_says_who_when_and_why(file: Path) -> None:
    code, text = run("routes", "test", "severity=critical", "--config", str(file))
    assert code == 0
    assert 'receivers: pager\npager: every alert > severity="critical"\n' in text
    assert "+0s  pager (pagerduty[0]) is told: first, after group_wait 0s" in text
    assert "+4h5m  pager (pagerduty[0]) is told: again, after repeat_interval 4h" in text
    assert "+6h  pager (pagerduty[0]) is told: it is over" in text


def test_a_trial_says_who_is_not_told_then_and_until_when(file: Path) -> None:
    words = ("routes", "test", "severity=low", "--config", str(file), "--at", "2026-05-03T22:00")
    code, text = run(*words, "--for", "1h")
    assert code == 3
    assert "from Sunday 2026-05-03 22:00:00 UTC, for 1h:" in text
    assert "team is not told as far as this looks ahead: muted by the time interval" in text
    assert text.endswith("nobody is told\n")
    code, text = run(*words, "--for", "6h")
    assert code == 0
    assert "team is not told before Monday 2026-05-04 00:00:00: muted by the time" in text
    assert "Monday 2026-05-04 00:00:30     +2h0m30s" not in text
    assert "first, at the next look (every group_interval 5m)" in text


def test_another_alert_that_fires_meanwhile_may_hold_it_back(file: Path) -> None:
    words = ("routes", "test", "severity=critical", "alertname=Slow", "--config", str(file))
    code, text = run(*words, "--while", "alertname=Down job=db")
    assert code == 3
    assert "nobody is told before" in text
    assert "held back by Down, which fires" in text


def test_programs_get_json_and_times_follow_the_zone(file: Path) -> None:
    words = ("routes", "test", "severity=low", "--config", str(file), "--json")
    code, text = run(*words, "--at", "2026-05-04T01:00", "--zone", "Europe/Berlin", "--for", "1h")
    answer = json.loads(text)
    assert (code, answer["receivers"], answer["forecast"]["messages"]) == (3, ["team"], [])
    assert answer["forecast"]["at_ms"] == 1_777_849_200_000


def test_amtools_words_are_understood(file: Path) -> None:
    words = ("routes", "test", "--config.file", str(file), "--tree", 'severity="critical"')
    assert run(*words, "--verify.receivers=pager")[0] == 0
    code, text = run(*words, "--verify.receivers=pager,team")
    assert code == 1
    assert "expected the receivers pager,team, found pager" in text


@pytest.mark.parametrize(
    "words",
    [
        ("severity=low", "--at", "sometime"),
        ("severity=low", "--zone", "Moon/Crater"),
        ("severity=low", "--for", "15d"),
        ("severity=~low",),
        ("severity",),
        ("severity=",),
    ],
)
def test_what_makes_no_sense_is_refused(file: Path, words: tuple[str, ...]) -> None:
    assert run("routes", "test", "--config", str(file), *words)[0] == 1


def test_a_receiver_that_is_told_in_no_way_is_nobody(file: Path) -> None:
    code, text = run("routes", "test", "severity=void", "--tree", "--config", str(file))
    assert code == 3
    assert "told by nothing: nobody hears of it" in text


def test_a_file_is_checked(file: Path, tmp_path: Path) -> None:
    code, text = run("check", "alertmanager", str(file))
    assert (code, "4 routes, 3 receivers" in text) == (0, True)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("route: {receiver: tem}\nreceivers: [{name: team}]\n")
    code, text = run("check", "alertmanager", str(file), str(wrong))
    assert code == 1
    assert (
        f"{wrong}:1:9: route.receiver: there is no receiver 'tem'; did you mean \"team\"?" in text
    )


def test_alerts_that_nobody_hears_of_are_named(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "groups: [{name: g, rules: [{alert: Lost, expr: up == 0, labels: {severity: void}},"
        " {alert: Heard, expr: up == 0, labels: {severity: low}}]}]"
    )
    code, text = run("check", "alertmanager", str(file), "--rules", str(rules))
    assert code == 0
    assert "nobody hears of Lost: it leads to the receiver 'void', which tells nobody" in text
    assert "Heard" not in text


@pytest.mark.parametrize("by_shell", [True, False], ids=["by the shell", "in quotes"])
def test_a_pattern_of_rule_files_is_understood(
    file: Path, tmp_path: Path, *, by_shell: bool
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("A", "B"):
        rule = f"{{alert: {name}, expr: up == 0, labels: {{severity: void}}}}"
        (folder / f"{name}.yml").write_text(f"groups: [{{name: {name}, rules: [{rule}]}}]")
    words = [f"{folder}/A.yml", f"{folder}/B.yml"] if by_shell else [f"{folder}/*.yml"]
    code, text = run("check", "alertmanager", str(file), "--rules", *words)
    assert code == 0
    assert "nobody hears of A" in text
    assert "nobody hears of B" in text


def test_a_pattern_that_no_file_has_is_told(file: Path, tmp_path: Path) -> None:
    code, text = run("check", "alertmanager", str(file), "--rules", f"{tmp_path}/x/*.yml")
    assert code == 1
    assert f"--rules: there is no file {tmp_path}/x/*.yml" in text


def test_rules_whose_severity_has_no_level_are_named(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: g, rules: [{alert: Odd, expr: up == 0, labels: {severity: warning}},"
        " {alert: Known, expr: up == 0, labels: {severity: critical}}]}]"
    )
    file = tmp_path / "tocsin.yaml"
    file.write_text(f"{POLICY}prometheus: {{rule_files: [rules.yml]}}\n")
    code, text = run("check", "config", str(file))
    assert code == 0
    assert "Odd: no level of severities is called 'warning'; it is told to pager, team" in text
    assert "Known" not in text


def test_a_running_tocsin_is_asked_by_its_address(file: Path) -> None:
    words = ("severity=critical", "--at", "2030-01-01T03:00:00Z", "--for", "1h")
    here = run("routes", "test", *words, "--config", str(file))
    answer = json.loads(run("routes", "test", *words, "--config", str(file), "--json")[1])
    tree = json.loads(run("routes", "show", "--config", str(file), "--json")[1])
    with peer() as there:
        there.answers["POST", "/api/routes/test"] = (200, answer)
        there.answers["GET", "/api/routes"] = (200, {"tree": tree, "intervals": {}})
        given = ("--url", there.url, "--token", "k")
        assert run("routes", "test", *words, *given) == here
        assert there.asked[0][2:] == (
            {
                "labels": {"severity": "critical"},
                "at": "2030-01-01T03:00:00Z",
                "zone": "UTC",
                "for": "1h",
                "live": True,
            },
            "Bearer k",
        )
        assert run("routes", "test", *words, *given, "--config", str(file))[0] == 1
        assert run("routes", "test", *words, *given, "--zone", "local")[0] == 1
        there.answers["POST", "/api/routes/test"] = (404, {"error": "there are no routes"})
        assert run("routes", "test", *words, *given) == (3, "error: there are no routes\n")
    assert run("routes", "test", *words, *given)[0] == 2
