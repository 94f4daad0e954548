"""From a resolved incident to its evidence, its post-mortem and the numbers, over the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.client import Answer, Client
from tests.e2e.product import Product, running
from tests.waiting import eventually

pytestmark = pytest.mark.slow

CANARY = "canary-5f1e-not-to-be-seen"
CONFIG = f"""
listen:
  statsd: 127.0.0.1:0
incidents:
  post_mortem: {{after: 1s}}
prometheus:
  global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
  scrape_configs:
    - job_name: secret
      basic_auth: {{username: u, password: {CANARY}}}
      static_configs: [{{targets: ["127.0.0.1:1"]}}]
alertmanager:
  route: {{receiver: hook}}
  receivers:
    - name: hook
      slack_configs: [{{api_url: "https://hooks.slack.example/{CANARY}", channel: "#a"}}]
alerts:
  - name: TargetDown
    condition: "up{{job=\\"secret\\"}} < 1"
    severity: critical
    duration: 0s
    message: the target is down
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("after")
    with running(folder, "--auth", "off", config=CONFIG) as product:
        yield product


def call(client: Client, method: str, path: str, body: object = None) -> Answer:
    data = None if body is None else json.dumps(body).encode()
    return client.send(method, path, data, {"Content-Type": "application/json"})


def found(client: Client, path: str) -> Any:  # Any: JSON
    """What is there, nothing while it is not."""
    answer = call(client, "GET", path)
    return answer.json if answer.status == 200 else None


@pytest.fixture(scope="module")
def number(product: Product) -> str:
    """An incident that the alert opened, answered and resolved."""
    client = product.client
    (one,) = eventually(lambda: found(client, "/api/incidents"))
    number = str(one["number"])
    eventually(lambda: found(client, f"/api/incidents/{number}/evidence"))
    call(client, "POST", f"/api/incidents/{number}/acknowledge", {})
    body = {"resolution": "restarted", "root_cause": "a leak", "cause": "memory"}
    assert call(client, "POST", f"/api/incidents/{number}/resolve", body).status == 200
    eventually(lambda: found(client, f"/api/incidents/{number}/postmortem"))
    return number


def both_files(product: Product, number: str) -> Any:  # Any: JSON
    """The evidence once there are two files of it."""
    rows = found(product.client, f"/api/incidents/{number}/evidence") or []
    return rows if len(rows) > 1 else None


def test_evidence_of_the_opening_and_of_the_end_is_kept(product: Product, number: str) -> None:
    files: Any = eventually(lambda: both_files(product, number))  # Any: JSON
    assert "opened" in files[0]["name"]
    assert any("resolved" in one["name"] for one in files)
    answer = call(product.client, "GET", f"/api/incidents/{number}/evidence/{files[0]['id']}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert CANARY not in answer.text
    (written,) = re.findall(r'id="evidence">(.*?)</script>', answer.text, re.DOTALL)
    data = json.loads(written)
    assert data["graphs"][0]["query"] == 'up{job="secret"}'
    assert data["graphs"][0]["stored"][0]["series"][0]["values"][-1] == 0.0
    assert data["alerts"][0]["labels"]["alertname"] == "TargetDown"
    assert data["alerts"][0]["receipts"][0]["receiver"] == "hook"
    assert "slack_configs" in data["routing"]
    assert "post_mortem" in data["configuration"]


def test_shown_by_tocsin_it_stands_in_a_sandbox(product: Product, number: str) -> None:
    (one, *_) = found(product.client, f"/api/incidents/{number}/evidence")
    answer = call(product.client, "GET", one["url"])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "unsafe-inline" not in policy
    drawn = call(product.client, "GET", f"{one['url']}/g0.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in drawn.headers["content-security-policy"]
    assert call(product.client, "GET", f"{one['url']}/g99.svg").status == 404
    assert call(product.client, "GET", f"/incidents/{number}/evidence/99999").status == 404


def test_the_draft_is_edited_by_two_without_loss(product: Product, number: str) -> None:
    client, path = product.client, f"/api/incidents/{number}/postmortem"
    drafted = found(client, path)
    assert drafted["state"] == "draft"
    assert "a leak" in drafted["text"]
    version = drafted["version"]
    mine = call(client, "PUT", path, {"version": version, "text": "# Mine\n"})
    assert mine.json["version"] == version + 1
    other = call(client, "PUT", path, {"version": version, "text": "# Theirs\n"})
    assert other.status == 409
    assert other.json["now"]["text"] == "# Mine\n"
    body = {"version": version + 1, "text": drafted["text"], "state": "published"}
    assert call(client, "PUT", path, body).json["state"] == "published"
    versions = found(client, f"{path}/versions")
    assert len(versions) == 3
    texts = [found(client, f"{path}/versions/{one['version']}")["text"] for one in versions]
    assert "# Mine\n" in texts
    assert call(client, "POST", path).status == 400
    assert call(client, "PUT", path, {"version": 1, "state": "perfect"}).status == 400


def test_documents_leave_in_three_forms(product: Product, number: str) -> None:
    path = f"/api/incidents/{number}/postmortem"
    for form, beginning in (("md", b"# INC-"), ("html", b"<!doctype html>"), ("pdf", b"%PDF-")):
        answer = call(product.client, "GET", f"{path}?format={form}")
        assert answer.status == 200
        assert answer.body.startswith(beginning)
        assert f'filename="{number}-post-mortem.{form}"' in answer.headers["content-disposition"]
    page = call(product.client, "GET", f"{path}?format=html").text
    assert page.count('<img src="data:image/svg+xml') == 1
    assert call(product.client, "GET", f"{path}?format=docx").status == 400


def test_things_to_do_are_listed_changed_and_searched(product: Product, number: str) -> None:
    client, path = product.client, f"/api/incidents/{number}/action-items"
    body = {"title": "Alert on the leak", "owner": "ana", "due": "2020-01-02"}
    made = call(client, "POST", path, body)
    assert made.status == 201
    item = made.json
    assert item["overdue"]
    overdue = found(client, "/api/action-items?overdue=1&owner=ANA")
    assert [one["id"] for one in overdue] == [item["id"]]
    one = f"/api/action-items/{item['id']}"
    assert call(client, "PATCH", one, {"state": "done", "version": 1}).json["done_by"]
    late = call(client, "PATCH", one, {"owner": "bo", "version": 1})
    assert late.status == 409
    assert late.json["now"]["state"] == "done"
    assert found(client, "/api/action-items?overdue=1") == []
    assert call(client, "POST", path, {"title": "x", "due": "soon"}).status == 400
    assert call(client, "PATCH", "/api/action-items/99999", {"state": "done"}).status == 404


def test_documents_are_searched_and_counted(product: Product, number: str) -> None:
    client = product.client
    assert [one["incident"] for one in found(client, "/api/postmortems?q=leak&cause=memory")] == [
        number
    ]
    assert found(client, "/api/postmortems?q=leak&cause=deploy") == []
    stats = found(client, "/api/incident-statistics?days=7&zone=Europe/Berlin")
    assert stats["counted"] >= 1
    assert stats["overall"]["measures"]["acknowledge"]["count"] >= 1
    assert stats["noise"][0]["alert"] == "TargetDown"
    assert call(client, "GET", "/api/incident-statistics?days=0").status == 400
    assert call(client, "GET", "/api/incident-statistics?zone=Nowhere/X").status == 400
    assert call(client, "GET", "/api/incident-statistics?since=2020-01-01T00:00:00Z").status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/postmortems",
        "/postmortems?q=leak",
        "/postmortems/items?state=all",
        "/postmortems/{number}",
        "/postmortems/{number}/edit",
        "/postmortems/{number}/versions/1",
        "/incidents/{number}/evidence",
        "/incidents/statistics",
    ],
)
def test_every_page_is_there(product: Product, number: str, path: str) -> None:
    answer = product.client.send(
        "GET", path.replace("{number}", number), None, {"Accept": "text/html"}
    )
    assert answer.status == 200
    assert CANARY not in answer.text


def test_nothing_secret_is_in_any_attachment(product: Product, number: str) -> None:
    for one in found(product.client, f"/api/incidents/{number}/evidence"):
        text = call(product.client, "GET", f"/api/incidents/{number}/evidence/{one['id']}").text
        assert CANARY not in text
