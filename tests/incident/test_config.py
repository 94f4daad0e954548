"""The `incidents:` key: as shipped, as given, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.incident.alert_world import incidents_config
from tocsin.app.config import load_config
from tocsin.cli.main import app
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.severity import SeverityLevel
from tocsin.kit.document import ConfigError
from tocsin.model.labels import from_mapping

EXAMPLES = Path(__file__).parents[2] / "examples"
MINUTE = 60_000


def _severities(config: IncidentsConfig, **labels: str) -> str:
    return config.severity_of(from_mapping({"alertname": "A", **labels}))


def test_four_severities_are_shipped_the_most_severe_first() -> None:
    config = IncidentsConfig()
    assert list(config.severities) == ["P0", "P1", "P2", "P3"]
    assert [one.response_ms // MINUTE for one in config.severities.values()] == [5, 15, 60, 1440]
    assert [one.is_urgent for one in config.severities.values()] == [True, True, False, False]
    assert config.level("P1").description == "Major feature unavailable"
    assert (config.worst("P3", "P1", "gone"), config.rank("gone")) == ("P1", 4)
    assert config.level("gone").response_ms == 0


def test_what_is_given_of_a_shipped_severity_changes_that_alone() -> None:
    config = incidents_config("severities: {P0: {response_time: 10 minutes, update_every: 0}}")
    assert list(config.severities) == ["P0", "P1", "P2", "P3"]
    level = config.level("P0")
    assert (level.response_ms, level.update_ms, level.name) == (10 * MINUTE, 0, "Critical")


def test_other_names_replace_the_shipped_and_alerts_follow_their_order() -> None:
    config = incidents_config("severities: {SEV1: {name: Worst}, SEV2: {}}")
    assert list(config.severities) == ["SEV1", "SEV2"]
    assert _severities(config, severity="critical") == "SEV1"
    assert _severities(config, severity="high") == "SEV2"
    assert _severities(config, severity="warning") == ""


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        pytest.param({"severity": "critical"}, "P0", id="critical"),
        pytest.param({"severity": "Critical"}, "P0", id="in capitals"),
        pytest.param({"severity": "high"}, "P1", id="high"),
        pytest.param({"severity": "medium"}, "P2", id="medium"),
        pytest.param({"severity": "warning"}, "P2", id="warning"),
        pytest.param({"severity": "low"}, "", id="low"),
        pytest.param({"severity": "info"}, "", id="info"),
        pytest.param({}, "", id="no severity"),
        pytest.param({"severity": "low", "incident": "p1"}, "P1", id="the alert says so"),
        pytest.param({"severity": "critical", "incident": "none"}, "", id="the alert says none"),
        pytest.param({"severity": "high", "incident": "P9"}, "P1", id="what is no severity"),
    ],
)
def test_an_alerts_labels_say_its_incidents_severity(labels: dict[str, str], severity: str) -> None:
    assert _severities(IncidentsConfig(), **labels) == severity


def test_the_first_that_matches_counts() -> None:
    config = incidents_config(
        """
        open_on:
          - {match: 'team="data"', severity: none}
          - {match: ['severity="critical"', 'service=~"pay|checkout"'], severity: P0}
          - {match: 'severity="critical"', severity: P2}
        """
    )
    assert _severities(config, severity="critical", team="data") == ""
    assert _severities(config, severity="critical", service="pay") == "P0"
    assert _severities(config, severity="critical", service="blog") == "P2"
    assert _severities(config, severity="high") == ""


@pytest.mark.parametrize(
    ("given", "named", "policy"),
    [
        pytest.param("", {"P1", "default"}, "P1", id="of its own name"),
        pytest.param("", {"default"}, "default", id="the default one"),
        pytest.param("", set(), "", id="there is none"),
        pytest.param("night", {"P1"}, "night", id="the one that is named"),
        pytest.param("none", {"P1"}, "", id="nobody is paged"),
    ],
)
def test_a_severity_names_its_escalation(given: str, named: set[str], policy: str) -> None:
    config = incidents_config(f"severities: {{P1: {{escalation: '{given}'}}}}")
    assert config.level("P1").policy("P1", named) == policy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "incidents: {open_on: [{match: 'a=\"b\"', severity: P7}]}",
            r"tocsin.yaml:1:.*incidents.open_on\[0\].severity: there is no severity 'P7'",
            id="a severity that is not there",
        ),
        pytest.param(
            "incidents: {open_on: [{match: 'severity', severity: P1}]}",
            r"incidents.open_on\[0\].match",
            id="no condition",
        ),
        pytest.param(
            "incidents: {severities: {P0: {response_time: soon}}}",
            r"incidents.severities.P0.response_time: expected a time such as 15m",
            id="a time that is none",
        ),
        pytest.param(
            "incidents: {severities: {P0: {criterions: []}}}",
            'did you mean "criteria"',
            id="a key that is misspelt",
        ),
        pytest.param(
            "incidents: {join: {by: [], group: no}}", "at least one label", id="nothing joins"
        ),
        pytest.param(
            "incidents: {even_when: [acknowledged]}", "even_when", id="no reason to be held back"
        ),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_config(file)


@pytest.mark.parametrize("name", ["incidents-first.yaml", "incidents-second.yaml"])
def test_the_examples_are_right_with_all_that_they_name(name: str) -> None:
    result = CliRunner().invoke(app, ["check", "config", str(EXAMPLES / name)])
    assert result.exit_code == 0, result.output


def test_the_examples_keep_their_own_times() -> None:
    times = {}
    for name in ("first", "second"):
        config = load_config(EXAMPLES / f"incidents-{name}.yaml").config.incidents
        times[name] = [one.response_ms // MINUTE for one in config.severities.values()]
        assert config.severity_of(from_mapping({"severity": "critical"})) == "P0"
    assert times == {"first": [5, 15, 60, 1440], "second": [15, 60, 240, 1440]}


@pytest.mark.parametrize("severities", [{}, {"SEV1": SeverityLevel(), "SEV2": SeverityLevel()}])
def test_a_channel_that_fails_opens_no_incident_that_would_be_told_through_it(
    severities: dict[str, SeverityLevel],
) -> None:
    config = IncidentsConfig(severities=severities)
    own = {"alertname": "NotificationChannelFailing", "severity": "critical"}
    assert config.severity_of(from_mapping(own)) == ""
    assert config.severity_of(from_mapping({**own, "alertname": "Down"})) in ("P0", "SEV1")
