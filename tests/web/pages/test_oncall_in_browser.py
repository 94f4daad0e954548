"""Who is on call, taking over in two clicks, a swap, and a phone: as a person does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import CONFIG, Product, running
from tests.web.pages.conftest import complaints_of

pytestmark = pytest.mark.browser

ONCALL = """
oncall:
  people:
    ana: {full_name: Ana Lima, methods: [{kind: push}]}
    bo: {full_name: Bo Lind, methods: [{kind: push}]}
    cai: {full_name: Cai Wen, methods: [{kind: push}]}
  schedules:
    primary:
      timezone: Europe/Berlin
      layers: [{name: main, people: [ana], rotation: weekly}]
    office:
      timezone: UTC
      layers:
      - {people: [bo], rotation: daily, restrictions: [{from: "08:00", to: "16:00"}]}
"""


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Tocsin with people on call."""
    folder = tmp_path_factory.mktemp("oncall")
    with running(folder, "--auth", "off", config=CONFIG + ONCALL) as product:
        yield product


@pytest.fixture
def page(chromium: Browser, staffed: Product) -> Iterator[Page]:
    """A page; what its console complains of fails the test, but for forms that are refused."""
    context = chromium.new_context(base_url=staffed.http, viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    complaints = complaints_of(opened, staffed.http)
    yield opened
    context.close()
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []


def test_somebody_takes_over_in_two_clicks_and_gives_it_back(page: Page) -> None:
    page.goto("/oncall")
    expect(page.locator(".top .on-call")).to_contain_text("Ana Lima")
    page.locator(".calendar [aria-current] .slot").first.click()
    page.get_by_role("button", name="Cai Wen").click()
    page.wait_for_url("**/oncall?schedule=primary")
    expect(page.locator(".oncall-card").first.locator(".now")).to_have_text("Cai Wen")
    expect(page.locator(".top .on-call")).to_contain_text("Cai Wen")
    page.get_by_role("button", name="End the override").click()
    expect(page.locator(".oncall-card").first.locator(".now")).to_have_text("Ana Lima")


def test_a_gap_is_amber_and_filled(page: Page) -> None:
    page.goto("/oncall?schedule=office&view=month")
    expect(page.locator(".calendar .slot.warning").nth(20)).to_be_visible()
    page.get_by_role("link", name="Fill").last.click()
    expect(page.locator("main")).to_contain_text("nobody is on call")
    page.get_by_role("button", name="Bo Lind").click()
    page.wait_for_url("**/oncall?schedule=office")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("main")).not_to_contain_text("by local")


def test_a_swap_waits_until_it_is_accepted(page: Page) -> None:
    page.goto("/oncall")
    page.get_by_role("link", name="Take over").nth(1).click()
    page.get_by_label("Whom to ask").select_option("Bo Lind")
    page.get_by_label("Why").last.fill("wedding")
    page.get_by_role("button", name="Ask for a swap").click()
    swap = page.locator("#swaps li")
    expect(swap).to_contain_text("asks bo: wedding")
    page.get_by_role("button", name="Accept for bo").click()
    expect(page.locator("#swaps")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("swap of ana: wedding")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("main")).not_to_contain_text("swap of ana")


def test_an_impossible_time_is_refused_in_the_form(page: Page) -> None:
    page.goto("/oncall/override?schedule=primary")
    page.get_by_label("until").fill("2020-01-01 00:00")
    page.get_by_role("button", name="Bo Lind").click()
    expect(page.get_by_role("alert")).to_contain_text("over already")


def test_a_calendar_is_subscribed_to_and_revoked(page: Page, staffed: Product) -> None:
    page.goto("/oncall/calendars")
    page.get_by_label("Calendar").select_option("Schedule office")
    page.get_by_role("button", name="Show the address").click()
    shown = page.locator("tc-code pre", has_text="/api/oncall/schedules/office.ics?token=").first
    address = shown.inner_text()
    assert b"BEGIN:VEVENT" in staffed.client.get(address.removeprefix(staffed.http)).body
    page.get_by_label("Calendar").select_option("Schedule office")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("main")).to_contain_text("is shut out now")


@pytest.mark.parametrize("path", ["/oncall", "/oncall?schedule=office&view=month"])
def test_a_phone_shows_everything_without_moving_sideways(
    chromium: Browser, staffed: Product, path: str
) -> None:
    size = {"width": 390, "height": 844}
    context = chromium.new_context(base_url=staffed.http, viewport=size, color_scheme="dark")  # type: ignore[arg-type]  # a plain dict
    page = context.new_page()
    page.goto(path)
    expect(page.locator("#handover-summary")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
