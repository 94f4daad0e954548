"""The whole way: a part fails, the public reads it, a subscriber gets a mail; the store dies."""

from __future__ import annotations

import json
import os
import re
import signal
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.client import Client
from tests.e2e.product import CONFIG, running
from tests.notify.servers import Taken, http_receiver, mail_server
from tests.waiting import eventually

pytestmark = pytest.mark.slow

PAGE = """
status_page:
  title: Example status
  refresh: 10s
  host: status.localhost
  components:
    - {{name: Shop, monitor: shop_up, services: [shop]}}
  mail: {{from: status@example.com, smarthost: "127.0.0.1:{port}", require_tls: false}}
  subscriptions: {{allow_networks: [127.0.0.0/8]}}
"""


def _form(client: Client, path: str, **fields: str) -> int:
    return client.form(path, [*fields.items()]).status


def test_a_part_fails_the_public_reads_it_and_a_subscriber_hears(tmp_path: Path) -> None:
    with (
        mail_server() as mails,
        http_receiver() as hook,
        running(tmp_path, "--auth", "off", config=CONFIG + PAGE.format(port=mails.port)) as product,
    ):
        client = product.client

        def shop(up: int) -> None:
            text = f"shop_up {up}\n".encode()
            assert client.send("PUT", "/metrics/job/shop", text, {}).status < 300

        shop(0)
        eventually(lambda: "All systems are down" in client.get("/status").text)

        assert _form(client, "/status/subscribe", kind="email", address="eve@example.com") == 200
        eventually(lambda: mails.envelopes)
        asked = _text(mails.envelopes[0].content)
        confirm = _path(asked, "subscription")
        assert client.get(confirm).status == 200
        assert client.get("/api/status-page/subscribers").json == {}  # a look confirms nothing
        assert _form(client, confirm) == 200
        assert client.get("/api/status-page/subscribers").json == {"email": 1}

        _a_program_learns_its_secret(client, hook)

        incident = client.post_json("/api/incidents", {"severity": "P1", "title": "CANARY inside"})
        number = incident.json["number"] if incident.status < 300 else ""
        post = client.post_json(
            "/api/status-page/posts",
            {
                "title": "The shop is down",
                "text": "We look into it.",
                "components": ["shop"],
                "impact": "critical",
                "incident": number,
            },
        )
        assert post.status == 201, post.text
        eventually(lambda: len(mails.envelopes) > 1)
        told = mails.envelopes[1]
        assert told.rcpt_tos == ["eve@example.com"]
        assert isinstance(told.content, bytes)
        raw = told.content.decode()
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
        text = _text(told.content)
        assert "The shop is down" in raw
        assert "CANARY" not in text
        eventually(lambda: "We look into it." in client.get("/status").text)
        page = client.get("/status").text
        assert "CANARY" not in page
        assert _form(client, _path(text, "unsubscribe"), **{"List-Unsubscribe": "One-Click"}) == 200
        assert client.get("/api/status-page/subscribers").json == {"webhook": 1}

        host = f"status.localhost:{urlsplit(product.http).port}"
        own = {"Host": host}
        assert "Example status" in client.send("GET", "/", headers=own).text
        assert client.send("GET", "/login", headers=own).status == 404

        _kill_the_engine(product.folder)
        for _ in range(20):
            assert client.get("/status").status == 200
        kept = json.loads((product.folder / "data/status/summary.json").read_text())
        assert kept["incidents"][0]["name"] == "The shop is down"


def _a_program_learns_its_secret(client: Client, hook: Taken) -> None:
    """It takes no HTML, and the secret is told on confirming only."""
    assert _form(client, "/status/subscribe", kind="webhook", address=f"{hook.url}/told") == 200
    eventually(lambda: hook.seen)
    confirm = f"/status{urlsplit(json.loads(hook.seen[0].body)['confirm_url']).path}"
    said = client.send("POST", confirm, headers={"Accept": "*/*"}).text
    assert re.search(r"^whsec_\S+$", said, re.MULTILINE), said


def _kill_the_engine(folder: Path) -> None:
    """As when it runs out of memory; Tocsin starts it again by itself."""
    owner = json.loads((folder / "data/running.json").read_text())["pid"]
    for child in psutil.Process(owner).children():
        os.kill(child.pid, signal.SIGKILL)


def _text(content: object) -> str:
    assert isinstance(content, bytes)
    body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _path(text: str, kind: str) -> str:
    found = re.search(rf"http://status\.localhost(/{kind}/[\w-]+)", text)
    assert found, text
    return f"/status{found[1]}"
