"""A post-mortem is drafted, written by two with a preview, and published; things are done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product
from tests.waiting import eventually
from tests.web.pages.conftest import complaints_of

pytestmark = pytest.mark.browser


@pytest.fixture
def number(product: Product) -> str:
    """A new incident that is over."""
    client = product.client
    made = client.post_json("/api/incidents", {"severity": "P2", "title": "Search was slow"})
    number = str(made.json["number"])
    body = {"resolution": "restarted", "cause": "browser-test"}
    assert client.post_json(f"/api/incidents/{number}/resolve", body).status == 200
    return number


@pytest.fixture
def refused(chromium: Browser, product: Product) -> Iterator[Page]:
    """A page that is answered with 400 or 409, of which a browser complains by itself."""
    context = chromium.new_context(base_url=product.http, viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    complaints = complaints_of(opened, product.http)
    yield opened
    context.close()
    assert [one for one in complaints if not one.startswith("Failed to load resource")] == []


@pytest.fixture
def phone(chromium: Browser, product: Product) -> Iterator[Page]:
    context = chromium.new_context(base_url=product.http, viewport={"width": 390, "height": 800})
    opened = context.new_page()
    complaints = complaints_of(opened, product.http)
    yield opened
    context.close()
    assert complaints == []


def test_a_document_is_drafted_written_and_published(
    page: Page, product: Product, number: str
) -> None:
    page.goto(f"/incidents/{number}/postmortem")
    page.get_by_role("button", name="Draft it now").click()
    expect(page.locator(".written h1")).to_contain_text("Search was slow")
    page.get_by_role("link", name="Edit", exact=True).click()
    editor = page.get_by_label("Text in Markdown")
    editor.fill("# Learnt\n\nIt was the **index** <script>alert(1)</script>")
    expect(page.locator("#editor-preview")).to_contain_text("It was the index")
    expect(page.locator("#editor-preview strong")).to_have_text("index")
    expect(page.locator("#editor-preview")).to_contain_text("<script>alert(1)</script>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".written h1")).to_have_text("Learnt")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".document-bar")).to_contain_text("Published")
    page.get_by_role("link", name="Version 1", exact=True).click()
    expect(page.locator(".difference")).to_contain_text("+# Learnt")


def test_what_somebody_else_saved_meanwhile_is_shown_beside_ones_own(
    refused: Page, product: Product, number: str
) -> None:
    client, path = product.client, f"/api/incidents/{number}/postmortem"
    assert client.post_json(path, {}).status == 201
    refused.goto(f"/postmortems/{number}/edit")
    refused.get_by_label("Text in Markdown").fill("mine")
    body = b'{"version": 1, "text": "theirs"}'
    assert client.send("PUT", path, body).status == 200
    with refused.expect_response(f"**/postmortems/{number}/edit") as sent:
        refused.get_by_role("button", name="Save").click()
    assert sent.value.status == 409
    expect(refused.locator("main")).to_contain_text("saved version 2 meanwhile")
    expect(refused.locator(".difference")).to_contain_text("theirs")
    expect(refused.get_by_label("Text in Markdown")).to_have_value("mine")
    refused.get_by_role("button", name="Save").click()
    expect(refused.locator(".written")).to_contain_text("mine")
    versions = client.get(f"{path}/versions").json
    assert [one["version"] for one in versions] == [3, 2, 1]


def test_things_to_do_are_made_and_done_on_a_phone(
    phone: Page, product: Product, number: str
) -> None:
    phone.goto(f"/postmortems/{number}")
    phone.get_by_label("To do").fill("Alert on a slow index")
    phone.get_by_label("Owner").fill("ana")
    phone.get_by_label("Due").fill("2020-01-02")
    phone.get_by_role("button", name="Add").click()
    eventually(lambda: product.client.get("/api/action-items", owner="ana").json)
    phone.goto("/postmortems/items?overdue=1&owner=ana")
    row = phone.locator("tr", has_text=number)
    expect(row).to_contain_text("2020-01-02 overdue")
    row.locator("summary").click()
    row.get_by_label("State", exact=True).select_option("done")
    row.get_by_role("button", name="Save").click()
    eventually(lambda: product.client.get("/api/action-items", state="done", owner="ana").json)
    phone.goto("/postmortems/items?overdue=1&owner=ana")
    expect(phone.locator("main")).not_to_contain_text(number)


def test_numbers_of_what_was_open(refused: Page, number: str) -> None:
    refused.goto("/incidents/statistics")
    expect(refused.locator("main")).to_contain_text("browser-test")
    refused.get_by_label("Opened in the last").select_option("28")
    refused.get_by_label("by the clocks of").fill("Mars/Olympus")
    with refused.expect_response("**/incidents/statistics?**") as sent:
        refused.get_by_role("button", name="Show").click()
    assert sent.value.status == 400
    expect(refused.locator("main")).to_contain_text("there is no time zone")
