"""A page of another site, in a real browser, sends what the usual snippets send."""

from __future__ import annotations

import http.server
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.client import Client
from tests.e2e.conftest import Guarded
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.browser]

_SHOP = b"""<!doctype html><title>Shop</title><link rel=icon href=data:,><h1>Shop</h1><script>
const sent = async (address, headers, body) => {
  try {
    const answer = await fetch(address, {method: 'POST', headers, body, keepalive: true});
    return [answer.status, await answer.text()];
  } catch (error) { return [0, String(error)]; }
};
const json = (address, value, more = {}) =>
  sent(address, {'Content-Type': 'application/json', ...more}, JSON.stringify(value));
const trackMetric = (base, name, value, tags, more) =>
  json(base + '/api/metrics', {name, value, tags, timestamp: Date.now()}, more);
</script>"""


class _Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_SHOP)))
        self.end_headers()
        self.wfile.write(_SHOP)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[int]:
    """The port of another site, which is two origins: 127.0.0.1 and localhost."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def page(chromium: Browser, shop: int) -> Iterator[Page]:
    """The shop's page, at the origin that keys are made for."""
    context = chromium.new_context()
    opened = context.new_page()
    opened.goto(f"http://127.0.0.1:{shop}/products/42")
    yield opened
    context.close()


@pytest.fixture
def run() -> str:
    """Tells this test's series from those of others."""
    return f"r{uuid.uuid4().hex[:8]}"


@pytest.fixture
def key(guarded: Guarded, shop: int) -> str:
    """A public key for the shop's origin."""
    wanted = {"name": "page", "scopes": ["ingest"], "origins": [f"http://127.0.0.1:{shop}"]}
    answer = guarded.admin.post_json("/api/tokens", wanted)
    assert answer.status == 201, answer.text
    return str(answer.json["key"])


def _call(page: Page, function: str, *arguments: object) -> Any:  # Any: JSON
    return page.evaluate(f"given => {function}(...given)", list(arguments))


def test_track_metric_with_and_without_tags_arrives(tocsin: Product, page: Page, run: str) -> None:
    name = f"journal.{run}"
    assert _call(page, "trackMetric", tocsin.http, name, 2.5) == [200, '{"success":true}']
    tags = {"action": "save", "page": "/journal/123456", "run": run, "userId": "user_2abcdefghij"}
    assert _call(page, "trackMetric", tocsin.http, "user_action", 1, tags)[0] == 200
    read = tocsin.client
    assert list(read.query(f'{{"{name}"}}').values()) == [2.5]
    assert list(read.query(f"journal_{run}").values()) == [2.5]
    ((series, value),) = read.query(f'user_action{{action="save",run="{run}"}}').items()
    assert value == 1.0
    assert "user_2abcdefghij" not in dict(series).values()
    rate = f'rate(user_action_events_total{{run="{run}"}}[10m])'
    assert eventually(lambda: [value for value in read.query(rate).values() if value > 0])


INVALID = [
    pytest.param({"value": 1}, id="no name"),
    pytest.param({"name": "", "value": 1}, id="an empty name"),
    pytest.param({"name": "a", "value": "1"}, id="a value that is a text"),
    pytest.param({"name": "a", "value": None}, id="a value that is null"),
    pytest.param({"name": "a"}, id="no value"),
]


@pytest.mark.parametrize("body", INVALID)
def test_what_is_no_metric_is_refused_in_the_usual_words(
    tocsin: Product, page: Page, body: dict[str, object]
) -> None:
    answer = _call(page, "json", f"{tocsin.http}/api/metrics", body)
    assert answer == [400, '{"error":"Invalid metric data"}']


def test_analytics_of_a_page_are_found_under_their_names(
    tocsin: Product, page: Page, run: str
) -> None:
    shown = f"/p/{run}"
    posts = {
        "web-vitals": {"metric": "LCP", "value": 1830.5, "rating": "good", "page": shown},
        "page-performance": {
            "page": shown,
            "domContentLoaded": 12.5,
            "loadComplete": 40,
            "firstByte": 3,
            "timestamp": 0,
        },
        "slow-render": {
            "componentId": run,
            "phase": "mount",
            "actualDuration": 31.5,
            "baseDuration": 28,
            "timestamp": 0,
        },
    }
    for path, body in posts.items():
        answer = _call(page, "json", f"{tocsin.http}/api/analytics/{path}", body)
        assert answer == [200, '{"success":true}'], path
    read = tocsin.client
    vitals = read.query(f'web_vitals{{metric="LCP",rating="good",page="{shown}"}}')
    assert list(vitals.values()) == [1830.5]
    assert read.values(f'page_performance{{page="{shown}"}}', "metric") == {
        "domContentLoaded": 12.5,
        "loadComplete": 40.0,
        "firstByte": 3.0,
    }
    assert read.values(f'slow_render{{componentId="{run}",phase="mount"}}', "metric") == {
        "actualDuration": 31.5,
        "baseDuration": 28.0,
    }


BEACONS = [
    pytest.param("body => body", id="as text, without a preflight"),
    pytest.param("body => new Blob([body], {type: 'application/json'})", id="as JSON, with one"),
]


@pytest.mark.parametrize("as_body", BEACONS)
def test_a_beacon_with_a_public_key_in_its_address_arrives(
    guarded: Guarded, page: Page, key: str, run: str, as_body: str
) -> None:
    address = f"{guarded.product.http}/api/metrics?key={key}"
    send = f"(address, body) => navigator.sendBeacon(address, ({as_body})(JSON.stringify(body)))"
    many = {"metrics": [{"name": f"{run}_a", "value": 1}, {"name": f"{run}_b", "value": 2}]}
    assert _call(page, f"({send})", address, many) is True
    found = eventually(lambda: guarded.read.values(f'{{__name__=~"{run}_[ab]"}}'))
    assert found == {f"{run}_a": 1.0, f"{run}_b": 2.0}


def test_a_public_key_in_a_header_passes_the_preflight(
    guarded: Guarded, page: Page, key: str, run: str
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = _call(page, "trackMetric", guarded.product.http, run, 3, {}, headers)
    assert answer == [200, '{"success":true}']
    assert guarded.read.values(run) == {run: 3.0}


@pytest.mark.parametrize("port", ["http", "otlp_http"])
def test_opentelemetrys_sdk_in_a_page_may_export_with_a_public_key(
    guarded: Guarded, page: Page, key: str, run: str, port: str
) -> None:
    point = {"timeUnixNano": f"{time.time_ns()}", "asDouble": 6.5}
    metric = {"name": run, "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    address = f"{getattr(guarded.product, port)}/v1/metrics"
    headers = {"Authorization": f"Bearer {key}"}
    assert _call(page, "json", address, body, headers) == [200, "{}"]
    assert guarded.read.values(run) == {run: 6.5}


def test_a_public_key_is_refused_at_another_origin(
    guarded: Guarded, page: Page, shop: int, key: str, run: str
) -> None:
    page.goto(f"http://localhost:{shop}/")
    base, headers = guarded.product.http, {"Authorization": f"Bearer {key}"}
    status, said = _call(page, "trackMetric", base, run, 1, {}, headers)
    assert (status, "Failed to fetch" in said) == (0, True), "the preflight must not pass"
    body = f'{{"name":"{run}","value":1}}'
    simple = _call(page, "sent", f"{base}/api/metrics?key={key}", {}, body)
    assert simple[0] == 0, "the page must not read the answer"
    forged = Client(base, {"Origin": f"http://localhost:{shop}"}).post_json(
        f"/api/metrics?key={key}", {"name": run, "value": 1}
    )
    assert forged.status == 401
    assert "http://localhost" in forged.text
    assert guarded.read.query(run) == {}


def test_a_page_without_a_key_is_refused(guarded: Guarded, page: Page, key: str) -> None:
    status, said = _call(page, "trackMetric", guarded.product.http, "nobody", 1)
    assert (status, "needs a key" in said) == (401, True)


def test_a_secret_key_does_not_open_other_sites_pages_the_way(guarded: Guarded, page: Page) -> None:
    """Queries answer no preflight: a page of another site cannot read what a person may read."""
    address = f"{guarded.product.http}/api/v1/query?query=up"
    headers = {"Authorization": f"Bearer {guarded.read_key}"}
    assert _call(page, "sent", address, headers, "")[0] == 0
