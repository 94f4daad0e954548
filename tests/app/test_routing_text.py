from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.alert.routing.route import matching
from tocsin.app.config import load_config
from tocsin.app.receivers import routing_of
from tocsin.app.routing_text import routing_text
from tocsin.kit.yaml import loads
from tocsin.model.labels import from_mapping

CONFIG = """
severities:
  critical: {response_time: 5m, channels: [pager, chat], escalation: [chat]}
  low: {channels: [chat], also: [info], active_time_intervals: [office]}
alerting:
  channels:
    pager: {kind: pagerduty, routing_key: hidden-key}
    chat: {kind: slack, api_url: http://hidden}
  time_intervals: {office: [{weekdays: ["monday:friday"]}]}
"""
FILE = """
alertmanager:
  route: {receiver: all, routes: [{match: {team: db}, receiver: db}]}
  receivers: [{name: all}, {name: db, slack_configs: [{api_url: http://hidden}]}]
"""
ALERTS = ({"severity": "critical"}, {"severity": "info"}, {"team": "db"}, {"x": "y"})


@pytest.mark.parametrize("text", [CONFIG, CONFIG + FILE], ids=["alone", "beside a file"])
def test_the_routes_in_force_are_told_as_a_file_that_amtool_reads(
    tmp_path: Path, text: str
) -> None:
    config = tmp_path / "tocsin.yaml"
    config.write_text(text)
    loaded = load_config(config)
    plan, told = routing_of(loaded), routing_text(loaded)
    assert plan is not None
    assert "hidden" not in told
    again = read_routing(loads(told))
    ends = [
        [one.receiver for one in matching(plan.root, from_mapping(labels))] for labels in ALERTS
    ]
    assert ends == [
        [one.receiver for one in matching(again.root, from_mapping(labels))] for labels in ALERTS
    ]
    program = shutil.which("amtool")
    if program is None:
        pytest.skip("amtool is not installed")
    file = tmp_path / "alertmanager.yml"
    file.write_text(told)
    words = [program, "config", "routes", "test", f"--config.file={file}"]
    for labels, receivers in zip(ALERTS, ends, strict=True):
        asked = [*words, *(f"{name}={value}" for name, value in labels.items())]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
        assert answer.stdout.strip().split(",") == receivers


def test_without_severities_the_file_stands_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.yaml"
    config.write_text(FILE)
    assert "group_wait" not in routing_text(load_config(config))
    config.write_text("log: {}")
    assert routing_text(load_config(config)) == ""
