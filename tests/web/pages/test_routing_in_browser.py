"""The page Routing with routes on it, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import CONFIG, Product, running
from tests.web.pages.conftest import complaints_of
from tests.web.pages.test_accessible import AXE, _problems
from tests.web.pages.visiting import visit

pytestmark = pytest.mark.browser

POLICY = """
severities:
  critical:
    description: Service is down or severely degraded
    response_time: 5 minutes
    channels: [pager, chat]
    escalation: [engineering-manager]
  low: {channels: [chat], active_time_intervals: [office]}
alerting:
  channels:
    pager: {kind: pagerduty, routing_key: k}
    chat: {kind: slack, api_url: "http://127.0.0.1:9"}
    engineering-manager: {kind: webhook, url: "http://127.0.0.1:9"}
  time_intervals: {office: [{weekdays: ["monday:friday"]}]}
"""


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Tocsin with a policy, without login."""
    folder = tmp_path_factory.mktemp("routed")
    with running(folder, "--auth", "off", config=CONFIG + POLICY) as product:
        yield product


@pytest.fixture
def phone(chromium: Browser, routed: Product) -> Iterator[Page]:
    """A page of a phone."""
    context = chromium.new_context(base_url=routed.http, viewport={"width": 390, "height": 844})
    opened = context.new_page()
    complaints = complaints_of(opened, routed.http)
    yield opened
    context.close()
    assert complaints == []


def test_somebody_asks_who_is_told_and_may_share_the_answer(phone: Page) -> None:
    phone.goto("/routing")
    phone.get_by_label("Labels of the alert").fill("severity=critical service=api")
    phone.get_by_label("It begins").fill("Sunday 03:00")
    phone.get_by_label("Time zone").fill("Europe/Berlin")
    phone.get_by_role("button", name="Try it").click()
    expect(phone.locator("#answer")).to_contain_text("engineering-manager (webhook[0]) is told")
    expect(phone.locator("li.taken")).to_have_count(3)
    asked = parse_qs(urlsplit(phone.url).query)
    assert asked["labels"] == ["severity=critical service=api"]
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    phone.reload()
    expect(phone.get_by_label("It begins")).to_have_value("Sunday 03:00")
    expect(phone.locator(".story .day").first).to_contain_text("Sunday")


def test_what_cannot_be_tried_is_said_beside_the_field(phone: Page) -> None:
    phone.goto("/routing?labels=severity")
    field = phone.get_by_label("Labels of the alert")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(phone.get_by_role("alert")).to_contain_text("'severity' is no label; write name=value")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_full_page(chromium: Browser, routed: Product, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    context = chromium.new_context(base_url=routed.http, reduced_motion="reduce")
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    visit(page, "/routing?labels=severity%3Dlow&at=Sunday+03:00&for=3d")
    found = _problems(page)
    context.close()
    assert not found, "\n".join(f"{rule}: {nodes}" for rule, nodes in found)
