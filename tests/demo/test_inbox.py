"""The demo's inbox says in one line what a message says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tocsin.app.config import load_config
from tocsin.app.receivers import check_receivers
from tocsin.app.rules import rule_plan
from tocsin.demo.inbox import Inbox, read
from tocsin.demo.rules import RULES, config_of
from tocsin.kit.clock import SystemClock

AT = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
WEBHOOK = {
    "status": "firing",
    "alerts": [
        {"labels": {"alertname": "Down"}, "annotations": {"summary": "db <1> is down"}},
        {"labels": {"alertname": "Down"}, "annotations": {"summary": "db <1> is down"}},
        {"labels": {"alertname": "Slow"}, "annotations": {}},
    ],
}
SLACK = {"attachments": [{"color": "good", "title": "[RESOLVED] Down", "text": "over\nnow"}]}


@pytest.mark.parametrize(
    ("sent", "state", "words"),
    [
        pytest.param(json.dumps(WEBHOOK), "firing", "Down: db <1> is down; Slow", id="webhook"),
        pytest.param(json.dumps(SLACK), "resolved", "[RESOLVED] Down over now", id="Slack"),
        pytest.param("[1]", "", "[1]", id="JSON of another form"),
        pytest.param("hello", "", "hello", id="no JSON"),
    ],
)
def test_a_message_in_one_line(sent: str, state: str, words: str) -> None:
    message = read("chat", sent, AT)
    assert (message.state, message.words) == (state, words)


async def test_what_was_sent_is_on_its_page_and_is_no_markup() -> None:
    async with TestClient(TestServer(Inbox().app())) as client:
        assert "Nobody was told" in await (await client.get("/")).text()
        assert (await client.post("/pager", json=WEBHOOK)).status == 200
        page = await (await client.get("/")).text()
    assert "db &lt;1&gt; is down" in page
    assert "<b>pager</b>" in page


async def test_pages_and_texts_are_answered_as_their_services_answer() -> None:
    event = {
        "routing_key": "demo",
        "event_action": "trigger",
        "dedup_key": "a1",
        "payload": {"summary": "db is down", "source": "x", "severity": "error"},
    }
    text = {"To": "+15550100001", "From": "+15550100000", "Body": "P0 db is down"}
    async with TestClient(TestServer(Inbox().app())) as client:
        taken = await client.post("/pagerduty/v2/enqueue", json=event)
        assert (taken.status, (await taken.json())["dedup_key"]) == (202, "a1")
        sent = await client.post("/twilio/2010-04-01/Accounts/demo/Messages.json", data=text)
        assert (sent.status, (await sent.json())["status"]) == (201, "queued")
        page = await (await client.get("/")).text()
    assert "to +15550100001: P0 db is down" in page
    assert "<b>pagerduty</b>" in page


def test_the_demo_knows_whom_to_tell(tmp_path: Path) -> None:
    (tmp_path / "tocsin.yaml").write_text(config_of("http://127.0.0.1:9", "http://127.0.0.1:10"))
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text("rule_files: [rules.yml]")
    config = load_config(tmp_path / "tocsin.yaml", environment={})
    assert check_receivers(config, SystemClock()) == ()
    names = {rule.name for group in rule_plan(config).groups for rule in group.rules}
    assert {"serviceDown", "slowResponse", "DatabaseConnectionFailure", "SloBudgetBurn"} <= names
