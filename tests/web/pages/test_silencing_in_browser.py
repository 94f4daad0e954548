"""From a link to a silence, its end, a window and a calendar: as a person does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Product

pytestmark = pytest.mark.browser


def _fires(product: Product, **labels: str) -> None:
    answer = product.client.post_json("/api/v2/alerts", [{"labels": labels}])
    assert answer.status == 200


def test_a_silence_is_made_in_two_clicks_with_a_preview_of_what_it_hides(
    page: Page, product: Product
) -> None:
    _fires(product, alertname="SilencedOne", service="browser-db")
    page.goto('/silences/new?matcher=service="browser-db"')
    expect(page.locator("#silence-preview")).to_contain_text("Hides 1 alert now")
    page.get_by_label("Alerts whose labels").fill('service="browser-other"')
    expect(page.locator("#silence-preview")).to_contain_text("Hides nothing now")
    page.get_by_label("Alerts whose labels").fill('service="browser-db"')
    expect(page.locator("#silence-preview")).to_contain_text("SilencedOne")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_role("heading", name="Silenced on the page")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Hides 1 alert now")
    page.get_by_role("button", name="+1 h").click()
    expect(page.locator(".toast")).to_contain_text("1h longer")
    expect(page.locator(".verdict")).to_contain_text("in 2 h")
    page.get_by_role("button", name="End now").click()
    expect(page.locator(".verdict")).to_contain_text("Over")


def test_a_condition_that_is_none_is_refused_where_it_was_typed(page: Page) -> None:
    page.goto("/silences/new")
    page.get_by_label("Alerts whose labels").fill('service=~"("')
    expect(page.locator("#silence-preview")).to_contain_text("missing )")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Alerts whose labels")).to_have_value('service=~"("')


def test_a_recurring_window_is_planned_seen_in_the_month_and_removed(page: Page) -> None:
    page.goto('/silences/new?kind=maintenance&matcher=service="browser-x"')
    page.get_by_label("Name").fill("Browser vacuum")
    page.get_by_label("Again and again").fill("daily 02:00-04:00 Europe/Berlin")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("main")).to_contain_text("daily 02:00-04:00 Europe/Berlin")
    page.goto("/silences?view=month&zone=Europe/Berlin")
    slots = page.get_by_role("link", name="02:00–04:00 Browser vacuum")
    page.get_by_role("link", name="Later").click()  # of this month only hours may be left
    expect(slots.nth(20)).to_be_visible()
    slots.first.click()
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/silences")
    page.goto("/silences?q=Browser+vacuum")
    expect(page.locator("main")).not_to_contain_text("daily 02:00")


def test_a_calendar_is_taken_over_and_what_names_no_alerts_is_refused(page: Page) -> None:
    event = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:browser@x\nSUMMARY:Imported work\n"
        "DTSTART:20990301T020000Z\nDTEND:20990301T040000Z\n{}END:VEVENT\nEND:VCALENDAR\n"
    )
    page.goto("/silences/calendars")
    page.get_by_label("or its text").fill(event.format("X-TOCSIN-MATCHERS:a=b\n"))
    page.get_by_role("button", name="Take over").click()
    expect(page.locator("main")).to_contain_text("1 window taken over")
    page.get_by_role("button", name="Show the address").click()
    expect(page.locator("main")).to_contain_text("/api/maintenance.ics?token=")


def test_without_script_a_silence_is_made_and_ended(page: Page, product: Product) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(base_url=product.http, java_script_enabled=False)
    plain = context.new_page()
    plain.goto("/silences/new?matcher=service=noscript")
    plain.get_by_role("button", name="Preview").click()
    expect(plain.locator("#silence-preview")).to_contain_text("Hides nothing now")
    plain.get_by_role("button", name="Silence", exact=True).click()
    plain.get_by_role("button", name="End now").click()
    expect(plain.locator(".verdict")).to_contain_text("Over")
    context.close()
