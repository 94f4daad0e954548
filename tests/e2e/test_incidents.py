"""Alerts become incidents in a running Tocsin, people answer from the command line, a restart opens
nothing anew, and a rule that is tried is put beside what really happened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Answer
from tests.e2e.product import Product, running
from tests.waiting import eventually

pytestmark = pytest.mark.slow

RULES = """
groups:
  - name: g
    interval: 1s
    rules:
      - {alert: SwitchIsOn, expr: switch == 1, labels: {severity: critical, service: lights}}
"""
CONFIG = """
listen: {statsd: 127.0.0.1:0}
prometheus: {rule_files: [rules.yml]}
incidents:
  auto_resolve: 2s
  severities: {P0: {update_every: 0}, P1: {update_every: 0}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("incidents")
    (made / "rules.yml").write_text(RULES)
    return made


@contextmanager
def serving(folder: Path) -> Iterator[Product]:
    """One process on the folder."""
    (folder / "ready.json").unlink(missing_ok=True)
    with running(folder, "--auth", "off", config=CONFIG) as one:
        yield one


@pytest.fixture
def product(folder: Path) -> Iterator[Product]:
    with serving(folder) as one:
        yield one


def tocsin(product: Product, *words: str) -> Any:  # Any: JSON
    """What a command of `tocsin incident` answers."""
    command = [sys.executable, "-m", "tocsin", "incident", *words, "--url", product.http]
    done = subprocess.run(
        [*command, "-o", "json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)


def tell(product: Product, *alerts: dict[str, str]) -> None:
    body = [{"labels": labels} for labels in alerts]
    answer: Answer = product.client.post_json("/api/v2/alerts", body)
    assert answer.status == 200, answer.text


def switch(product: Product, value: int) -> None:
    body = f"switch {value}\n".encode()
    answer = product.client.send("POST", "/metrics/job/lights", body)
    assert answer.status in (200, 202), answer.text


def open_ones(product: Product) -> list[Any]:  # Any: JSON
    found: list[Any] = tocsin(product, "list")
    return found


def test_alerts_of_a_service_are_one_incident_that_people_answer(product: Product) -> None:
    tell(
        product,
        {"alertname": "Slow", "service": "orders", "severity": "warning"},
        {"alertname": "Down", "service": "orders", "severity": "critical"},
        {"alertname": "Disk", "service": "blog", "severity": "low"},
    )
    (one,) = eventually(lambda: [each for each in open_ones(product) if len(each["links"]) == 2])
    number = one["number"]
    assert (one["severity"], one["services"], len(one["links"])) == ("P0", ["orders"], 2)
    assert tocsin(product, "ack", number)["acknowledged_by"]
    acked = eventually(
        lambda: [a for a in product.client.get("/api/acknowledgements").json if a["note"] == number]
    )
    assert {a["labels"]["alertname"] for a in acked} == {"Slow", "Down"}
    tocsin(product, "note", number, "Restarting it")
    done = tocsin(product, "resolve", number, "Restarted", "--root-cause", "OOM")
    assert (done["status"], done["root_cause"]) == ("resolved", "OOM")
    shown = tocsin(product, "show", number)
    sources = [(entry["kind"], entry["source"]) for entry in shown["timeline"]]
    assert sources[0] == ("opened", "alerts")
    assert [one for one in sources if one[1] == "cli"] == [
        ("acknowledged", "cli"),
        ("note", "cli"),
        ("resolved", "cli"),
    ]


def test_a_restart_opens_nothing_anew_and_the_end_is_noticed(folder: Path) -> None:
    with serving(folder) as first:
        switch(first, 1)
        (one,) = eventually(lambda: open_ones(first))
    with serving(folder) as second:
        switch(second, 1)
        eventually(lambda: second.client.get("/api/v1/alerts").json["data"]["alerts"])
        (again,) = open_ones(second)
        assert again["number"] == one["number"]
        switch(second, 0)
        done = eventually(
            lambda: [
                each
                for each in tocsin(second, "list", "--status", "resolved")
                if each["number"] == one["number"]
            ]
        )
        assert done[0]["resolution"] == "All of its alerts have resolved."
        lines = second.client.post_json(
            "/api/backtests",
            {"rule": "SwitchIsOn", "since": "5m", "edit": {"expr": "switch == 5"}},
        ).text.splitlines()
        report = json.loads(lines[-1])["report"]
        assert report["incidents"]["missed"] == [one["number"]]
        assert report["difference"]["sentence"].endswith(f", and it misses {one['number']}")
        (judged,) = report["incidents"]["judged"]
        assert judged["before"] is not None
