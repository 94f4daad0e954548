"""Templates are tried on their page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_a_template_is_tried_and_a_mistake_is_shown(page: Page) -> None:
    page.goto("/incidents/templates")
    expect(page.locator("pre.said")).to_contain_text("INC-2026-0042")
    page.get_by_label("Template").fill("{{ severity }}: {{ titel }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".problem")).to_contain_text("unknown field 'titel'")
    page.get_by_label("Template").fill("{{ severity }}: {{ title }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("pre.said")).to_have_text("P0: Checkout fails for every customer")
