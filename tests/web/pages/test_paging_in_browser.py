"""A page rings a real browser, and is answered from its notification without any login."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from tests.e2e.product import Product, running
from tests.oncall.push_service import Browser
from tests.waiting import eventually
from tests.web.pages.conftest import complaints_of
from tocsin.oncall.webpush.encoding import text
from tocsin.oncall.webpush.encryption import decrypted

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONFIG = """
listen: {statsd: "127.0.0.1:0"}
scrape: {host: false, itself: false}
oncall:
  paging: {web_push: {allow_private: true}}
  people:
    ana: {full_name: Ana, methods: [{kind: push}, {kind: email, address: ana@example.com}],
          rules: {high: [{method: push}, {method: email, after: 2m}]}}
    ben: {methods: [{kind: push}]}
  schedules:
    primary: {layers: [{people: [ana], rotation: weekly, handoff: "Mon 09:00", start: 2024-01-01}]}
alerting:
  channels:
    mail: {kind: email, to: ops@example.com, from: t@example.com, smarthost: "127.0.0.1:9"}
"""


class Pushed:
    """A push service in a thread that reads what it takes."""

    def __init__(self) -> None:
        self.browser = Browser()
        self.messages: list[dict[str, Any]] = []
        pushed = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                plain = decrypted(body, pushed.browser.key, pushed.browser.auth)
                pushed.messages.append(json.loads(plain))
                self.send_response(201)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/wp/1"

    def told(self, title: str) -> dict[str, Any]:
        """The message of that title, once it has come."""
        return eventually(lambda: next((one for one in self.messages if one["title"] == title), {}))


@pytest.fixture(scope="module")
def tocsin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("paging"), "--auth", "off", config=CONFIG) as product:
        yield product


@pytest.fixture(scope="module")
def pushed(tocsin: Product) -> Iterator[Pushed]:
    made = Pushed()
    keys = {"p256dh": made.browser.p256dh, "auth": text(made.browser.auth)}
    body = {"endpoint": made.url, "keys": keys, "name": "Ana's phone", "person": "ana"}
    _post(tocsin, "/api/me/devices", body)
    yield made
    made.server.shutdown()
    made.server.server_close()


def _post(product: Product, path: str, body: object) -> Any:  # Any: JSON
    sent = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(product.http + path, sent, headers), timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def _get(product: Product, path: str) -> Any:  # Any: JSON
    with urlopen(product.http + path, timeout=60) as answer:
        return json.loads(answer.read())


def test_a_page_rings_the_browser_and_is_acknowledged_on_its_notification(
    tocsin: Product, pushed: Pushed, whole_chromium: Chromium
) -> None:
    opened = _post(tocsin, "/api/incidents", {"severity": "P0", "title": "Database down"})
    page = pushed.told("P0 Database down")
    context = whole_chromium.new_context(base_url=tocsin.http, permissions=["notifications"])
    shown = context.new_page()
    complaints = complaints_of(shown, tocsin.http)
    shown.goto("/settings/devices?person=ana")
    shown.evaluate(
        "async () => { await navigator.serviceWorker.register('/sw.js', {scope: '/'});"
        " await navigator.serviceWorker.ready }"
    )
    [worker] = context.service_workers or [context.wait_for_event("serviceworker")]
    worker.evaluate("async (page) => { await ring(page) }", page)
    (noted,) = worker.evaluate(
        "async () => (await registration.getNotifications()).map((one) => ({title: one.title,"
        " body: one.body, tag: one.tag, stays: one.requireInteraction,"
        " actions: one.actions.map((each) => each.title)}))"
    )
    assert noted["title"] == "P0 Database down"
    assert noted["tag"] == opened["number"]
    assert noted["stays"] is True
    assert noted["actions"] == ["Acknowledge", "Escalate"]
    said = worker.evaluate(
        "async (address) => { const [one] = await registration.getNotifications();"
        " await reply(address, one);"
        " return (await registration.getNotifications()).map((each) => each.body) }",
        page["answers"]["page.acknowledge"],
    )
    assert said == [f"Acknowledged: {opened['number']} is yours, and nobody else is called."]
    found = _get(tocsin, f"/api/incidents/{opened['number']}")
    found = found.get("incident", found)
    assert found["acknowledged_by"] == "ana"
    context.close()
    assert complaints == []


def test_a_link_that_is_only_looked_at_does_nothing_and_its_button_does(
    tocsin: Product, pushed: Pushed, chromium: Chromium
) -> None:
    opened = _post(tocsin, "/api/incidents", {"severity": "P1", "title": "Checkout slow"})
    path = pushed.told("P1 Checkout slow")["answers"]["page.acknowledge"]
    context = chromium.new_context(base_url=tocsin.http)
    shown = context.new_page()
    complaints = complaints_of(shown, tocsin.http)
    shown.goto(path)
    expect(shown.locator("h1")).to_have_text("P1 Checkout slow")
    escalation = f"/api/incidents/{opened['number']}/escalation"
    eventually(lambda: _get(tocsin, escalation)["next"].startswith("step 2 of 2"))
    shown.get_by_role("button", name="Acknowledge").click()
    shown.wait_for_selector("text=is yours")
    assert _get(tocsin, escalation)["next"] == ""
    context.close()
    assert complaints == []


def test_a_person_says_how_to_be_reached(
    tocsin: Product, pushed: Pushed, chromium: Chromium
) -> None:
    context = chromium.new_context(base_url=tocsin.http, viewport={"width": 390, "height": 844})
    shown = context.new_page()
    complaints = complaints_of(shown, tocsin.http)
    shown.goto("/settings/notifications?person=ana")
    urgent = shown.locator("section", has=shown.get_by_role("heading", name="Urgent", exact=True))
    urgent.locator("input[name=after1]").fill("7")
    urgent.get_by_role("button", name="Keep").click()
    shown.wait_for_selector("text=The next page follows these rules")
    rules = _get(tocsin, "/api/me/contact?person=ana")["high"]
    assert rules == [{"method": "push", "after": "0s"}, {"method": "email", "after": "7m"}]
    urgent.get_by_role("button", name="As configured").click()
    shown.wait_for_selector("text=As the configuration says")
    shown.goto("/settings/devices?person=ana")
    shown.get_by_role("button", name="Send a test page").click()
    shown.wait_for_selector("text=on its way")
    pushed.told("Test page of Tocsin")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert complaints == []


def test_tocsin_can_be_installed(tocsin: Product) -> None:
    manifest = _get(tocsin, "/manifest.webmanifest")
    assert manifest["display"] == "standalone"
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        with urlopen(tocsin.http + icon["src"], timeout=60) as answer:
            assert answer.headers["Content-Type"] == icon["type"]
    with urlopen(f"{tocsin.http}/sw.js", timeout=60) as answer:
        assert answer.headers["Service-Worker-Allowed"] == "/"
        assert answer.headers["Content-Type"].startswith("text/javascript")
    with urlopen(f"{tocsin.http}/settings/devices", timeout=60) as answer:
        assert "worker-src 'self'" in answer.headers["Content-Security-Policy"]
