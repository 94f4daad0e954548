"""Chromium and a Tocsin of the tests' own, for the tests that only a browser can do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.product import Product, running
from tests.waiting import eventually


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Tocsin without login that scrapes itself, and has done so."""
    with running(tmp_path_factory.mktemp("tocsin"), "--auth", "off") as product:
        product.scrape(product.http.removeprefix("http://"))
        eventually(lambda: product.client.query('scrape_duration_seconds{job="apps"}'))
        yield product


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    """A page; what its console complains of, blocked by the policy too, fails the test."""
    context = chromium.new_context(base_url=product.http, viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    complaints = complaints_of(opened, product.http)
    yield opened
    context.close()
    assert complaints == []


def complaints_of(page: Page, address: str) -> list[str]:
    """Errors, warnings and requests to others, as they happen."""
    found: list[str] = []
    page.on(
        "console",
        lambda said: found.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "request", lambda sent: None if sent.url.startswith(address) else found.append(sent.url)
    )
    return found
