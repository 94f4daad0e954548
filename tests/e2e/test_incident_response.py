"""The whole way of a response: an incident opens, everyone is told, Slack answers, it ends."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.app.slack_stand_in import TOKEN, slack_server
from tests.e2e.client import Client
from tests.e2e.product import CONFIG, running
from tests.notify.servers import http_receiver, mail_server
from tests.waiting import eventually
from tocsin.notify.slack_incident import ACK, ESCALATE

pytestmark = pytest.mark.slow

PAGE = """
severities: {{critical: {{channels: [pager]}}}}
answers: {{slack_signing_secret: s3cr3t}}
oncall:
  people:
    ana: {{email: ana@example.com, methods: [{{name: hook, kind: channel, address: pager}}]}}
    ben: {{email: ben@example.com, methods: [{{name: hook, kind: channel, address: pager}}]}}
  schedules:
    web:
      timezone: UTC
      layers:
        - {{name: a, rotation: weekly, people: [ana], start: 2020-01-06, handoff: Monday 09:00}}
  policies:
    default: {{steps: [{{notify: "schedule:web", timeout: 30m}}, {{notify: ben}}]}}
alerting:
  channels:
    critical-alerts:
      kind: slack
      app_token: {token}
      app_url: {slack}/chat.postMessage
      channel: '#critical-alerts'
    pager: {{kind: webhook, url: '{hook}/pager'}}
    mail:
      kind: email
      to: team@company.com
      from: t@company.com
      smarthost: '127.0.0.1:{mail}'
      require_tls: false
status_page:
  title: Shop
  components: [{{name: Checkout, services: [checkout]}}]
incidents:
  response:
    slack: {{url: '{slack}'}}
    lists: {{critical-team: [critical-team@company.com]}}
  severities:
    P0:
      actions:
        - Page on-call engineer immediately
        - Create incident channel in Slack
        - Begin status page updates
        - Start incident timeline documentation
        - {{do: post, channel: critical-alerts}}
        - {{do: mail, to: critical-team}}
        - {{do: assign}}
"""


def _press(client: Client, action: str, number: str) -> int:
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANA12345", "username": "ana.r"},
        "trigger_id": f"1.2.{action}",
        "actions": [{"type": "button", "action_id": action, "value": number}],
    }
    body, at = urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))
    mark = hmac.new(b"s3cr3t", f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Signature": f"v0={mark}",
        "X-Slack-Request-Timestamp": at,
    }
    return client.send("POST", "/api/integrations/slack/actions", body, headers).status


def test_an_incident_is_responded_to_from_its_opening_to_its_end(tmp_path: Path) -> None:
    with slack_server() as slack, http_receiver() as hook, mail_server() as mails:
        urls = {"slack": slack.url, "hook": hook.url, "mail": mails.port, "token": TOKEN}
        text = CONFIG + PAGE.format(**urls)
        with running(tmp_path, "--auth", "off", config=text) as product:
            client = product.client
            opened = client.post_json(
                "/api/incidents",
                {"severity": "P0", "title": "Checkout is down", "services": ["checkout"]},
            )
            number = opened.json["number"]
            one = f"/api/incidents/{number}"

            def outcomes() -> list[str]:
                timeline = client.get(f"{one}/timeline").json
                return [entry["text"] for entry in timeline if entry["kind"] == "action"]

            eventually(lambda: len(outcomes()) >= 7)
            assert client.get(one).json["assignee"] == "ana"
            told = " | ".join(outcomes())
            assert "Page on-call engineer immediately: paging by default" in told
            assert f"Created #inc-{number[4:]}-checkout-is-down in Slack" in told
            assert "the public is told" in told
            eventually(lambda: any(seen.path == "/pager" for seen in hook.seen))
            eventually(lambda: "We are looking into a problem" in client.get("/status").text)
            assert "Checkout is down" not in client.get("/status").text
            eventually(lambda: mails.envelopes)
            assert mails.envelopes[0].rcpt_tos == ["critical-team@company.com"]

            before = len(hook.seen)
            assert _press(client, ESCALATE, number) == 200
            eventually(lambda: len(hook.seen) > before)
            assert _press(client, ACK, number) == 200
            eventually(lambda: client.get(one).json["acknowledged_by"] == "ana")

            body = {"text": "Rolling back", "public": "A fix is on its way.", "eta": "soon"}
            client.post_json(f"{one}/updates", body)
            eventually(lambda: "A fix is on its way." in client.get("/status").text)
            client.post_json(f"{one}/resolve", {"resolution": "Rolled back"})
            eventually(lambda: "This incident is resolved." in client.get("/status").text)
            eventually(
                lambda: any("Rolled back" in call["text"] for call in slack.of("chat.postMessage"))
            )
            assert client.get("/api/notifications").status in (200, 404)
        assert slack.problems == []
