"""A team's rule and Alertmanager files, as they stand, when the database of its shop breaks."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.e2e.alerting_stage import (
    FILES,
    TOCSIN_YML,
    Told,
    application,
    prometheus_yml,
    receivers,
    redirected,
)
from tests.e2e.product import running
from tests.waiting import eventually
from tocsin.cli.main import app
from tocsin.demo.switches import Switches

NAME = "DatabaseConnectionFailure"
FIRES_WITHIN_SECONDS = 120.0


def test_both_files_are_right_as_they_stand() -> None:
    rules, routes = str(FILES / "alert-rules.yml"), str(FILES / "alertmanager.yml")
    checked = CliRunner().invoke(app, ["check", "rules", rules])
    assert checked.exit_code == 0, checked.output
    checked = CliRunner().invoke(app, ["check", "alertmanager", routes])
    assert checked.exit_code == 0, checked.output
    assert "told in 3 ways" in checked.output
    # Alertmanager refuses these two; what it wants instead is said.
    assert "headers: {Subject: …}" in checked.output
    assert "the standard spelling is text (or html)" in checked.output


@pytest.mark.slow
def test_a_broken_database_reaches_mail_slack_and_pagerduty_by_the_files_as_they_stand(
    tmp_path: Path,
) -> None:
    shutil.copy(FILES / "alert-rules.yml", tmp_path)
    with receivers() as told, application(tmp_path / "shop") as shop:
        routes = redirected((FILES / "alertmanager.yml").read_text(), told)
        (tmp_path / "alertmanager.yml").write_text(routes)
        (tmp_path / "prometheus.yml").write_text(prometheus_yml(shop))
        with running(tmp_path, "--auth", "off", config=TOCSIN_YML) as product:
            broken_at = time.monotonic()
            Switches(tmp_path / "shop").break_("database", 600)
            eventually(lambda: is_told(told), FIRES_WITHIN_SECONDS)
            # `for: 1m` and `group_wait: 10s` stand in the files.
            assert time.monotonic() - broken_at > 70
            is_inhibited_by_the_critical_one(f"{product.http}/api/v2", shop["shop"])
        [page, *_] = [one for one in told.pages if NAME in json.dumps(one)]
        assert page["event_action"] == "trigger"
        [chat, *_] = [one for one in told.chat if NAME in json.dumps(one)]
        assert chat["channel"] == "#alerts"
        [mail, *_] = [one for one in told.mails if NAME in one[2]]
        assert mail[3].startswith("Alert: ")
        assert "Description: " in mail[3]


def is_told(told: Told) -> bool:
    """Whether each of the three has heard of the database."""
    heard = (told.pages, told.chat, [mail[2] for mail in told.mails])
    return all(any(NAME in json.dumps(one) for one in each) for each in heard)


def is_inhibited_by_the_critical_one(api: str, instance: str) -> None:
    """A warning of the same name and instance is held back while the critical one fires."""
    post(api, warning(instance))
    held = eventually(lambda: [one for one in alerts(api) if is_warning(one)])
    assert held[0]["status"]["state"] == "suppressed"
    assert len(held[0]["status"]["inhibitedBy"]) == 1


def warning(instance: str, *, ends: str = "") -> dict[str, object]:
    labels = {"alertname": NAME, "instance": instance, "severity": "warning", "mark": "held back"}
    end = {"endsAt": ends} if ends else {}
    return {"labels": labels, "annotations": {"summary": "held back"}, **end}


def is_warning(alert: dict[str, dict[str, str]]) -> bool:
    return alert["labels"].get("mark") == "held back"


def alerts(api: str) -> list[dict[str, dict[str, str]]]:
    with urllib.request.urlopen(f"{api}/alerts", timeout=60) as response:
        found: list[dict[str, dict[str, str]]] = json.load(response)
    return found


def post(api: str, alert: dict[str, object]) -> None:
    """As Prometheus does: what is answered "not now" (503) is told again until it is taken."""
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{api}/alerts", json.dumps([alert]).encode(), head)

    def is_taken() -> bool:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return False

    eventually(is_taken)
