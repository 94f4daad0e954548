"""An incident is opened, worked on and resolved in a browser, by two people at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def _open(page: Page, title: str, severity: str = "P1") -> str:
    """Open one by hand; its number."""
    page.goto("/incidents")
    page.get_by_role("link", name="Open an incident").click()
    page.get_by_label("What is wrong, in a few words").fill(title)
    page.get_by_role("radio", name=re.compile(severity)).check()
    page.get_by_label(re.compile("Services")).fill("shop, checkout")
    page.get_by_label(re.compile("What is known so far")).fill("Since **noon**, <b>all</b> of them")
    page.get_by_role("button", name="Open the incident").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-\d{4}$"))
    return page.url.rpartition("/")[2]


def test_somebody_opens_takes_notes_in_and_resolves_an_incident(page: Page) -> None:
    number = _open(page, "Checkout fails")
    expect(page.get_by_role("heading", name="Checkout fails")).to_be_visible()
    expect(page.locator("#facts strong")).to_have_text("noon")
    expect(page.locator("#facts .note-text")).to_contain_text("<b>all</b>")
    expect(page.locator("#changed")).to_contain_text("What changed")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Investigating")
    page.get_by_role("button", name="I take it").click()
    expect(page.get_by_label("Assignee")).to_have_value("local")
    page.get_by_label("Note").fill("The pool is *empty*")
    page.get_by_label("Note").press("Control+Enter")
    expect(page.locator("#timeline em")).to_have_text("empty")
    expect(page.get_by_label("Note")).to_have_value("")
    page.get_by_label("More").first.click()
    page.get_by_role("button", name="Link what belongs to it").click()
    page.get_by_label("What is it?").select_option("log")
    page.get_by_label("Address, question, id or name").fill("service:shop level:error")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.locator("#facts a[href^='/logs?q=service']")).to_be_visible()
    page.get_by_role("button", name="Resolve", exact=True).click()
    dialog = page.get_by_role("dialog", name="Resolve")
    dialog.get_by_label("What ended it?").fill("A larger pool")
    dialog.get_by_label("Kind of cause").fill("database")
    dialog.get_by_role("button", name="Resolve the incident").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Resolved")
    expect(page.locator("#facts")).to_contain_text("A larger pool")
    page.goto("/incidents?q=checkout")
    expect(page.locator("#past-incidents")).to_contain_text(number)


def test_what_one_does_appears_where_another_looks_and_leaves_what_is_typed(
    page: Page, product: Product
) -> None:
    number = _open(page, "Search is slow", "P2")
    page.get_by_label("Note").fill("half a thou")
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(base_url=product.http) as other:
        theirs = other.new_page()
        theirs.goto(f"/incidents/{number}")
        theirs.get_by_label("Note").fill("The index is being rebuilt")
        theirs.get_by_role("button", name="Note", exact=True).click()
        expect(theirs.locator("#timeline")).to_contain_text("The index is being rebuilt")
        expect(page.locator("#timeline")).to_contain_text("The index is being rebuilt")
        expect(page.get_by_label("Note")).to_have_value("half a thou")
        _open(theirs, "Search is down", "P0")
        bar = theirs.locator(".state-bar").inner_text()
        theirs.goto(f"/incidents/{number}")
        page.get_by_label("Note").fill("half a thought")
        theirs.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_role("button", name="Give back")).to_be_visible()
    expect(page.locator(".state-bar")).to_contain_text(bar.partition(",")[0])
    expect(page.get_by_label("Note")).to_have_value("half a thought")


def test_a_page_that_is_not_live_any_more_says_so(chromium: Browser, product: Product) -> None:
    with chromium.new_context(base_url=product.http) as context:
        page = context.new_page()
        _open(page, "The network is down", "P2")
        warning = page.get_by_role("alert").filter(has_text="Not live since")
        expect(warning).to_be_hidden()
        context.set_offline(True)
        page.evaluate("document.body.dispatchEvent(new CustomEvent('refresh'))")
        expect(warning).to_contain_text("Tocsin does not answer.")
        context.set_offline(False)
        page.evaluate("document.body.dispatchEvent(new CustomEvent('refresh'))")
        expect(warning).to_be_hidden()


def test_an_edit_of_what_somebody_else_edited_shows_theirs_and_keeps_ours(
    page: Page, product: Product
) -> None:
    number = _open(page, "Mails are late", "P2")
    page.goto(f"/incidents/{number}/edit")
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(base_url=product.http) as other:
        late = other.new_page()
        late.goto(f"/incidents/{number}/edit")
        late.get_by_label("Title").fill("Mails are very late")
        late.get_by_label(re.compile("Kind of cause")).fill("queue")
        page.get_by_label("Title").fill("Mails are lost")
        page.get_by_label(re.compile("Services")).fill("mailer")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Mails are lost")).to_be_visible()
        with late.expect_response(lambda answer: answer.status == 409):
            late.get_by_role("button", name="Save").click()
        expect(late.locator(".notice")).to_contain_text("Mails are lost")
        expect(late.get_by_label("Title")).to_have_value("Mails are very late")
        late.get_by_role("button", name="Save").click()
        expect(late.get_by_role("heading", name="Mails are very late")).to_be_visible()
        expect(late.locator("#facts")).to_contain_text("mailer")
        expect(late.locator("#facts")).to_contain_text("queue")


def test_an_incident_fits_a_phone_and_can_be_merged_into_another(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    first = _open(page, "Cards fail")
    second = _open(page, "Payments fail " + "and fail " * 15, "P0")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    page.goto(f"/incidents/{first}")
    page.get_by_label("More").first.click()
    page.get_by_role("button", name="Merge into another").click()
    page.get_by_label("The incident that this one is part of").fill(second)
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page).to_have_url(re.compile(f"/incidents/{second}$"))
    expect(page.locator("#timeline")).to_contain_text(first)
    page.goto(f"/incidents/{first}")
    expect(page.locator(".notice")).to_contain_text(f"Part of {second}")
