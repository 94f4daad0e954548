"""An update is sent from an incident's page, and its timeline says so."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_an_update_is_sent_and_the_next_one_promised(page: Page) -> None:
    page.goto("/incidents/new")
    page.get_by_label("What is wrong?").or_(page.locator("input[name=title]")).first.fill("Slow")
    page.locator("input[name=severity]").first.check()
    page.get_by_role("button", name="Open the incident").click()
    expect(page).to_have_url(re.compile(r"/incidents/INC-\d{4}-\d{4}$"))
    expect(page.locator("#response")).to_contain_text("Nothing is done by itself")
    page.get_by_role("button", name="Send an update").click()
    dialog = page.locator("dialog#update")
    dialog.locator("textarea[name=text]").fill("The deploy is taken back")
    dialog.locator("input[name=eta]").fill("14:30")
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator("#timeline")).to_contain_text("The deploy is taken back")
    expect(dialog).to_be_hidden()
