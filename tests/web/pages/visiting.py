"""How a test comes to a page whose keys it presses or which it measures as a whole."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.waiting import eventually

_ALIVE = "() => !document.querySelector('main :not(:defined), .htmx-request')"


def visit(page: Page, path: str) -> None:
    """Go there; on return its elements are alive, and what it fetches by itself has come."""
    page.goto(path, wait_until="networkidle")
    page.wait_for_function(_ALIVE)


def scrape_now(page: Page) -> int:
    """Have the page's first target scraped: again where a busy machine was too slow to answer.
    How many samples it gave."""
    button = page.get_by_role("button", name="Scrape now").first

    def gave() -> int:
        with page.expect_response("**/targets/scrape") as answer:
            button.click()
        said = answer.value.header_value("hx-trigger") or ""
        found = re.search(r"([\d,]+) samples in", said)
        return int(found[1].replace(",", "")) if found else 0

    count = eventually(gave)
    expect(page.get_by_text("samples in").last).to_be_visible()
    return count
