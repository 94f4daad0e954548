"""From an alert to its graph, its silence and who has it; from a query to an alert that fires."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product, running
from tests.waiting import eventually
from tests.web.pages.alert_world import CONFIG, ROUTES, RULES
from tests.web.pages.conftest import complaints_of
from tests.web.pages.test_accessible import AXE
from tests.web.pages.test_accessible import _problems as problems
from tests.web.pages.visiting import visit

pytestmark = pytest.mark.browser

_PAUSE_SECONDS = 1.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Tocsin whose rules are evaluated each second, and a shop that is busy on two nodes."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "rules.yml").write_text(RULES)
    (folder / "alertmanager.yml").write_text(ROUTES)
    with running(folder, "--auth", "off", config=CONFIG) as product:
        ended = threading.Event()
        thread = threading.Thread(target=_send, args=(product, ended))
        thread.start()
        try:
            eventually(lambda: len(_firing(product)) >= 2)
            eventually(lambda: product.client.get("/api/notifications").json["notifications"])
            yield product
        finally:
            ended.set()
            thread.join()


def _send(product: Product, ended: threading.Event) -> None:
    while not ended.wait(_PAUSE_SECONDS):
        for node, load in (("a", 12), ("b", 30), ("c", 4)):
            one = {"name": "shop_load", "value": load, "tags": {"node": node}}
            product.client.post_json("/api/metrics", one)


def _firing(product: Product) -> list[object]:
    found = product.client.get("/api/v2/alerts").json
    return [one for one in found if one["labels"].get("alertname") == "ShopBusy"]


@pytest.fixture(params=[1440, 390], ids=["laptop", "phone"])
def page(chromium: Browser, shop: Product, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = chromium.new_context(
        base_url=shop.http, viewport={"width": request.param, "height": 900}
    )
    opened = context.new_page()
    complaints = complaints_of(opened, shop.http)
    yield opened
    context.close()
    # A form that is refused is one to the browser, too.
    assert [one for one in complaints if "status of 400" not in one] == []


def test_an_alert_is_looked_at_acknowledged_and_silenced(page: Page, shop: Product) -> None:
    page.goto("/alerts")
    # A busy machine has an alert of its own: that rules are evaluated late.
    group = page.locator(".alert-group").filter(has_text="ShopBusy")
    expect(group.locator(".alert-row")).to_have_count(2)
    group.locator("tc-chart canvas").first.wait_for()
    page.get_by_role("link", name="a has a load of 12", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ShopBusy")
    page.locator("tc-chart canvas").wait_for()
    expect(page.locator("main")).to_contain_text("Why was I paged?")
    expect(page.get_by_role("link", name="Runbook")).to_have_attribute(
        "href", "https://wiki.example/shop-busy"
    )
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("main")).to_contain_text("Acknowledged by local")
    page.goto("/alerts")
    row = group.locator(".alert-row").filter(has_text="a has a load")
    expect(row).to_contain_text("Acknowledged by local")
    row.get_by_role("button", name="Give back").click()
    expect(row.get_by_role("button", name="Acknowledge")).to_be_visible()
    row.get_by_role("link", name="Silence").click()
    expect(page.locator("#silence-preview")).to_contain_text("Hides 1 alert now")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_role("heading", name="Silenced on the page")).to_be_visible()
    page.goto("/alerts")
    expect(group.locator(".alert-row")).to_have_count(1)
    expect(page.locator("#held")).to_contain_text("silenced by local")
    page.goto("/silences")
    ends = page.get_by_role("button", name="End now")
    expect(ends).to_have_count(1)
    ends.click()
    expect(ends).to_have_count(0)
    page.goto("/alerts")
    expect(group.locator(".alert-row").filter(has_text="a has a")).to_have_count(1)


def test_the_list_follows_what_happens_without_being_loaded_again(
    page: Page, shop: Product
) -> None:
    page.goto("/alerts?by=none")
    page.evaluate("window.sameDocument = true")
    name = f"Outside{page.viewport_size['width'] if page.viewport_size else 0}"
    shop.client.post_json("/api/v2/alerts", [{"labels": {"alertname": name, "job": "x"}}])
    row = page.locator(".alert-row").filter(has_text=name)
    expect(row).to_be_visible(timeout=120_000)
    assert page.evaluate("window.sameDocument")
    row.get_by_role("link", name="job=x").click()
    expect(page).to_have_url(re.compile("q=job%3D%22x%22"))


def test_one_alert_follows_what_happens_and_its_buttons_keep_the_focus(
    page: Page, shop: Product
) -> None:
    page.clock.install()
    name = f"Known{page.viewport_size['width'] if page.viewport_size else 0}"
    shop.client.post_json("/api/v2/alerts", [{"labels": {"alertname": name}}])
    [one] = [
        found
        for found in shop.client.get("/api/v2/alerts").json
        if found["labels"]["alertname"] == name
    ]
    page.goto(f"/alerts/{one['fingerprint']}")
    button = page.get_by_role("button", name="Acknowledge")
    button.focus()
    path = f"/api/alerts/{one['fingerprint']}/acknowledge"
    assert shop.client.post_json(path, {"note": "at it"}).status == 200
    page.clock.run_for(16_000)
    expect(page.locator(".alert-head")).to_contain_text("Acknowledged by local")
    expect(page.get_by_role("button", name="Give back")).to_be_focused()


def test_the_keyboard_walks_acknowledges_and_silences(page: Page) -> None:
    page.goto("/alerts?by=none&q=node=b")
    row = page.locator(".alert-row")
    expect(row).to_have_count(1)
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("a")
    expect(row).to_contain_text("Acknowledged by local")
    expect(row).to_be_focused()
    row.get_by_role("button", name="Give back").click()
    expect(row.get_by_role("button", name="Acknowledge")).to_be_visible()
    row.focus()
    page.keyboard.press("s")
    expect(page.locator("#silence-preview")).to_contain_text("Hides 1 alert now")
    page.go_back(wait_until="load")
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/alerts/[0-9a-f]{16}$"))


def test_a_query_becomes_an_alert_that_fires_and_can_be_taken_to_git(
    page: Page, shop: Product
) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    name = f"MadeOfAQuery{width}"
    page.goto("/explore?a=sum by (node) (shop_load)")
    page.get_by_role("link", name="Make an alert of this").click()
    expect(page.get_by_label("Expression")).to_have_value("sum by (node) (shop_load)")
    expect(page.locator("#rule-preview")).to_contain_text("Nothing is compared")
    page.get_by_role("textbox", name="Threshold").fill("20")
    expect(page.locator("#rule-preview code")).to_have_text("sum by (node) (shop_load) > 20")
    page.locator("#rule-preview tc-chart canvas").wait_for()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Severity").fill("info")
    page.get_by_label("Must hold for").fill("0s")
    page.get_by_label("Message").fill("{{ $labels.node }} is busy")
    expect(page.locator("#rule-trial")).to_contain_text("in the last 7 days", timeout=120_000)
    page.get_by_role("button", name="Make the alert").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.goto(f"/alerts?q={name}")
    expect(page.locator(".alert-row")).to_contain_text("b is busy", timeout=120_000)
    assert name in shop.client.get("/api/v1/rules").text
    assert f"alert: {name}" in shop.client.get("/api/rules/made.yml").text
    page.goto(f"/rules/made here/{name}")
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator("main")).to_contain_text("made here, not evaluated")
    page.get_by_role("button", name="Switch on").first.click()
    expect(page.locator("main")).not_to_contain_text("made here, not evaluated")
    page.goto(f"/rules/made here/{name}")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("main")).not_to_contain_text(name)


def test_what_is_wrong_with_a_rule_is_said_where_it_stands(page: Page) -> None:
    page.goto("/rules/new?expr=sum(up")
    expect(page.locator("#rule-preview")).to_contain_text("1:7: parse error")
    page.get_by_label("Expression").fill("up == 0")
    page.get_by_label("Name").fill("WrongLength")
    page.get_by_label("Must hold for").fill("soon")
    page.get_by_role("button", name="Make the alert").click()
    expect(page.locator("#rule-form")).to_contain_text("duration")
    expect(page.get_by_label("Name")).to_have_value("WrongLength")


@pytest.mark.parametrize(
    "path", ["/alerts", "/rules", "/rules/shop/ShopBusy", "/rules/new?expr=up"]
)
def test_axe_finds_nothing_on_pages_that_are_full(page: Page, path: str) -> None:
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    page.emulate_media(reduced_motion="reduce")
    visit(page, path)
    if path == "/alerts":
        assert problems(page) == []
        page.locator(".alert-row", has_text="b has a load").locator("a.name").click()
        page.locator("tc-chart canvas").wait_for()
    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_rule_shows_its_graph_and_its_alerts(page: Page) -> None:
    page.goto("/rules?q=shopbusy")
    page.get_by_role("link", name="ShopBusy").first.click()
    expect(page).to_have_url(re.compile("/rules/shop/ShopBusy$"))
    page.locator("tc-chart canvas").wait_for()
    expect(page.locator("main")).to_contain_text("b has a load of 30")
    expect(page.locator("main")).to_contain_text("rules.yml:7")
