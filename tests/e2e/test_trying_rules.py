"""Trying rules beforehand, through the whole product: on its own history, and in a drill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product, running
from tests.notify.servers import Taken, http_receiver
from tests.waiting import eventually

pytestmark = pytest.mark.slow

RULES = """
groups:
  - name: g
    interval: 1s
    rules:
      - {alert: Beat, expr: 'floor(vector(time() / 2)) % 3 == 1', labels: {severity: critical}}
      - {record: beat_round, expr: vector(1)}
      - {alert: Never, expr: up > 1, for: 1m}
"""
CONFIG = """
auth: off
listen: {{statsd: 127.0.0.1:0}}
prometheus: {{rule_files: [rules.yml]}}
alertmanager:
  route: {{receiver: team, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}
  receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""


@pytest.fixture(scope="module")
def taken() -> Iterator[Taken]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, taken: Taken) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("trying")
    (folder / "rules.yml").write_text(RULES)
    with running(folder, "--auth", "off", config=CONFIG.format(url=taken.url)) as one:
        yield one


FIRED = 'ALERTS{alertname="Beat",alertstate="firing"}'
ROUNDS = "beat_round"


def recorded(product: Product, series: str) -> list[float]:
    """When the rule fired, or was asked at all, as it was kept while it ran."""
    answer = product.client.form("/api/v1/query", [("query", f"{series}[15m]")])
    found = answer.json["data"]["result"]
    return [float(at) for one in found for at, _ in one["values"]]


def is_of(at: float, moments: list[float]) -> bool:
    return any(abs(at - one) < 0.002 for one in moments)


def lines(product: Product, path: str, body: dict[str, Any]) -> list[Any]:  # Any: JSON
    answer = product.client.post_json(path, body)
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def tocsin(product: Product, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tocsin", *words, "--url", product.http]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_history_is_replayed_as_it_happened(product: Product) -> None:
    eventually(lambda: len(recorded(product, FIRED)) >= 4)
    report = lines(product, "/api/backtests", {"rule": "Beat", "since": "15m"})[-1]["report"]
    known = recorded(product, FIRED)
    asked = recorded(product, ROUNDS)  # a busy machine leaves some out
    tried = report["tried"]
    firings = [(one["fired"], one.get("ended") or 1e12) for one in tried["firings"]]
    seconds = [at for at in known if at <= tried["until"]]
    assert seconds
    assert all(any(begin <= at < end for begin, end in firings) for at in seconds)
    first, last = min(seconds), max(seconds)
    for begin, end in firings:
        rounds = [begin + number for number in range(round(min(end, last + 1) - begin))]
        inside = [at for at in rounds if first <= at <= last and is_of(at, asked)]
        assert all(is_of(at, seconds) for at in inside)
    assert tried["is_routed"]
    assert tried["by_receiver"] == {"team": tried["page_count"]}


def test_the_command_compares_an_edited_rule(product: Product) -> None:
    done = tocsin(product, "backtest", "Beat", "--since", "5m", "--for", "10s")
    assert done.returncode == 0, done.stderr
    assert "in force:" in done.stdout
    assert "; edited: 0" in done.stdout
    wrong = tocsin(product, "backtest", "Baet", "--since", "5m")
    assert wrong.returncode == 1
    assert 'did you mean "Beat"' in wrong.stderr


def test_a_file_that_is_not_in_force_is_tried(product: Product, tmp_path: Path) -> None:
    file = tmp_path / "new.yml"
    file.write_text("groups: [{name: n, rules: [{alert: Fresh, expr: vector(1) > 0}]}]")
    done = tocsin(product, "backtest", str(file), "--since", "10m", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tried"]["firings"][0]["labels"] == {"alertname": "Fresh"}


def test_the_page_shows_both_versions_and_proposals(product: Product) -> None:
    form = [("rule", "Beat"), ("since", "5m"), ("for", "5s"), ("propose", "1")]
    answer = product.client.form("/rules/backtest", form, Accept="text/html")
    assert answer.status == 200, answer.text
    for words in ("Proposals", "edited", "trial-lane", "Pages a week"):
        assert words in answer.text
    listed = product.client.get("/rules").text
    assert "never true" in listed
    assert "/rules/backtest?rule=Beat" in listed


def test_a_drill_reaches_the_receiver_and_leaves_nothing(product: Product, taken: Taken) -> None:
    done = tocsin(product, "drill", "--receiver", "team", "--interval", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    for link in ("breach", "sample accepted", "rule evaluated", "alert fired", "delivered"):
        assert link in done.stdout
    eventually(
        lambda: any(
            b"DRILL" in body and b'"status":"resolved"' in body for _, body in taken.requests
        )
    )
    rules = product.client.get("/api/v1/rules").text
    assert "tocsin_drill" not in rules
