"""The public page on a phone, without script; and members who write on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import CONFIG, Product, running
from tests.waiting import eventually
from tests.web.pages.conftest import complaints_of
from tests.web.pages.test_accessible import _RULES as RULES
from tests.web.pages.test_accessible import AXE

pytestmark = pytest.mark.browser

PAGE = """
status_page:
  title: Example status
  description: How our services are.
  refresh: 10s
  colours: {header: "#12324f", accent: "#0b579f"}
  links: [{name: Help, url: "mailto:help@example.com"}]
  components:
    - {name: Website with a rather long name that has to wrap, monitor: vector(1)}
  groups:
    - name: Shop
      components:
        - {name: Cart, monitor: vector(0)}
        - {name: Search, monitor: nothing_there}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("status")
    with running(folder, "--auth", "off", config=CONFIG + PAGE) as product:
        eventually(lambda: "Major outage" in product.client.get("/status").text)
        yield product


@pytest.fixture(params=["light", "dark"])
def phone(chromium: Browser, shop: Product, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A phone without script; what its console complains of fails the test."""
    context = chromium.new_context(
        base_url=shop.http,
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
        color_scheme=request.param,
        has_touch=True,
    )
    opened = context.new_page()
    complaints = complaints_of(opened, shop.http)
    yield opened
    context.close()
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []


@pytest.fixture
def member(chromium: Browser, shop: Product) -> Iterator[Page]:
    context = chromium.new_context(base_url=shop.http, viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    complaints = complaints_of(opened, shop.http)
    yield opened
    context.close()
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []


def _is_narrow(page: Page) -> None:
    """Nothing reaches beyond the screen."""
    for box in page.locator("main *").all()[:200]:
        found = box.bounding_box()
        assert found is None or found["x"] + found["width"] <= 391


def test_a_phone_without_script_shows_the_state_first(phone: Page) -> None:
    phone.goto("/status")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Some systems are down")
    banner = phone.get_by_role("status").bounding_box()
    assert banner is not None
    assert banner["y"] < 300
    expect(phone.locator("#component-cart")).to_contain_text("Major outage")
    expect(phone.locator("#component-search")).to_contain_text("No data yet")
    expect(phone.locator("#component-cart svg.bars rect")).to_have_count(90)
    _is_narrow(phone)
    phone.get_by_label("Webhook address").fill("https://10.0.0.1/hook")
    phone.get_by_role("button", name="Confirm my webhook").click()
    expect(phone.locator("main")).to_contain_text("is not on the public internet")
    phone.get_by_role("link", name="Back to the status page").click()
    phone.get_by_role("link", name="Earlier incidents").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("History")
    _is_narrow(phone)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/status", "/status/history", "/status-admin"])
def test_axe_finds_nothing(chromium: Browser, shop: Product, path: str, theme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    context = chromium.new_context(
        base_url=shop.http,
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(path)
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(RULES)
    context.close()
    assert not found, "\n".join(f"{rule}: {nodes}" for rule, nodes in found)


def test_a_member_tells_the_public_and_ends_it(member: Page, shop: Product) -> None:
    member.goto("/status-admin")
    form = member.locator("#new-post")
    form.get_by_label("Title").fill("Carts are lost")
    form.get_by_label("What the public reads").fill("We look into it.")
    form.get_by_label("Cart").check()
    form.get_by_label("Impact").select_option("critical")
    with member.expect_popup() as opened:
        form.get_by_role("button", name="Preview").click()
    expect(opened.value.get_by_role("heading", name="Carts are lost")).to_be_visible()
    expect(opened.value.locator("main")).to_contain_text("Affects: Cart")
    opened.value.close()
    assert "Carts are lost" not in shop.client.get("/status").text
    form.get_by_role("button", name="Tell the public").click()
    expect(member.get_by_role("heading", name="Carts are lost")).to_be_visible()
    page = eventually(lambda: _says(shop, "We look into it."))
    assert "Critical impact" in page
    panel = member.locator(".panel", has=member.get_by_role("heading", name="Carts are lost"))
    panel.get_by_label("It is").select_option("resolved")
    panel.get_by_label("What the public reads next").fill("Carts are back.")
    panel.get_by_role("button", name="Tell the public").click()
    expect(member.get_by_role("link", name="Carts are lost")).to_be_visible()
    eventually(lambda: _says(shop, "Carts are back."))


def test_what_is_refused_is_shown_again_as_it_was_typed(member: Page) -> None:
    member.goto("/status-admin")
    form = member.locator("#new-maintenance")
    form.get_by_label("Title").fill("Database upgrade")
    form.get_by_label("What the public reads").fill("Short.")
    form.get_by_label("Cart").check()
    form.get_by_label("From").fill("yesteryear")
    form.get_by_role("button", name="Announce it").click()
    expect(member.get_by_role("alert").first).to_contain_text("yesteryear")
    expect(form.get_by_label("Title")).to_have_value("Database upgrade")
    expect(form.get_by_label("Cart")).to_be_checked()
    form.get_by_label("From").fill("2099-01-31 02:00")
    form.get_by_role("button", name="Announce it").click()
    expect(member.get_by_role("heading", name="Database upgrade")).to_be_visible()


def test_what_members_see_fits_a_phone(member: Page) -> None:
    member.set_viewport_size({"width": 390, "height": 844})
    member.goto("/status-admin")
    expect(member.get_by_role("heading", name="To embed")).to_be_visible()
    assert member.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_member_sets_a_component_and_takes_it_back(member: Page, shop: Product) -> None:
    member.goto("/status-admin")
    row = member.locator("details", has_text="Search").filter(has_text="Say so")
    row.locator("summary").click()
    row.get_by_label("Say that it is").select_option("degraded_performance")
    row.get_by_label("Why").fill("CANARY only for us")
    row.get_by_role("button", name="Say so").click()
    expect(member.locator("details", has_text="CANARY only for us")).to_have_count(1)
    page = eventually(lambda: _says(shop, "Degraded performance"))
    assert "CANARY" not in page
    row.locator("summary").click()
    row.get_by_label("Say that it is").select_option("")
    row.get_by_role("button", name="Say so").click()
    expect(member.locator("details", has_text="CANARY only for us")).to_have_count(0)


def _says(shop: Product, words: str) -> str:
    page = shop.client.get("/status").text
    return page if words in page else ""
